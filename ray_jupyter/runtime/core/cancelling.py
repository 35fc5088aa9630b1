"""How tasks are cancelled, with what they submitted.

Rules
    * A task that no worker has ends at once. One that a worker has is asked for: it is dropped
      there, or interrupted, or (``force``, plain tasks only) ended with its worker.
    * What a cancelled task submits later is cancelled as it arrives.
    * A task that would wait for ever for the reader of its stream is cancelled.
"""

from __future__ import annotations

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import streams
from ray_jupyter.runtime.core.failures import CANCELLED_VALUE
from ray_jupyter.runtime.core.outbox import Outbox
from ray_jupyter.runtime.core.recovery import fail
from ray_jupyter.runtime.core.state import ClusterState, TaskRecord
from ray_jupyter.runtime.core.transitions import SUBMITTED_TO_WORKER


def cancel(
    state: ClusterState, out: Outbox, task: TaskRecord, *, force: bool, recursive: bool
) -> None:
    """End a task that has not ended, and its children if ``recursive``."""
    family = [task]
    if recursive:
        for member in family:  # grows meanwhile
            member.cancel_children = True
            family += [state.tasks[child] for child in state.children.get(member.id, ())]
    for member in reversed(family):
        if state.tasks.get(member.id) is member:
            _cancel_one(state, out, member, force=force)


def _cancel_one(state: ClusterState, out: Outbox, task: TaskRecord, *, force: bool) -> None:
    if task.state is not SUBMITTED_TO_WORKER:
        fail(state, out, task, CANCELLED_VALUE)
        return
    task.cancelled = True
    worker = state.clients[task.worker]
    unstarted = next(iter(worker.inflight)) != task.id and not task.in_place
    if force and worker.actor is None and not unstarted:
        worker.stopping = True
        out.commands.append(c.KillWorker(worker.id))
    else:
        out.commands.append(c.InterruptTask(worker.id, task.id))


def inherit_cancel(state: ClusterState, out: Outbox, task: TaskRecord) -> None:
    """A child was on its way to us when its parent was cancelled with its children."""
    parent = state.tasks.get(task.parent)
    if parent is not None and parent.cancel_children and state.tasks.get(task.id) is task:
        task.cancel_children = True
        _cancel_one(state, out, task, force=False)


def close_streams(
    state: ClusterState, out: Outbox, client: int, task_ids: list[int] | None
) -> None:
    """The process reads these streams (``None``: all) no more."""
    for task in streams.close(state, out, client, task_ids):
        cancel(state, out, task, force=False, recursive=True)
