"""What the cells of a notebook submitted, from the rows of tasks: see ``runtime.core.cells``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ray_jupyter.config import format_size
from ray_jupyter.runtime.protocol.tables import ACTOR_TASK, Row

_ENDED = ("FINISHED", "FAILED")


class Cells:
    """The tasks of cells.

    Args:
        cell_of: see ``Backend.cell_of``; of this driver.
    """

    def __init__(self, cell_of: Callable[[int], int | None]) -> None:
        self._cell_of = cell_of

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
            cell = known.get(at, 0) if at else self._cell_of(path[-1]) or 0
            known.update(dict.fromkeys(path, cell))
        return known

    def tasks_of(self, cell_id: int, rows: Sequence[Row]) -> list[Row]:
        """Return the rows of a cell's tasks and of all that descends from them."""
        cells = self.of_each(rows)
        found = [row for row in rows if cells[row["task_id"]] == cell_id]
        return sorted(found, key=lambda row: row["creation_time_ns"] or 0)


def unfinished(rows: Iterable[Row]) -> list[tuple[int, bool]]:
    """Return (id, whether it is an actor's call) of a cell's own tasks that have not ended."""
    return [
        (row["task_id"], row["type"] == ACTOR_TASK)
        for row in rows
        if row["state"] not in _ENDED and not row["parent_task_id"]
    ]


def lacking(rows: Iterable[Row], nodes: Sequence[Mapping[str, float]]) -> str:
    """Return which task waits for a node that is not there, and what it wants; empty if none does.

    Args:
        rows: of tasks.
        nodes: what each node has.
    """
    for row in rows:
        wanted = row["required_resources"]
        if row["state"] != "PENDING_NODE_ASSIGNMENT" or any(
            all(node.get(name, 0.0) >= amount for name, amount in wanted.items()) for node in nodes
        ):
            continue
        amounts = [
            f"{format_size(int(amount))} memory" if name == "memory" else f"{amount:g} {name}"
            for name, amount in sorted(wanted.items())  # Ray's have no order
        ]
        return f"{row['name']} waits for a node with {' and '.join(amounts)}, and there is none"
    return ""


def report(
    rows: list[Row], statistics: dict[str, Any], error_of: Callable[[Row], Any],
    nodes: Sequence[Mapping[str, float]],
) -> dict[str, Any]:  # fmt: skip
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
        "lacking": lacking(rows, nodes),
        "error": (failed[0]["task_id"], failed[0]["name"], error_of(failed[0])) if failed else None,
    }  # fmt: skip
