"""What the cells of a notebook submitted, from the rows of tasks: see ``runtime.core.cells``.

A driver counts its ids, so that those of a cell's tasks lie between the cell's id and the next
cell's; what descends from them has them as roots.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ray_jupyter.runtime.protocol.ids import COUNTER_BITS
from ray_jupyter.runtime.protocol.tables import ACTOR_TASK, Row

_ENDED = ("FINISHED", "FAILED")


class Cells:
    """The cells of one driver, by their ids."""

    def __init__(self) -> None:
        self._ids: list[int] = []

    def begin(self, cell_id: int) -> int:
        """A cell begins; return its id."""
        self._ids.append(cell_id)
        return cell_id

    def of(self, number: int) -> int:
        """Return the id of the cell in which this driver minted an id; 0 if in none."""
        at = bisect_right(self._ids, number)
        # What Ray alone knows of, such as what connecting asks, has a hash for an id, beyond all others.
        return self._ids[at - 1] if at and number < _after(self._ids[at - 1]) else 0

    def of_each(self, rows: Iterable[Row]) -> dict[int, int]:
        """Return the cells of tasks, by the ids of the tasks: what descends from one has its cell."""
        by_id = {row["task_id"]: row for row in rows}
        known: dict[int, int] = {}
        for task_id in by_id:
            path, at = [], task_id
            while at in by_id and at not in known:
                path.append(at)
                at = by_id[at]["parent_task_id"]
            # A parent that is not known any more is in no cell.
            cell = known.get(at, 0) if at else self.of(path[-1])
            known.update(dict.fromkeys(path, cell))
        return known

    def tasks_of(self, cell_id: int, rows: Sequence[Row]) -> list[Row]:
        """Return the rows of a cell's tasks and of all that descends from them."""
        cells = self.of_each(rows)
        found = [row for row in rows if cells[row["task_id"]] == cell_id]
        return sorted(found, key=lambda row: row["creation_time_ns"] or 0)


def _after(an_id: int) -> int:
    """Return the first id that is no longer of the same driver."""
    return ((an_id >> COUNTER_BITS) + 1) << COUNTER_BITS


def unfinished(rows: Iterable[Row]) -> list[tuple[int, bool]]:
    """Return (id, whether it is an actor's call) of a cell's own tasks that have not ended."""
    return [
        (row["task_id"], row["type"] == ACTOR_TASK)
        for row in rows
        if row["state"] not in _ENDED and not row["parent_task_id"]
    ]


def report(
    rows: list[Row], statistics: dict[str, Any], error_of: Callable[[Row], Any]
) -> dict[str, Any]:
    """Return what is known of a cell; nothing if it has submitted nothing."""
    if not rows:
        return {}
    counts: dict[str, list[int]] = {}
    for row in rows:
        count = counts.setdefault(row["name"], [0, 0, 0, 0])
        count[0] += 1
        for at, state in enumerate(("RUNNING", "FINISHED", "FAILED"), start=1):
            count[at] += row["state"] == state
    ended = [row for row in rows if row["state"] in _ENDED]
    spans = [row["end_time_ns"] - row["start_time_ns"] for row in ended if row["start_time_ns"]]
    failed = [row for row in ended if row["state"] == "FAILED"]
    return {
        "functions": [(name, *count) for name, count in counts.items()],
        "unfinished": len(rows) - len(ended),
        "first_ns": min(row["creation_time_ns"] or 0 for row in rows),
        "last_ns": max((row["end_time_ns"] for row in ended), default=0),
        "wall_ns": sum(spans), "cpu_ns": None, "busy_ns": sum(spans),
        "longest_ns": max(spans, default=0),
        "moved_ns": 0, "packed_ns": 0, "cancelled": 0,
        "retries": sum(row["attempt_number"] for row in ended), "spilled_bytes": 0,
        "pids": [], "cpus": 0,  # processes may be of other machines, and work for other jobs
        "store_used_bytes": statistics["store_used_bytes"],
        "error": (failed[0]["task_id"], failed[0]["name"], error_of(failed[0])) if failed else None,
    }  # fmt: skip
