"""What happens when processes end, by themselves or because they are told to.

Rules
    * Tasks that a dead worker had not started go back to the queue at no cost. The one it
      ran uses up a retry; so do those it ran but had not reported (unless they may run
      only once: then they fail, because they may have run).
    * What a worker hands back goes to the front of its queue, unless it was cancelled.
    * An actor with restarts left is made again. The calls it had not started, and those that may
      be repeated, wait for it in their order. Of an actor that runs several calls at once nobody
      can tell which ones it had started: all count as started.
    * An actor that exits of its own will, or is killed without restart, stays dead.
"""

from __future__ import annotations

from ray_jupyter.runtime.core import actors, leases, memory, placement
from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core.cancelling import close_streams
from ray_jupyter.runtime.core.failures import CANCELLED_VALUE
from ray_jupyter.runtime.core.outbox import Outbox
from ray_jupyter.runtime.core.recovery import admit, fail, may_retry, repeat
from ray_jupyter.runtime.core.references import await_missing, discard, retain, settle, undefine
from ray_jupyter.runtime.core.state import (
    NOBODY,
    ActorRecord,
    ClientRecord,
    ClusterState,
    TaskRecord,
)
from ray_jupyter.runtime.protocol.messages import ACTOR, ACTOR_ERROR, SYSTEM_ERROR, Descriptor


def kill_actor(state: ClusterState, out: Outbox, actor: ActorRecord, *, no_restart: bool) -> None:
    """End an actor's process, or its creation if it has none."""
    how = "was killed by ray.kill"
    worker = state.clients.get(actor.worker)
    creation = state.tasks.get(actor.id)
    if not no_restart and actor.restarts_left:
        if worker is not None and not worker.stopping:
            actor.leaving = f"{how}(no_restart=False)"
            worker.stopping = True
            out.commands.append(c.KillWorker(worker.id))
        return
    cause = (ACTOR_ERROR, f"actor {actor.name} {how}", None)
    if worker is not None:
        worker.stopping = True
        out.commands.append(c.KillWorker(worker.id))
        actors.doom(state, out, actor, cause)
    elif creation is not None:
        fail(state, out, creation, cause)


def exit_actor(state: ClusterState, out: Outbox, client: int, how: str) -> None:
    """An actor says that it ends; what it has not started fails."""
    worker = state.clients[client]
    actor = worker.actor
    if actor is not None and actor.cause is None:
        worker.stopping = True
        cause = (ACTOR_ERROR, f"actor {actor.name} {how}", None)
        for call in actors.end(state, out, actor, cause):
            fail(state, out, call, cause)


def lose_worker(
    state: ClusterState, out: Outbox, worker: ClientRecord, reason: str, running: int
) -> None:
    """A worker died: retry or fail what it had, forget what it held."""
    del state.clients[worker.id]
    state.idle.pop(worker.id, None)
    actor = worker.actor
    state.settled.pop(worker.id, None)
    if worker.lease is not None:
        state.queues[worker.lease].members.pop(worker.id, None)
        leases.end(state, worker)
    if worker.is_worker:
        placement.top_up_pool(state, out)
    tasks = list(worker.inflight.values())
    worker.inflight = {}
    at, how = _last_started(tasks, running), reason
    if actor is not None:
        how = _lose_actor(state, out, actor, reason, created=actor.id not in map(_id, tasks))
        if actor.concurrent:
            at = len(tasks) - 1
    for index in reversed(range(len(tasks))):
        task = tasks[index]
        started = index <= at or task.in_place
        task.worker, task.in_place = 0, False
        if task.cancelled:
            fail(state, out, task, CANCELLED_VALUE)
        elif task.actor is not None:
            _lose_call(state, out, task, task.actor, how, started=started)
        elif not started:
            placement.enqueue(state, task, front=True)
        elif may_retry(task):
            repeat(state, task)
        else:
            fail(state, out, task, _crash(task, reason))


def _id(task: TaskRecord) -> int:
    return task.id


def _last_started(tasks: list[TaskRecord], running: int) -> int:
    """Return the index of the last task that the worker took from its inbox, or -1.

    A task in place runs on the stack of another, usually its parent.
    """
    at = {task.id: index for index, task in enumerate(tasks)}
    index = at.get(running, -1)
    while index >= 0 and tasks[index].in_place:
        index = at.get(tasks[index].parent, 0)
        if index == 0:
            break
    return index


def _lose_actor(
    state: ClusterState, out: Outbox, actor: ActorRecord, reason: str, *, created: bool
) -> str:
    """An actor's process is gone: make it again, or end it; return why it is gone."""
    how, actor.leaving = actor.leaving or f"died: {reason}", ""
    actor.worker = NOBODY
    if actor.restarts_left and state.actors.get(actor.id) is actor:
        actor.restarts += 1
        if created:
            _make_again(state, out, actor)
        return how
    if actor.restarts:
        how = f"died, after all {actor.restarts} restarts that max_restarts allows: {reason}"
    cause = actor.cause or (ACTOR_ERROR, f"actor {actor.name} {how}", None)
    for call in actors.end(state, out, actor, cause):
        fail(state, out, call, cause)
    return how


def _make_again(state: ClusterState, out: Outbox, actor: ActorRecord) -> None:
    """Queue the creation of an actor that lived; what it held passes to the new task."""
    old, actor.creation = actor.creation, None
    assert old is not None, f"actor {actor.id} has restarts left and nothing to restart from"
    held = (*old.held, actor.id)
    spec = (old.id, old.template.id, old.args, old.deps, held, 0)
    task = TaskRecord(spec, old.template, old.submitter, old.submit_ns)
    task.attempt = actor.restarts
    task.actor = actor
    state.tasks[task.id] = task
    retain(state, [actor.id])
    await_missing(state, task)
    if not task.missing:
        admit(state, out, task, front=True)


def _lose_call(
    state: ClusterState, out: Outbox, task: TaskRecord, actor: ActorRecord, reason: str, *,
    started: bool,
) -> None:  # fmt: skip
    """The process that had this call, or this creation of an actor, is gone; ``reason`` how."""
    if actor.cause is not None:
        fail(state, out, task, actor.cause)
    elif task.template.kind == ACTOR:
        task.attempt = actor.restarts
        placement.enqueue(state, task, front=True)
    elif not started:
        actors.take_back(state, actor, task, front=True)
    elif may_retry(task):
        repeat(state, task)
    else:
        text = f"{task.template.name} may have run, and max_task_retries allows no other try: "
        text += f"actor {actor.name}, which is being restarted, {reason}"
        fail(state, out, task, (SYSTEM_ERROR, "ActorUnavailableError", text))


def hand_back(state: ClusterState, out: Outbox, worker: ClientRecord, task_ids: list[int]) -> None:
    """The worker returns tasks it has not started; they are next in their queues."""
    for task_id in task_ids if worker.actor is not None else reversed(task_ids):
        task = worker.inflight.get(task_id)
        if task is None:
            continue
        placement.unassign(state, out, worker, task)
        task.returns += 1
        if task.cancelled:
            fail(state, out, task, CANCELLED_VALUE)
        elif task.actor is not None:
            actors.take_back(state, task.actor, task)
        else:
            placement.enqueue(state, task, front=True)


def _crash(task: TaskRecord, reason: str) -> Descriptor:
    text = f"{task.template.name} (attempt {task.attempt + 1}): its {reason}"
    return (SYSTEM_ERROR, "WorkerCrashedError", text)


def forget_process(state: ClusterState, out: Outbox, client: ClientRecord) -> None:
    """Drop what a dead process held, mapped, read and was allocating."""
    close_streams(state, out, client.id, None)
    discard(state, out, client.held)
    for template in [t for t in state.templates.values() if t.definer == client.id]:
        undefine(state, out, client.id, template.id)
    for object_id in client.pinned:
        record = state.objects.get(object_id) or state.unreferenced.get(object_id)
        if record is not None and record.pins:
            record.pins.pop(client.id, None)
            settle(state, out, record)
    memory.forget_client(state, out, client.id)
