"""The life of a task, as data.

Rules
    * Every change of ``TaskRecord.state`` goes through ``move``.
    * Whatever is not in ``TASK_TRANSITIONS`` is a bug, and raises with the task's story.

Names are Ray's. The scheduler is not told when a worker starts a task (a message per task
that nobody waits for): between SUBMITTED_TO_WORKER and the end, the oldest task of a
worker counts as RUNNING wherever states are shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ray_jupyter.runtime.core.state import ClusterState, TaskRecord

PENDING_ARGS_AVAIL = "PENDING_ARGS_AVAIL"
PENDING_NODE_ASSIGNMENT = "PENDING_NODE_ASSIGNMENT"
SUBMITTED_TO_WORKER = "SUBMITTED_TO_WORKER"
RUNNING = "RUNNING"
FINISHED = "FINISHED"
FAILED = "FAILED"

TASK_TRANSITIONS: dict[str, tuple[str, ...]] = {
    # waits for dependencies; a failed dependency or a cancel ends it
    PENDING_ARGS_AVAIL: (PENDING_NODE_ASSIGNMENT, FAILED),
    # in a queue; taken by a worker, or claimed by the worker that waits for it; waits again
    # when an object it needs is lost
    PENDING_NODE_ASSIGNMENT: (SUBMITTED_TO_WORKER, PENDING_ARGS_AVAIL, FAILED),
    # with a worker; comes back when recalled, when its worker died, or for a retry; then what
    # it needs may have been lost
    SUBMITTED_TO_WORKER: (PENDING_NODE_ASSIGNMENT, PENDING_ARGS_AVAIL, FINISHED, FAILED),
    FINISHED: (),
    FAILED: (),
}


class InvalidTransitionError(Exception):
    """The core tried a change that the table does not have. Always a bug of ours."""


def running(state: ClusterState) -> set[int]:
    """Return the tasks that workers are at, as far as is known."""
    return {next(iter(w.inflight)) for w in state.clients.values() if w.inflight}


def state_of(task: TaskRecord, tops: set[int]) -> str:
    """Return Ray's state of a task that has not ended; ``tops`` are those of ``running``."""
    if task.state == SUBMITTED_TO_WORKER and (task.id in tops or task.in_place):
        return RUNNING
    return task.state
