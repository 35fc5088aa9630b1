"""What is remembered of ended tasks: see ``ClusterState.records``."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Any

from ray_jupyter.runtime.core import cells
from ray_jupyter.runtime.core.state import FAILURE_BYTES, ClientRecord, ClusterState, TaskRecord
from ray_jupyter.runtime.protocol.changes import STEP
from ray_jupyter.runtime.protocol.messages import ACTOR_ERROR, TASK_EVENTS, Descriptor
from ray_jupyter.runtime.protocol.messages import FAILED as FAILED_VALUE

SEARCHED = 50_000
"""So many ended tasks are looked through for the one that made an object."""
_ERROR_TYPES = {
    "WorkerCrashedError": "WORKER_DIED",
    "TaskCancelledError": "TASK_CANCELLED",
    "ActorUnavailableError": "ACTOR_UNAVAILABLE",
    "ObjectLostError": "OBJECT_LOST",
}


def summary_of(value: Descriptor) -> tuple[str, str]:
    """Return (Ray's type of error, text) of a failed value.

    What user code raised is pickled, and stays so: its text is not known here.
    """
    if value[0] == FAILED_VALUE:
        return "TASK_EXECUTION_EXCEPTION", ""
    if value[0] == ACTOR_ERROR:
        return "ACTOR_DIED", value[1]
    return _ERROR_TYPES.get(value[1], value[1]), value[2]


def _cut(error: Descriptor) -> Descriptor:
    if error[0] in (FAILED_VALUE, ACTOR_ERROR):
        return error[0], error[1][:FAILURE_BYTES]  # without what the actor's cause weighs
    return error


def remember(
    state: ClusterState, task: TaskRecord, status: str, worker: ClientRecord | None,
    start_ns: int, end_ns: int, error: Descriptor = None,
) -> None:  # fmt: skip
    """Remember how a task ended; ``error`` is the value of its results if it failed."""
    cell = task.cell
    if cell is not None:
        cells.leave(task, cell, start_ns, end_ns, error and _cut(error))
    if task.template.extras.get(TASK_EVENTS) is False:
        return
    state.records_total += 1
    actor = task.actor
    record = (
        task.id, task.parent, task.template.name, status, worker.pid if worker else 0,
        # A task run in place started before the scheduler heard of it.
        min(task.submit_ns, start_ns or task.submit_ns), start_ns, end_ns, task.attempt,
        task.num_returns, task.deps + task.held,
        task.submitter, worker.id if worker else 0, task.template.definition[0],
        actor.id if actor else 0, error and summary_of(error), cell.id if cell is not None else 0,
    )  # fmt: skip
    state.records.append(record)
    if state.watches and not state.records_total % STEP:
        _tell_watches(state)
    if error is not None:
        error = _cut(error)
        place = (worker.id, worker.pid) if worker else (0, 0)
        state.failures.append((task.id, task.template.name, *place, error))


def _tell_watches(state: ClusterState) -> None:
    watches = state.watches.items()
    gone = [name for name, watch in watches if watch.look(state.records, state.records_total)]
    for name in gone:
        del state.watches[name]


def makers(state: ClusterState, ids: Collection[int]) -> dict[int, tuple[Any, ...]]:
    """Return by object the record of the ended task that made it, as far as it is remembered.

    Among the last ``SEARCHED`` only: the search takes the scheduler's time, a few ms for all of them.
    """
    wanted = set(ids)
    found: dict[int, tuple[Any, ...]] = {}
    for record in islice(reversed(state.records), SEARCHED):
        if not wanted:
            break
        first: Any = record[0]
        returns: Any = record[9]
        for object_id in range(first, first + returns) if returns > 1 else (first,):
            if object_id in wanted:
                wanted.discard(object_id)
                found[object_id] = record
    return found
