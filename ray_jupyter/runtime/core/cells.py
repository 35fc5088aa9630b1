"""What the cells of a notebook submitted, with all that descends from it, counted as it happens.

A driver says when a cell begins; what it submits from then on belongs to it. A question about a cell
costs the same whether it has ten tasks or a million.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray_jupyter.runtime.core.failures import CANCELLED_VALUE
from ray_jupyter.runtime.protocol.messages import Descriptor
from ray_jupyter.runtime.protocol.specs import RESOURCE_UNITS

if TYPE_CHECKING:
    from ray_jupyter.runtime.core.state import ClusterState, TaskRecord

CELLS_MAX = 1_000
"""So many cells that submitted something are remembered."""


class Tally:
    """The tasks of one name."""

    __slots__ = ("failed", "finished", "submitted")

    def __init__(self) -> None:
        self.submitted = self.finished = self.failed = 0


class CellRecord:
    """A cell. ``id`` is what its driver mints first in it."""

    __slots__ = (
        "before", "cancelled", "cpu_ns", "error", "first_ns", "id", "last_ns", "longest_ns", "moved_ns", "packed_ns",
        "retries", "tallies", "unfinished", "wall_ns",
    )  # fmt: skip

    def __init__(self, cell_id: int) -> None:
        self.id = cell_id
        self.tallies: dict[str, Tally] = {}
        self.unfinished = 0
        self.first_ns = 0
        """When something was submitted first."""
        self.last_ns = 0
        """When something ended last."""
        self.wall_ns = self.cpu_ns = self.longest_ns = 0
        self.cancelled = 0
        """Those of the failed tasks that somebody wanted to fail."""
        self.moved_ns = self.packed_ns = 0
        """What pickling and unpickling took: in its tasks (a part of ``wall_ns``), in the driver."""
        self.retries = 0
        self.before: tuple[int, int] = (0, 0)
        """Bytes on disk, and time that all tasks had taken, when something was submitted first."""
        self.error: tuple[int, str, Descriptor] | None = None
        """Id and name of the first task that failed, and why."""


def begin(state: ClusterState, client: int, cell_id: int) -> None:
    """What the client submits from now on belongs to a new cell."""
    state.clients[client].cell = CellRecord(cell_id)


def assign(state: ClusterState, task: TaskRecord, cell: CellRecord | None, now_ns: int) -> None:
    """Note whose child a new task is, or else that it belongs to its driver's ``cell``."""
    if task.parent:
        state.children.setdefault(task.parent, set()).add(task.id)
        parent = state.tasks.get(task.parent)
        task.root = parent.root if parent is not None else task.parent
        cell = parent.cell if parent is not None else None
    if cell is not None:
        _enter(state, task, cell, now_ns)


def _enter(state: ClusterState, task: TaskRecord, cell: CellRecord, now_ns: int) -> None:
    task.cell = cell
    cell.unfinished += 1
    tally = cell.tallies.get(task.template.name)
    if tally is None:
        if not cell.tallies:
            cell.first_ns = now_ns
            cell.before = state.spilled_bytes, state.task_wall_ns
            state.cells[cell.id] = cell
            if len(state.cells) > CELLS_MAX:
                del state.cells[next(iter(state.cells))]
        tally = cell.tallies[task.template.name] = Tally()
    tally.submitted += 1


def leave(
    task: TaskRecord, cell: CellRecord, start_ns: int, end_ns: int, error: Descriptor
) -> None:
    """The task has ended. A task that is run once more later is not counted again."""
    task.cell = None
    cell.unfinished -= 1
    cell.retries += task.attempt
    cell.wall_ns += end_ns - start_ns
    cell.last_ns = max(cell.last_ns, end_ns)
    cell.longest_ns = max(cell.longest_ns, end_ns - start_ns)
    tally = cell.tallies[task.template.name]
    if error is None:
        tally.finished += 1
        return
    tally.failed += 1
    if error == CANCELLED_VALUE:
        cell.cancelled += 1
    elif cell.error is None:
        cell.error = task.id, task.template.name, error


def move(state: ClusterState, client: int, task_id: int, moved_ns: int) -> None:
    """Pickling took so long: for a task, or (0) in the cell that the driver runs."""
    if task_id:
        task = state.tasks.get(task_id)
        if task is not None and task.cell is not None:
            task.cell.moved_ns += moved_ns
    elif (cell := state.clients[client].cell) is not None:
        cell.packed_ns += moved_ns


def report(state: ClusterState, cell_id: int) -> dict[str, Any]:
    """Return what is known of a cell; nothing if it has submitted nothing.

    Keys: those fields of ``CellRecord``; ``functions`` (name, submitted, running, finished, failed
    of each, in the order they came); ``pids`` of the workers; ``cpus`` of the session;
    ``store_used_bytes``; ``spilled_bytes`` and ``busy_ns`` (of all tasks) since it began.
    """
    cell = state.cells.get(cell_id)
    if cell is None:
        return {}
    spilled_bytes, wall_ns = cell.before
    tops = [next(iter(w.inflight.values())) for w in state.clients.values() if w.inflight]
    running = [task.template.name for task in tops if task.cell is cell]
    return {
        "functions": [
            (name, t.submitted, running.count(name), t.finished, t.failed)
            for name, t in cell.tallies.items()
        ],
        "unfinished": cell.unfinished,
        "cancelled": cell.cancelled,
        "first_ns": cell.first_ns,
        "last_ns": cell.last_ns,
        "wall_ns": cell.wall_ns,
        "cpu_ns": cell.cpu_ns,
        "busy_ns": state.task_wall_ns - wall_ns,
        "longest_ns": cell.longest_ns,
        "moved_ns": cell.moved_ns,
        "packed_ns": cell.packed_ns,
        "retries": cell.retries,
        "spilled_bytes": max(0, state.spilled_bytes - spilled_bytes),
        "pids": [client.pid for client in state.clients.values() if client.is_worker],
        "cpus": state.total.get("CPU", 0) // RESOURCE_UNITS,
        "store_used_bytes": state.allocator.used_bytes,
        "lacking": "",  # what asks for more than there is was refused
        "error": cell.error,
    }


def unfinished(state: ClusterState, cell_id: int) -> list[tuple[int, bool]]:
    """Return the tasks of a cell that have not ended: (id, whether it is an actor's call)."""
    return [
        (task.id, task.actor is not None)
        for task in state.tasks.values()
        if task.cell is not None and task.cell.id == cell_id and not task.parent
    ]
