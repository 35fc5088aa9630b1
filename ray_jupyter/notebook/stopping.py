"""Cancelling what one cell submitted."""

from __future__ import annotations

from collections.abc import Iterable

from ray_jupyter import session
from ray_jupyter.backends.base import Backend
from ray_jupyter.notebook.cells import Cell


def cancel_cell(cell: Cell, *, force: bool) -> int:
    """Cancel the tasks of a cell that have not ended; return how many there were."""
    backend = session.current
    if backend is None or not cell.is_of_this_session:
        return 0
    return cancel_tasks(backend, backend.query("cell_tasks", cell.id), force=force)


def cancel_tasks(backend: Backend, tasks: Iterable[tuple[int, bool]], *, force: bool) -> int:
    """Cancel tasks with their children; return how many they are.

    Args:
        backend: whose.
        tasks: (id, whether it is an actor's call: those are never forced).
        force: end the workers that run them.
    """
    count = 0
    for task_id, is_call in tasks:
        is_forced = force and not is_call and not backend.query("is_actor_call", task_id)
        backend.cancel(task_id, force=is_forced, recursive=True)
        count += 1
    return count
