"""Cancelling what one cell submitted: by a magic, or because its Stop button was pressed.

After the first press the cell stays busy for as long as its tasks take to end, and a few seconds at
most: long enough for a second press, which kills what does not listen.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

from ray_jupyter import session
from ray_jupyter.backends.base import Backend
from ray_jupyter.errors import RaySystemError
from ray_jupyter.notebook.cells import Cell
from ray_jupyter.status import counted

GRACE_S = 3.0
"""So long a cell waits for its cancelled tasks to end."""
_SAY_S = 0.3
"""After so long it says that it waits."""
_LOOK_S = 0.02


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


def stop_cell(cell: Cell) -> str:
    """The cell was interrupted: cancel its tasks, and at a second interrupt kill; return what was done.

    Returns:
        A line, or nothing when there was nothing to stop.
    """
    killed = left = 0
    with suppress(RaySystemError):  # the session has ended, too
        cancelled = cancel_cell(cell, force=False)
        if not cancelled:
            return ""
        try:
            left = _left(cell, _SAY_S)
            if left:
                print(f"stopping {counted(left, 'task')} · Stop again to kill", flush=True)
                left = _left(cell, GRACE_S)
        except KeyboardInterrupt:
            killed = cancel_cell(cell, force=True)
            left = _left(cell, GRACE_S)
        return _line(cell, cancelled, killed, left)
    return ""


def _left(cell: Cell, timeout_s: float) -> int:
    """Wait until the tasks of a cell have ended, for a while; return how many have not."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        backend = session.current
        if backend is None or not cell.is_of_this_session:
            return 0
        left = len(backend.query("cell_tasks", cell.id))
        if not left or time.monotonic() > deadline_s:
            return left
        time.sleep(_LOOK_S)


def _line(cell: Cell, cancelled: int, killed: int, left: int) -> str:
    parts = [f"stopped: {cancelled - killed:,} cancelled"]
    if killed:
        parts.append(f"{killed:,} killed")
    if left:
        parts.append(f"{left:,} do not listen and go on: %ray_cancel --cell {cell.number} --force")
    return " · ".join(parts)
