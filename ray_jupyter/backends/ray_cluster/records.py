"""Records of tasks that ended, in the order in which they were heard of; and what changed.

They have the fields of ``runtime.core.records``, so that the dashboard folds them as any others.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import ray

from ray_jupyter.backends.ray_cluster.cells import Cells
from ray_jupyter.backends.ray_cluster.rows import Rows
from ray_jupyter.runtime.protocol import changes
from ray_jupyter.runtime.protocol.messages import ACTOR
from ray_jupyter.runtime.protocol.tables import TASK_TYPES, Row

KEPT = 100_000
_FIELDS = 11
"""So many fields are what ``Backend.events`` promises."""
_REPORTED_NS = 3_000_000_000
"""After so long all processes have reported what they did."""
_RAISED = "TaskFailure: "
_KINDS = {ray_name: kind for kind, ray_name in TASK_TYPES.items()}
_WAITING = ("PENDING_ARGS_AVAIL", "PENDING_NODE_ASSIGNMENT")


class Records:
    """See the module.

    Args:
        rows: of this job.
        cells: of this driver.
    """

    def __init__(self, rows: Rows, cells: Cells) -> None:
        self._rows = rows
        self._cells = cells
        self._lock = threading.Lock()
        self._records: deque[tuple[Any, ...]] = deque(maxlen=KEPT)
        self._total = 0
        self._recorded: set[int] = set()
        self._ended: Counter[str] = Counter()

    def since(self, cursor: int) -> tuple[int, list[tuple[Any, ...]]]:
        """Return (next cursor, records from there on, as ``Backend.events`` promises)."""
        with self._lock:
            self._gather()
            records = [record[:_FIELDS] for record in self._from(cursor)]
            return self._total, records

    def changed(self, asked: dict[str, Any], numbers: Mapping[str, Any]) -> dict[str, Any]:
        """Return what ``runtime.core.changes`` does; of waiting tasks, the arguments are not known.

        Args:
            asked: the question.
            numbers: ``Backend.statistics``.
        """
        with self._lock:
            self._gather()
            first = self._total - len(self._records)
            records, cursor = self._from(asked["since"]), self._total
            ended = dict(self._ended)
        rows = [row for row in self._rows.tasks() if row["end_time_ns"] is None]
        cells = self._cells.of_each(self._rows.tasks())
        tasks, groups = changes.ended(records, asked["most"])
        return {
            "cursor": cursor, "forgotten": max(0, first - asked["since"]), "failures": {},
            "tasks": [tuple(task) for task in tasks], "groups": [tuple(group) for group in groups],
            "live": self._live(rows, cells), "workers": self._workers(rows, cells),
            "here": self._here(), "waiting": _waiting(rows, cells), "totals": _totals(rows, ended, numbers),
        }  # fmt: skip

    def _here(self) -> list[str]:
        """Return the nodes that are on this machine."""
        if ray.util.client.ray.is_connected():
            return []
        own = ray.util.get_node_ip_address()
        return [name for name, address in self._rows.machines().values() if address == own]

    def _from(self, cursor: int) -> list[tuple[Any, ...]]:
        return list(islice(self._records, max(0, cursor + len(self._records) - self._total), None))

    def _gather(self) -> None:
        """Append what has ended since the last time."""
        rows = self._rows.tasks()
        fresh = [
            row
            for row in rows
            if row["end_time_ns"] is not None
            and row["task_id"] not in self._recorded
            and not _is_half_told(row)
        ]
        cells = self._cells.of_each(rows) if fresh else {}
        for row in reversed(fresh):
            self._recorded.add(row["task_id"])
            self._total += 1
            self._ended[row["state"]] += 1
            self._records.append(_record(row, cells.get(row["task_id"], 0)))
        if len(self._recorded) > 2 * KEPT:  # Ray has forgotten the others as well
            self._recorded.intersection_update({row["task_id"] for row in rows})

    def _live(self, rows: Iterable[Row], cells: Mapping[int, int]) -> list[tuple[Any, ...]]:
        counts = Counter(
            (row["name"], kind, cells.get(row["task_id"], 0))
            for row in rows
            if (kind := _KINDS[row["type"]]) != ACTOR
        )
        counts.update(
            (row["class_name"], ACTOR, 0) for row in self._rows.actors() if row["state"] != "DEAD"
        )
        return [(name, kind, count, cell) for (name, kind, cell), count in counts.items()]

    def _workers(self, rows: Iterable[Row], cells: Mapping[int, int]) -> list[tuple[Any, ...]]:
        """Return the workers that did something for this job; others may be anybody's."""
        machines = self._rows.machines()
        actors = {
            (row["node_id"], row["pid"]): row["class_name"]
            for row in self._rows.actors()
            if row["state"] != "DEAD"
        }
        used = {row["worker_id"] for row in self._rows.tasks()}
        held: dict[int, list[Row]] = {}
        for row in rows:
            if row["state"] == "RUNNING":
                held.setdefault(row["worker_id"], []).append(row)
        found = []
        for worker in self._rows.workers():
            place = (worker["node_id"], worker["pid"])
            if worker["worker_type"] != "WORKER" or (
                worker["worker_id"] not in used and place not in actors
            ):
                continue
            # The newest runs: those below it wait for it.
            tasks = sorted(
                held.get(worker["worker_id"], []), key=lambda row: -(row["start_time_ns"] or 0)
            )
            told = [
                (row["task_id"], row["name"], _KINDS[row["type"]], row["creation_time_ns"] or 0,
                 cells.get(row["task_id"], 0))
                for row in tasks[: changes.HELD_MAX]
            ]  # fmt: skip
            since_ns = tasks[0]["start_time_ns"] or 0 if tasks else 0
            found.append((
                worker["worker_id"], worker["pid"], "RUNNING" if tasks else "IDLE",
                actors.get(place, ""), len(tasks), told, since_ns,
                machines.get(worker["node_id"], ("",))[0],
            ))  # fmt: skip
        return found


def _record(row: Row, cell: int) -> tuple[Any, ...]:
    submit_ns = row["creation_time_ns"] or row["start_time_ns"] or row["end_time_ns"]
    start_ns = max(row["start_time_ns"], submit_ns) if row["start_time_ns"] else 0
    error = (row["error_type"] or "", error_text(row)) if row["state"] == "FAILED" else None
    return (
        row["task_id"], row["parent_task_id"], row["name"], row["state"], row["worker_pid"] or 0,
        submit_ns, start_ns, row["end_time_ns"], row["attempt_number"], 1, (),
        0, row["worker_id"] or 0, _KINDS[row["type"]], row["actor_id"] or 0, error, cell,
    )  # fmt: skip


def _is_half_told(row: Row) -> bool:
    """Return whether its end is known, from who called it, and perhaps not yet its beginning."""
    age_ns = time.monotonic_ns() - int(row["end_time_ns"])
    return row["start_time_ns"] is None and age_ns < _REPORTED_NS


def error_text(row: Row) -> str:
    """Return what the exception of a failed task says, from what Ray keeps of it."""
    return str(row["error_message"].removeprefix("User exception:\n").rpartition(_RAISED)[2])


def _waiting(rows: Sequence[Row], cells: Mapping[int, int]) -> list[tuple[Any, ...]]:
    newest = sorted(rows, key=lambda row: -(row["creation_time_ns"] or 0))
    return [
        (row["task_id"], row["name"], _KINDS[row["type"]], cells.get(row["task_id"], 0),
         row["parent_task_id"], ())
        for row in newest[: changes.WAITING_MAX]
    ]  # fmt: skip


def _totals(
    rows: Sequence[Row], ended: Mapping[str, int], numbers: Mapping[str, Any]
) -> dict[str, int]:
    names = (
        "retries", "objects", "store_used_bytes", "store_limit_bytes", "spilled_bytes",
        "inline_bytes", "task_wall_ns", "task_cpu_ns",
    )  # fmt: skip
    waiting = sum(row["state"] in _WAITING for row in rows)
    return {
        "live": len(rows), "sent": len(rows) - waiting, "ready": waiting,
        "finished": ended.get("FINISHED", 0), "failed": ended.get("FAILED", 0),
        **{name: numbers[name] for name in names},
    }  # fmt: skip
