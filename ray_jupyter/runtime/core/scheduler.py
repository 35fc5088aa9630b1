"""The scheduler's pure part: one method takes events and returns commands.

Lives here: ``SchedulerCore`` and what each event means. Does not: how tasks are placed,
end and hold things (``placement``, ``actors``, ``recovery``, ``cancelling``, ``losses``,
``references``, ``memory``). See also ``invariants.check``, which states what must hold after
every event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray_jupyter.runtime.core import (
    actors,
    cancelling,
    cells,
    losses,
    memory,
    placement,
    reconstruction,
    recovery,
    references,
    streams,
    workers,
)
from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core.outbox import Outbox
from ray_jupyter.runtime.core.resuming import resume
from ray_jupyter.runtime.core.state import (
    ClusterState,
    ObjectRecord,
    TaskRecord,
    TemplateRecord,
)
from ray_jupyter.runtime.core.transitions import PENDING_NODE_ASSIGNMENT, SUBMITTED_TO_WORKER
from ray_jupyter.runtime.protocol.messages import ACTOR, METHOD, Spec

_MAY_MAKE_ROOM = (e.Unpinned, e.Punched, e.ClientLost)


class SchedulerCore:
    """Every decision of the local runtime.

    Args:
        total: resources of this machine, in units by name.
        store_limit_bytes: shared memory that may be in use.
        workers_target: worker processes to keep.
    """

    def __init__(
        self, total: dict[str, int], *, store_limit_bytes: int, workers_target: int
    ) -> None:
        self.state = ClusterState(total, store_limit_bytes, workers_target)
        self._out = Outbox()
        self._now_ns = 0
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            e.Submitted: self._submitted,
            e.Finished: self._finished,
            e.Released: self._released,
            e.Wanted: lambda event: references.want(self.state, self._out, *event),
            e.Claimed: self._claimed,
            e.Put: self._put,
            e.Seen: lambda event: references.see(self.state, event.ids),
            e.Held: lambda event: references.hold(self.state, event.client, event.ids),
            e.Yielded: lambda event: streams.receive(self.state, self._out, *event),
            e.Consumed: lambda event: streams.consume(self.state, self._out, *event),
            e.StreamsClosed: lambda event: cancelling.close_streams(self.state, self._out, *event),
            e.Blocked: self._blocked,
            e.Unblocked: self._unblocked,
            e.Returned: self._returned,
            e.CellBegan: lambda event: cells.begin(self.state, *event),
            e.Moved: lambda event: cells.move(self.state, *event),
            e.Defined: self._defined,
            e.Undefined: self._undefined,
            e.CancelRequested: self._cancel,
            e.KillActorRequested: self._kill_actor,
            e.ResumeRequested: lambda event: resume(self.state, self._out, event, self._now_ns),
            e.RenewalRequested: lambda event: workers.renew(self.state, self._out),
            e.ResizeRequested: lambda event: workers.resize(self.state, self._out, event),
            e.ActorExited: lambda event: losses.exit_actor(self.state, self._out, *event),
            e.ActorSought: lambda event: actors.find(self.state, self._out, *event),
            e.AllocationRequested: self._allocate,
            e.Abandoned: lambda event: memory.abandon(self.state, *event),
            e.Punched: self._punched,
            e.SpilledOut: self._spilled,
            e.Restored: self._restored,
            e.ObjectLost: self._object_lost,
            e.Unpinned: lambda event: references.unpin(self.state, self._out, *event),
            e.ClientJoined: lambda event: workers.join(self.state, self._out, event, self._now_ns),
            e.ClientLost: self._lost,
            e.WorkerRefused: self._refused,
            e.Tick: self._tick,
        }

    def handle(self, event: e.Event, now_ns: int) -> list[c.Command]:
        """Take one event; return what to do, in order.

        Args:
            event: what happened; events of one client come in the order it sent them.
            now_ns: a monotonic clock, never smaller than in the call before.
        """
        self._now_ns = now_ns
        state, out = self.state, self._out
        used_bytes, clock = state.allocator.used_bytes, state.clock
        self._handlers[type(event)](event)
        if state.allocations and (
            state.allocator.used_bytes < used_bytes  # freed
            or state.clock != clock  # sealed: it can be spilled now
            or type(event) in _MAY_MAKE_ROOM
        ):
            memory.retry(state, out)
        placement.dispatch(state, out, now_ns)
        return out.drain()

    def next_deadline_ns(self) -> int | None:
        """Return when to send a ``Tick``, or ``None`` if only events matter."""
        state = self.state
        deadlines = [a.deadline_ns for a in state.allocations if not a.spilling]
        by_and_by = (
            workers.stall_deadline_ns(state),
            workers.spare_deadline_ns(state),
            workers.start_deadline_ns(state, self._now_ns),
        )
        deadlines += [deadline for deadline in by_and_by if deadline is not None]
        return min(deadlines, default=None)

    # Tasks

    def _submitted(self, event: e.Submitted) -> None:
        state = self.state
        for spec in event.specs:
            task, cause = self._create(spec, event.client), None
            if task.template.kind == ACTOR:
                cause = actors.register(state, task)
            elif task.template.kind == METHOD:
                cause = actors.address(state, task)
            if cause is not None:
                creation = state.objects.get(task.held[0]) if task.held else None
                failure = creation.failure if creation is not None else None
                recovery.fail(state, self._out, task, cause, failure=failure)
                continue
            if not task.missing:
                recovery.admit(state, self._out, task)
            if task.parent:
                cancelling.inherit_cancel(state, self._out, task)

    def _create(self, spec: Spec, client: int) -> TaskRecord:
        state = self.state
        template = state.templates[spec[1]]
        template.users += 1
        task = state.tasks[spec[0]] = TaskRecord(spec, template, client, self._now_ns)
        process = state.clients[client]
        for object_id in range(task.id, task.id + task.num_returns):
            record = ObjectRecord(object_id, task)
            record.holders = 1
            state.objects[object_id] = record
            process.held.add(object_id)
        if template.extras:
            streams.begin(state, task)
        if task.parent or process.cell is not None:
            cells.assign(state, task, process.cell, self._now_ns)
        references.depend(state, task)
        return task

    def _claimed(self, event: e.Claimed) -> None:
        worker = self.state.clients[event.client]
        for spec in event.specs:
            task = self._create(spec, event.client)
            task.move(PENDING_NODE_ASSIGNMENT)
            task.move(SUBMITTED_TO_WORKER)
            task.worker = worker.id
            task.in_place = True
            worker.inflight[task.id] = task
            cancelling.inherit_cancel(self.state, self._out, task)

    def _finished(self, event: e.Finished) -> None:
        if worker := self.state.clients.get(event.client):
            recovery.finish(self.state, self._out, worker, event.results, self._now_ns)

    def _blocked(self, event: e.Blocked) -> None:
        state, out = self.state, self._out
        worker = state.clients[event.client]
        worker.blocked_on = tuple(event.ids)  # first: an actor would get back what it returns
        losses.hand_back(state, out, worker, event.returned)
        references.want(state, out, event.client, event.ids)
        placement.block(state, out, worker)

    def _unblocked(self, event: e.Unblocked) -> None:
        worker = self.state.clients[event.client]
        placement.unblock(self.state, worker)
        if worker.actor is not None:
            actors.feed(self.state, self._out, worker.actor)

    def _returned(self, event: e.Returned) -> None:
        state, out = self.state, self._out
        sender = state.clients[event.client]
        losses.hand_back(state, out, sender, event.tasks)
        if event.tasks and sender.inflight:
            sender.recalled = True  # until it ends a task: else it would get them again
        if sender.actor is not None:
            actors.feed(state, out, sender.actor)
        for worker in state.clients.values():
            if worker.blocked_on is not None:
                placement.offer_in_place(state, out, worker)

    def _cancel(self, event: e.CancelRequested) -> None:
        record = self.state.objects.get(event.object_id)
        if record is not None and record.producer is not None:
            cancelling.cancel(
                self.state, self._out, record.producer,
                force=event.force, recursive=event.recursive,
            )  # fmt: skip

    def _kill_actor(self, event: e.KillActorRequested) -> None:
        if (actor := self.state.actors.get(event.actor)) is not None and actor.cause is None:
            losses.kill_actor(self.state, self._out, actor, no_restart=event.no_restart)

    # Templates

    def _defined(self, event: e.Defined) -> None:
        template = TemplateRecord(event.template, event.definition, event.client)
        self.state.templates[template.id] = template
        references.retain(self.state, event.definition[3])

    def _undefined(self, event: e.Undefined) -> None:
        for template_id in event.templates:
            references.undefine(self.state, self._out, event.client, template_id)

    # Objects

    def _put(self, event: e.Put) -> None:
        state = self.state
        process = state.clients[event.client]
        for object_id, value, contained in event.entries:
            record = ObjectRecord(object_id, None)
            record.holders = 1
            state.objects[object_id] = record
            process.held.add(object_id)
            references.seal(state, self._out, record, value, contained)

    def _released(self, event: e.Released) -> None:
        references.release(self.state, self._out, event.client, event.ids)

    # Memory

    def _allocate(self, event: e.AllocationRequested) -> None:
        memory.request(self.state, self._out, event, self._now_ns)

    def _punched(self, event: e.Punched) -> None:
        memory.punched(self.state, event.client, event.offsets, done=event.done)

    def _spilled(self, event: e.SpilledOut) -> None:
        memory.spilled(self.state, self._out, event.client, event.request, event.files)

    def _restored(self, event: e.Restored) -> None:
        recovery.wake(self.state, self._out, memory.restored(
            self.state, self._out, event.client, event.object_id, event.offset, event.size_bytes
        ))  # fmt: skip

    def _object_lost(self, event: e.ObjectLost) -> None:
        _, object_id, path, reason = event
        reconstruction.lose(self.state, self._out, object_id, path, reason, self._now_ns)

    # Processes and time

    def _refused(self, event: e.WorkerRefused) -> None:
        self.state.starting = max(0, self.state.starting - 1)
        self.state.start_after_ns = self._now_ns + placement.REFUSED_NS

    def _lost(self, event: e.ClientLost) -> None:
        state, out = self.state, self._out
        client = state.clients.get(event.client)
        if client is None:
            return
        losses.lose_worker(state, out, client, event.reason, event.running)
        losses.forget_process(state, out, client)

    def _tick(self, event: e.Tick) -> None:
        memory.expire(self.state, self._out, self._now_ns)
        workers.rebalance(self.state, self._out, self._now_ns)
        workers.retire_spares(self.state, self._out, self._now_ns)
