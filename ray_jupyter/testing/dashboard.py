"""For tests of the dashboard: answers without a core, and a view that knows frames only."""

from __future__ import annotations

from typing import Any

from ray_jupyter.dashboard.frames import Frame
from ray_jupyter.dashboard.model import Model
from ray_jupyter.runtime.protocol.changes import ended

MS = 1_000_000
"""Nanoseconds of a millisecond."""


class Cluster:
    """Ends tasks, and answers what a model asks."""

    def __init__(self) -> None:
        self.records: list[tuple[Any, ...]] = []
        self.workers: list[tuple[Any, ...]] = []
        self.live: list[tuple[str, str, int, int]] = []
        self.waiting: list[tuple[Any, ...]] = []
        self.failures: dict[int, bytes] = {}
        self.totals: dict[str, int] = {}
        self.now_ns = 0

    def end(
        self, task_id: int, name: str = "work", *, worker: int = 1, took_ns: int = 10 * MS,
        parent: int = 0, arguments: tuple[int, ...] = (), status: str = "FINISHED",
        submit_ns: int | None = None, num_returns: int = 1, kind: str = "task",
        cell: int = 0,
    ) -> None:  # fmt: skip
        """A task ends, after the one before."""
        start_ns = self.now_ns + 1
        self.now_ns += took_ns
        error = {
            "FAILED": ("TASK_EXECUTION_EXCEPTION", ""),
            "CANCELLED": ("TASK_CANCELLED", "it was"),
        }.get(status)
        self.records.append((
            task_id, parent, name, "FAILED" if error else status, 100 + worker, start_ns if submit_ns is None else submit_ns,
            start_ns, self.now_ns, 0, num_returns, arguments, 0, worker, kind, 0, error, cell,
        ))  # fmt: skip

    def answer(self, question: dict[str, Any], until: int | None = None) -> dict[str, Any]:
        """Return what the backend would, as if only so many tasks had ended."""
        records = self.records[question["since"] : until]
        tasks, groups = ended(records, question["most"])
        return {
            "cursor": question["since"] + len(records), "forgotten": 0, "failures": self.failures,
            "tasks": [tuple(task) for task in tasks], "groups": [tuple(group) for group in groups],
            "live": self.live, "workers": self.workers, "waiting": self.waiting, "here": ("",),
            "totals": {"live": 0, "objects": 0, **self.totals},
        }  # fmt: skip

    def tell(self, model: Model, until: int | None = None, most: int | None = None) -> None:
        """Have a model ask and fold."""
        question = model.question()
        model.fold(self.answer(question | ({"most": most} if most else {}), until), bytes.decode)


class Viewer:
    """What a front end does with frames, in the fewest words."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[int, list[Any]]] = {}
        self.tasks: dict[int, list[Any]] = {}
        self.bins: dict[tuple[int, int], list[int]] = {}
        self.totals: dict[str, int] = {}

    def apply(self, frame: Frame) -> None:
        """Take a frame."""
        self.totals = frame["totals"]
        for table in ("cells", "nodes", "edges", "lanes"):
            self.tables.setdefault(table, {}).update({row[0]: row[1:] for row in frame[table]})
        self.tasks.update({row[0]: row for row in frame["tasks"]})
        if frame["bins"]["all"]:
            self.bins.clear()
        for lane, rows in frame["bins"]["lanes"].items():
            self.bins.update({(lane, row[0]): row for row in rows})

    def sees(self) -> dict[str, Any]:
        """Return everything but single tasks."""
        return {"tables": self.tables, "bins": self.bins, "totals": self.totals}
