"""Lost objects: have their tasks run again, or say why that cannot be.

An object outlives the worker that made it, so it is lost only with the file it was spilled to:
deleted, cut short, damaged, on a disk that cannot be read. Whoever finds that out tells us, and
waits for the object as if its task had never ended.
"""

from __future__ import annotations

from collections.abc import Iterable

from ray_jupyter.runtime.core import lineage, recovery, references
from ray_jupyter.runtime.core.outbox import Outbox
from ray_jupyter.runtime.core.state import (
    ClusterState,
    LineageRecord,
    ObjectRecord,
    Source,
    TaskRecord,
)
from ray_jupyter.runtime.core.transitions import PENDING_ARGS_AVAIL, PENDING_NODE_ASSIGNMENT
from ray_jupyter.runtime.protocol.messages import SPILLED, SYSTEM_ERROR


def lose(
    state: ClusterState, out: Outbox, object_id: int, path: str, reason: str, now_ns: int
) -> None:
    """A spilled object cannot be read from ``path``; late and repeated news change nothing."""
    lost = state.objects.get(object_id)
    if lost is None or lost.spill_path != path or lost.value[0] != SPILLED:
        return
    references.drop_file(state, out, lost)
    order, obstacle = lineage.plan(state, lost)
    if obstacle:
        text = f"object {object_id:x} is lost ({reason}), and cannot be rebuilt: {obstacle}"
        lost.value = (SYSTEM_ERROR, "ObjectReconstructionFailedError", text)
        contained, lost.contained = lost.contained, ()
        references.discard(state, out, contained)
        for task in list(state.tasks.values()):
            if task.state is PENDING_NODE_ASSIGNMENT and object_id in task.deps:
                recovery.fail(state, out, task, lost.value)
    else:
        assert lost.lineage is not None, "without lineage there is an obstacle"
        lost.value = None
        have_others_wait(state, [lost])
        tasks = [_run_again(state, out, known, now_ns) for known in order]
        lost.producer = state.tasks[lost.lineage.task]
        for task in tasks:
            if not task.missing:
                recovery.admit(state, out, task)


def have_others_wait(state: ClusterState, lost: Iterable[ObjectRecord]) -> None:
    """Tasks that have some of these objects among their dependencies miss them again.

    Those with a worker have its path: they will find out, and wait there.
    """
    by_id = {record.id: record for record in lost}
    for task in state.tasks.values():
        missed = [by_id[i] for i in task.deps if i in by_id]
        if missed and task.state in (PENDING_ARGS_AVAIL, PENDING_NODE_ASSIGNMENT):
            if task.state is PENDING_NODE_ASSIGNMENT:
                task.move(PENDING_ARGS_AVAIL)
            task.missing += len(missed)
            for record in missed:
                record.dependents = [*(record.dependents or ()), task]


def _run_again(state: ClusterState, out: Outbox, known: LineageRecord, now_ns: int) -> TaskRecord:
    """Create the task anew, as a child of nobody: its parent has most likely ended."""
    template = known.template
    assert template is not None, f"task {known.task:x} was forgotten, and is in the plan"
    known.attempt += 1
    state.retries += 1
    template.users += 1
    spec = (known.task, template.id, known.args, known.deps, known.held, 0)
    task = TaskRecord(spec, template, known.submitter, now_ns)
    task.attempt = known.attempt
    state.tasks[task.id] = task
    missing = [i for i in known.inputs.items() if not lineage.is_there(state, i[0])]
    for object_id, source in missing:
        _restore_input(state, out, object_id, source)
    for _, source in missing:
        if type(source) is tuple:
            references.retain(state, source[1])  # all are there now
    references.depend(state, task)
    return task


def _restore_input(state: ClusterState, out: Outbox, object_id: int, source: Source) -> None:
    """Have a record again of an object that was released; its task is in the plan."""
    record = state.objects.get(object_id)
    if record is None:
        record = state.objects[object_id] = ObjectRecord(object_id, None)
    references.retract(state, out, record)
    if isinstance(source, LineageRecord):
        record.producer = state.tasks[source.task]
        if record.lineage is None:
            record.lineage = source
            source.uses += 1
    elif source is not None:
        record.value, record.contained = source
        record.size_bytes = len(record.value)
        state.inline_bytes += record.size_bytes
