"""How tasks end: well, badly, or with their worker.

Rules
    * A task ends once. Results of a worker that does not have the task are ignored.
    * Tasks that a dead worker had not started go back to the queue at no cost. The one it
      ran uses up a retry; so do those it ran but had not reported (unless they may run
      only once: then they fail, because they may have run).
    * What a worker hands back goes to the front of its queue, unless it was cancelled.
    * A failed task stores its error in each of its results; whatever depends on them fails
      with the same error without being run.
"""

from __future__ import annotations

from ray_jupyter.runtime.core import actors, leases, lineage, memory, placement, streams
from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core.records import remember
from ray_jupyter.runtime.core.references import discard, lost, release_template, seal, settle
from ray_jupyter.runtime.core.state import (
    NOBODY,
    ActorRecord,
    ClientRecord,
    ClusterState,
    Outbox,
    TaskRecord,
)
from ray_jupyter.runtime.core.transitions import (
    FAILED,
    FINISHED,
    PENDING_ARGS_AVAIL,
    PENDING_NODE_ASSIGNMENT,
)
from ray_jupyter.runtime.protocol.messages import (
    ACTOR,
    ACTOR_ERROR,
    CANCELLED,
    METHOD,
    OK,
    RETRYABLE_ERROR,
    STORED,
    SYSTEM_ERROR,
    Descriptor,
    Result,
)  # fmt: skip
from ray_jupyter.runtime.protocol.messages import (
    FAILED as FAILED_VALUE,
)

CANCELLED_VALUE = (SYSTEM_ERROR, "TaskCancelledError", "the task was cancelled")


def is_error(value: Descriptor) -> bool:
    """Return whether a descriptor is an error."""
    return type(value) is tuple and value[0] in (FAILED_VALUE, SYSTEM_ERROR, ACTOR_ERROR)


def finish(
    state: ClusterState, out: Outbox, worker: ClientRecord, results: list[Result], now_ns: int
) -> None:
    """A worker reports ended tasks."""
    worker.progress_ns = now_ns
    worker.recalled = False
    for task_id, status, outputs, start_ns, end_ns, cpu_ns in results:
        task = worker.inflight.get(task_id)
        if task is None:
            _discard_outputs(state, worker.id, outputs)
            continue
        duration_ns = end_ns - start_ns
        template = task.template
        mean_ns = template.mean_ns
        template.mean_ns = (
            float(duration_ns) if mean_ns is None else mean_ns + (duration_ns - mean_ns) / 8
        )
        state.task_wall_ns += duration_ns
        state.task_cpu_ns += cpu_ns
        if template.max_calls:
            leases.count_call(out, worker, template.id, template.max_calls)
        placement.unassign(state, out, worker, task)
        if status == OK:
            remember(state, task, FINISHED, worker, start_ns, end_ns)
            complete(state, out, task, outputs)
        elif (
            status == RETRYABLE_ERROR and task.actor is None
            and _may_retry(task) and not task.cancelled
        ):  # fmt: skip
            _repeat(state, task)
        else:
            value = CANCELLED_VALUE if status == CANCELLED else (FAILED_VALUE, outputs)
            remember(state, task, FAILED, worker, start_ns, end_ns, value)
            fail(state, out, task, value, recorded=True)


def _discard_outputs(state: ClusterState, client: int, outputs: object) -> None:
    """Take back memory that a task wrote before we gave up on it."""
    if type(outputs) is list:
        for value, _ in outputs:
            if type(value) is tuple and value[0] == STORED:
                memory.abandon(state, client, value[1])


def complete(state: ClusterState, out: Outbox, task: TaskRecord, outputs: object) -> None:
    """The task succeeded: its results are there."""
    task.move(FINISHED)
    state.finished += 1
    if task.template.kind == ACTOR:
        _actor_started(state, out, task)
    elif type(outputs) is list:
        for index, (value, contained) in enumerate(outputs):
            _settle_output(state, out, task, index, value, contained)
        for template in lineage.remember(state, task):
            discard(state, out, release_template(state, out, template.id))
    elif task.num_returns:
        _settle_output(state, out, task, 0, outputs, ())
    _close(state, out, task)


def _settle_output(
    state: ClusterState, out: Outbox, task: TaskRecord, index: int, value: Descriptor,
    contained: tuple[int, ...],
) -> None:  # fmt: skip
    record = state.objects.get(task.id + index)
    if record is not None and record.producer is task:
        wake(state, out, seal(state, out, record, value, contained))
    elif type(value) is tuple and value[0] == STORED:
        # The task ran again for another of its results.
        memory.abandon(state, state.grants.get(value[1], NOBODY), value[1])


def wake(state: ClusterState, out: Outbox, tasks: list[TaskRecord]) -> None:
    """What these tasks waited for is there."""
    for task in tasks:
        if task.state is PENDING_ARGS_AVAIL:
            admit(state, out, task)


def admit(state: ClusterState, out: Outbox, task: TaskRecord) -> None:
    """All dependencies have ended: queue the task, or fail it with the first that failed."""
    if task.deps:
        value = _failed_dependency(state, task)
        if value is not None:
            fail(state, out, task, value)
            return
    if task.template.kind == METHOD:
        task.move(PENDING_NODE_ASSIGNMENT)
        if task.actor is not None:
            actors.feed(state, out, task.actor)
    else:
        placement.enqueue(state, task)


def _failed_dependency(state: ClusterState, task: TaskRecord) -> Descriptor:
    for object_id in task.deps:
        record = state.objects.get(object_id)
        value = record.value if record is not None else lost(object_id)
        if is_error(value):
            return value
    return None


def fail(
    state: ClusterState, out: Outbox, task: TaskRecord, value: Descriptor, *, recorded: bool = False
) -> None:
    """The task failed: every result of it is ``value``, and what needs them fails too."""
    doomed = [(task, value)]
    while doomed:  # a loop: chains of tasks are longer than Python's stack
        task, value = doomed.pop()
        if state.tasks.get(task.id) is task:
            doomed += _fail_one(state, out, task, value, recorded)
            recorded = False


def _fail_one(
    state: ClusterState, out: Outbox, task: TaskRecord, value: Descriptor, recorded: bool
) -> list[tuple[TaskRecord, Descriptor]]:
    """End the task; return those that fail with it, and why."""
    task.move(FAILED)
    state.failed += 1
    if task.id in state.lineage:
        state.lineage[task.id].attempt = task.attempt
    if not recorded:
        remember(state, task, FAILED, None, 0, 0, value)
    doomed: list[tuple[TaskRecord, Descriptor]] = []
    actor = task.actor
    if task.template.kind == ACTOR and actor is not None:
        cause = actors.cause_of(actor, value)
        doomed += [(call, cause) for call in actors.end(state, out, actor, cause)]
    for index in range(max(1, task.num_returns)):
        record = state.objects.get(task.id + index)
        if record is not None and record.producer is task:
            for dependent in seal(state, out, record, value):
                if dependent.state is PENDING_ARGS_AVAIL:
                    doomed.append((dependent, _failed_dependency(state, dependent)))
    _close(state, out, task)
    if actor is not None:
        actors.feed(state, out, actor)  # the next call may be ready
    return doomed


def _close(state: ClusterState, out: Outbox, task: TaskRecord) -> None:
    """The task has ended: let go of what it held."""
    del state.tasks[task.id]
    if state.streams:
        streams.end(state, out, task)
    if task.parent:
        siblings = state.children.get(task.parent)
        if siblings is not None:
            siblings.discard(task.id)
            if not siblings:
                del state.children[task.parent]
    if task.deps:
        discard(state, out, task.deps)
    if task.held:
        discard(state, out, task.held)
    discard(state, out, release_template(state, out, task.template.id))


def undefine(state: ClusterState, out: Outbox, client: int, template_id: int) -> None:
    """The process that defined the template will name it no more."""
    template = state.templates.get(template_id)
    if template is not None and template.definer == client:
        template.definer = None
        discard(state, out, release_template(state, out, template_id))


def _may_retry(task: TaskRecord) -> bool:
    limit = task.template.max_retries
    return limit < 0 or task.attempt < limit


def _repeat(state: ClusterState, task: TaskRecord) -> None:
    task.attempt += 1
    state.retries += 1
    placement.enqueue(state, task, front=True)


def kill_actor(state: ClusterState, out: Outbox, actor: ActorRecord) -> None:
    """End an actor's process, or its creation if it has none."""
    cause = (ACTOR_ERROR, f"actor {actor.name} was killed by ray.kill", None)
    worker = state.clients.get(actor.worker)
    creation = state.tasks.get(actor.id)
    if worker is not None:
        actor.cause = cause
        worker.stopping = True
        out.commands.append(c.KillWorker(worker.id))
    elif creation is not None:
        fail(state, out, creation, cause)


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
    at = _last_started(tasks, running)
    if actor is not None:
        cause = actor.cause or (ACTOR_ERROR, f"actor {actor.name} died: {reason}", None)
        for call in actors.end(state, out, actor, cause):
            fail(state, out, call, cause)
    for index in reversed(range(len(tasks))):
        task = tasks[index]
        started = index <= at or task.in_place
        task.worker, task.in_place = 0, False
        if task.cancelled:
            fail(state, out, task, CANCELLED_VALUE)
        elif task.actor is not None:
            fail(state, out, task, task.actor.cause or _crash(task, reason))
        elif not started:
            placement.enqueue(state, task, front=True)
        elif _may_retry(task):
            _repeat(state, task)
        else:
            fail(state, out, task, _crash(task, reason))


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


def hand_back(state: ClusterState, out: Outbox, worker: ClientRecord, task_ids: list[int]) -> None:
    """The worker returns tasks it has not started; they are next in their queues."""
    for task_id in task_ids if worker.actor is not None else reversed(task_ids):
        task = worker.inflight.get(task_id)
        if task is None:
            continue
        placement.unassign(state, out, worker, task)
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
    """Drop what a dead process held, mapped and was allocating."""
    discard(state, out, client.held)
    for template in [t for t in state.templates.values() if t.definer == client.id]:
        undefine(state, out, client.id, template.id)
    for object_id in client.pinned:
        record = state.objects.get(object_id) or state.unreferenced.get(object_id)
        if record is not None and record.pins:
            record.pins.pop(client.id, None)
            settle(state, record)
    memory.forget_client(state, out, client.id)


def _actor_started(state: ClusterState, out: Outbox, task: TaskRecord) -> None:
    record = state.objects.get(task.id)
    actor = state.actors.get(task.id)
    if record is not None:
        wake(state, out, seal(state, out, record, b"N."))  # pickled None: the actor lives
    if actor is not None and task.id in state.actors:
        actors.feed(state, out, actor)
