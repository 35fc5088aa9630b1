"""How tasks end, well or badly, and what happens then.

Lives here: results, dependants, retries. Does not: ends by ``cancel`` (``cancelling``) and by the
death of a process (``losses``).

Rules
    * A task ends once. Results of a worker that does not have the task are ignored.
    * A failed task stores its error in each of its results; whatever depends on them fails
      with the same error without being run.
"""

from __future__ import annotations

from ray_jupyter.runtime.core import actors, leases, lineage, memory, placement, remains, streams
from ray_jupyter.runtime.core.failures import CANCELLED_VALUE, FailureRecord
from ray_jupyter.runtime.core.outbox import Outbox
from ray_jupyter.runtime.core.records import remember
from ray_jupyter.runtime.core.references import discard, lost, release_template, seal
from ray_jupyter.runtime.core.state import (
    NOBODY,
    ClientRecord,
    ClusterState,
    ObjectRecord,
    TaskRecord,
)
from ray_jupyter.runtime.core.transitions import (
    FAILED,
    FINISHED,
    PENDING_ARGS_AVAIL,
)
from ray_jupyter.runtime.protocol.messages import (
    ACTOR,
    ACTOR_ERROR,
    CANCELLED,
    METHOD,
    OK,
    RETRYABLE_ERROR,
    STORED,
    STREAMING,
    SYSTEM_ERROR,
    Descriptor,
    Result,
)  # fmt: skip
from ray_jupyter.runtime.protocol.messages import (
    FAILED as FAILED_VALUE,
)

Doom = tuple[TaskRecord, Descriptor, FailureRecord | None]
"""A task that fails, with what, and what that comes from."""


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
        if task.cell is not None:
            task.cell.cpu_ns += cpu_ns
        if template.max_calls:
            leases.count_call(out, worker, template.id, template.max_calls)
        placement.unassign(state, out, worker, task)
        if status == OK:
            remember(state, task, FINISHED, worker, start_ns, end_ns)
            complete(state, out, task, outputs)
        elif status == RETRYABLE_ERROR and may_retry(task) and not task.cancelled:
            repeat(state, task)
            if task.actor is not None:
                actors.feed(state, out, task.actor)
        else:
            value: Descriptor = (FAILED_VALUE, outputs)
            if status == CANCELLED:
                value = CANCELLED_VALUE
            elif task.attempt:
                value = (FAILED_VALUE, outputs, task.attempt + 1)
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
        return
    if type(outputs) is list:
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


def admit(state: ClusterState, out: Outbox, task: TaskRecord, *, front: bool = False) -> None:
    """All dependencies have ended: queue the task, or fail it with the first that failed."""
    if task.deps:
        culprit = _failed_dependency(state, task)
        if culprit is not None:
            fail(state, out, task, culprit.value, failure=culprit.failure)
            return
    if task.actor is not None and task.template.kind == METHOD:
        actors.ready(task.actor, task)
        actors.feed(state, out, task.actor)
    else:
        placement.enqueue(state, task, front=front)


def _failed_dependency(state: ClusterState, task: TaskRecord) -> ObjectRecord | None:
    for object_id in task.deps:
        record = state.objects.get(object_id)
        if record is None:
            record = ObjectRecord(object_id, None)
            record.value = lost(object_id)
        if is_error(record.value):
            return record
    return None


def fail(
    state: ClusterState, out: Outbox, task: TaskRecord, value: Descriptor, *,
    recorded: bool = False, failure: FailureRecord | None = None,
) -> None:  # fmt: skip
    """The task failed: every result of it is ``value``, and what needs them fails too.

    Args:
        state: changed.
        out: told.
        task: which one.
        value: the error.
        recorded: whether its end is remembered already.
        failure: of a dependency, if that is why.
    """
    doomed: list[Doom] = [(task, value, failure)]
    while doomed:  # a loop: chains of tasks are longer than Python's stack
        task, value, failure = doomed.pop()
        if state.tasks.get(task.id) is task:
            doomed += _fail_one(state, out, task, value, recorded, failure)
            recorded = False


def _fail_one(
    state: ClusterState, out: Outbox, task: TaskRecord, value: Descriptor, recorded: bool,
    failure: FailureRecord | None,
) -> list[Doom]:  # fmt: skip
    """End the task; return those that fail with it, and why."""
    task.move(FAILED)
    state.failed += 1
    if task.id in state.lineage:
        state.lineage[task.id].attempt = task.attempt
    if not recorded:
        remember(state, task, FAILED, None, 0, 0, value)
    if failure is None and _is_news(task, value):
        failure = FailureRecord(task, value)
    doomed: list[Doom] = []
    actor = task.actor
    if task.template.kind == ACTOR and actor is not None:
        cause = actors.cause_of(actor, value)
        doomed += [(call, cause, failure) for call in actors.end(state, out, actor, cause)]
    elif actor is not None:
        actor.waiting.pop(task.id, None)
    for index in range(max(1, task.num_returns)):
        record = state.objects.get(task.id + index)
        if record is not None and record.producer is task:
            for dependent in seal(state, out, record, value, (), failure):
                if dependent.state is PENDING_ARGS_AVAIL:
                    culprit = _failed_dependency(state, dependent)
                    assert culprit is not None, "it depends on what has just failed"
                    doomed.append((dependent, culprit.value, culprit.failure))
    _close(state, out, task, keeps=remains.keep(state, out, task, failure))
    if actor is not None:
        actors.feed(state, out, actor)  # the next call may be ready
    return doomed


def _is_news(task: TaskRecord, value: Descriptor) -> bool:
    """Return whether somebody should get to see the error: the user's code failed, or crashed.

    Streams hand on what happened to their readers.
    """
    crashed = value[0] == SYSTEM_ERROR and value[1] == "WorkerCrashedError"
    return (value[0] == FAILED_VALUE or crashed) and STREAMING not in task.template.extras


def _close(state: ClusterState, out: Outbox, task: TaskRecord, *, keeps: bool = False) -> None:
    """The task has ended: let go of what it held, unless something else ``keeps`` it."""
    _forget(state, task)
    if state.streams:
        streams.end(state, out, task)
    if keeps:
        return
    if task.deps:
        discard(state, out, task.deps)
    if task.held:
        discard(state, out, task.held)
    discard(state, out, release_template(state, out, task.template.id))


def _forget(state: ClusterState, task: TaskRecord) -> None:
    del state.tasks[task.id]
    if task.parent:
        siblings = state.children.get(task.parent)
        if siblings is not None:
            siblings.discard(task.id)
            if not siblings:
                del state.children[task.parent]


def may_retry(task: TaskRecord) -> bool:
    """Return whether the task may be run once more after an attempt that failed."""
    if task.template.kind == ACTOR:
        return False  # its restarts are counted apart
    limit = task.template.max_retries
    return limit < 0 or task.attempt < limit


def repeat(state: ClusterState, task: TaskRecord) -> None:
    """An attempt failed: queue the next one, before what has not been tried."""
    task.attempt += 1
    state.retries += 1
    if task.actor is not None:
        actors.take_back(state, task.actor, task, front=True)
    else:
        placement.enqueue(state, task, front=True)


def _actor_started(state: ClusterState, out: Outbox, task: TaskRecord) -> None:
    """The constructor has returned, for the first time or after a restart."""
    record, actor = state.objects.get(task.id), task.actor
    if record is not None and record.value is None:
        wake(state, out, seal(state, out, record, b"N."))  # pickled None: the actor lives
    if actor is None or state.actors.get(task.id) is not actor or not actor.restarts_left:
        _close(state, out, task)
    else:
        _forget(state, task)
        actor.creation = task
        if actor.id in task.held:  # a restart held it; see ``losses``
            task.held = tuple(i for i in task.held if i != actor.id)
            discard(state, out, [actor.id])
    if actor is not None and state.actors.get(task.id) is actor:
        actors.feed(state, out, actor)
