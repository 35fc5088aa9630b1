"""What a cluster tells about the tasks of this job: rows, records, counters.

Ray's processes report what their tasks do to the head about once a second; this reads what has
arrived there. So everything here lags by that much, and Ray's dashboard is not needed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import ray

from ray_jupyter.backends.base import Capability
from ray_jupyter.backends.ray_cluster import head
from ray_jupyter.backends.ray_cluster.cells import Cells, report, unfinished
from ray_jupyter.backends.ray_cluster.faults import asks
from ray_jupyter.backends.ray_cluster.head import asked
from ray_jupyter.backends.ray_cluster.ids import Ids, RayId, are_there, hashed, task_of
from ray_jupyter.backends.ray_cluster.records import Records, error_text
from ray_jupyter.backends.ray_cluster.rows import ENDED, Kept, Rows
from ray_jupyter.backends.ray_cluster.watching import Watch
from ray_jupyter.runtime.protocol.messages import SYSTEM_ERROR
from ray_jupyter.runtime.protocol.tables import ACTOR_TASK, SUMMARIES, Row, select

_FAILURES = 1_000
_OF_OBJECTS = ("census", "memory", "task")


class Reports:
    """The questions of ``Backend``, answered from what the head of the cluster knows."""

    job_id: str
    session_id: str
    _is_driver: bool
    _watch: Watch

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._rows = Rows(self.job_id)
        self._cells = Cells(ids.cell_of)
        self._records = Records(self._rows, self._cells)
        self._numbers = Kept(self.statistics)

    @asks
    def resources(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """See ``Backend.resources``: of all nodes."""
        total = ray.cluster_resources()
        return total, dict.fromkeys(total, 0.0) | ray.available_resources()

    @asks
    def nodes(self) -> list[dict[str, Any]]:
        """See ``Backend.nodes``: Ray's own answer."""
        return list(ray.nodes())

    @asks
    def restarts(self, actor_id: int) -> int:
        """See ``Backend.restarts``."""
        return self._life(actor_id.ref)[1]  # type: ignore[attr-defined]

    def _life(self, handle: Any) -> tuple[str, int]:
        """Return (state, restarts so far) of an actor."""
        found = asked(head.actors, handle._actor_id.hex())
        return str(found.get("State", "UNKNOWN")), int(found.get("NumRestarts", 0))

    @asks
    def events(self, since: int) -> tuple[int, list[tuple[Any, ...]]]:
        """See ``Backend.events``; which objects a task took is not known."""
        return self._records.since(since)

    @asks
    def query(self, question: str, argument: Any = None, timeout_s: float | None = None) -> Any:
        """See ``Backend.query``."""
        answers: dict[str, Callable[[], Any]] = {
            "resources": self.resources, "statistics": self.statistics,
            "failures": self._failures, "unfinished": self._unfinished, "trace": self._trace,
        }  # fmt: skip
        if question in answers:
            return answers[question]()
        if question in ("cell", "cell_tasks"):
            return self._of_cell(question, argument)
        if question == "list":
            rows = iter(self._table(argument["table"]))
            found = select(rows, argument["filters"], argument["limit"])
            return [dict(row) for row in found]  # theirs to change
        if question == "summarize":
            return SUMMARIES[argument](iter(self._table(argument)))
        if question == "is_actor_call":
            kinds = {row["task_id"]: row["type"] for row in self._rows.tasks()}
            return kinds.get(argument) == ACTOR_TASK
        if question == "changes":
            return self._records.changed(argument, self._numbers())
        if question == "unwatch":  # it looks at its records each time
            return False
        if question == "object":
            return self._object(argument)
        if question in _OF_OBJECTS:
            Capability.OBJECT_TABLE.refuse("ray_cluster")
        if question == "references":
            Capability.REFERENCE_COUNTS.refuse("ray_cluster")
        if question == "versions":
            Capability.VERSIONS.refuse("ray_cluster")
        raise KeyError(question)

    def _of_cell(self, question: str, cell_id: int) -> Any:
        rows = self._cells.tasks_of(cell_id, self._rows.tasks())
        if question == "cell_tasks":
            return self._unfinished_of(unfinished(rows))
        if not rows:
            return {}
        return report(rows, self.statistics(), _descriptor, self._rows.capacities())

    def _object(self, object_id: int) -> dict[str, Any]:
        """Return what ``runtime.core.census.one`` does, as far as Ray tells."""
        if not isinstance(object_id, RayId):
            return {}
        known = {
            "state": "", "name": "", "cell": self._ids.cell_of(object_id) or 0, "size_bytes": 0,
            "location": "", "look": "", "version": "", "actor": "",
        }  # fmt: skip
        if not hasattr(object_id.ref, "task_id"):
            return known | {"actor": self._life(object_id.ref)[0]}
        task_id = hashed(task_of(object_id.ref))
        row = next((row for row in self._rows.tasks() if row["task_id"] == task_id), None)
        is_there = bool(are_there([object_id.ref]))
        state = row["state"] if row is not None else "FINISHED" if is_there else ""
        if row is not None and is_there and state not in ENDED:
            state = "FINISHED"  # the head has not heard of it yet
        return known | {
            "state": state, "name": row["name"] if row is not None else "",
            "size_bytes": _size_bytes(object_id.ref),
            "location": "MEMORY" if is_there and state != "FAILED" else "",
        }  # fmt: skip

    def _unfinished_of(self, tasks: list[tuple[int, bool]]) -> list[tuple[int, bool]]:
        """Return those of this driver's tasks whose results are not there: that is known at once."""
        refs = {task: self._ids.first_result(task) for task, _ in tasks}
        there = set(are_there([ref for ref in refs.values() if ref is not None]))
        return [task for task in tasks if refs[task[0]] not in there]

    @asks
    def statistics(self) -> dict[str, Any]:
        """See ``Backend.statistics``; memory is that of all nodes."""
        tasks = list(self._rows.tasks())
        states = Counter(row["state"] for row in tasks)
        total, available = self.resources()
        store = "object_store_memory"
        limit_bytes = int(total.get(store, 0))
        workers = [row for row in self._rows.workers() if row["worker_type"] == "WORKER"]
        busy = {row["worker_id"] for row in tasks if row["state"] == "RUNNING"}
        held = asked(head.count_objects)
        actors = [row for row in self._rows.actors() if row["state"] != "DEAD"]
        return {
            "workers": len(workers), "workers_busy": len(busy), "workers_blocked": 0,
            "pids": [row["pid"] for row in workers], "tasks": {"FINISHED": 0, "FAILED": 0, **states},
            "retries": sum(row["attempt_number"] for row in tasks),
            "objects": held + len(actors), "store_limit_bytes": limit_bytes,
            "store_used_bytes": limit_bytes - int(available.get(store, 0)), "spilled_bytes": 0,
            "inline_bytes": 0, "task_cpu_ns": 0,
            "task_wall_ns": sum(
                row["end_time_ns"] - row["start_time_ns"]
                for row in tasks
                if row["end_time_ns"] and row["start_time_ns"]
            ),
        }  # fmt: skip

    def _table(self, name: str) -> list[Row]:
        tables: dict[str, Callable[[], list[Row]]] = {
            "tasks": self._rows.told_tasks, "actors": self._rows.actors, "workers": self._rows.workers,
        }  # fmt: skip
        if name not in tables:
            Capability.OBJECT_TABLE.refuse("ray_cluster")
        return tables[name]()

    def _trace(self) -> dict[str, Any]:
        _, found = self._records.since(0)
        pid = os.getpid() if self._is_driver else 0
        pids = {record[0]: record[4] for record in found}
        records = [(*record, pids.get(record[1], pid)) for record in found]
        return {"records": records, "drivers": [pid]}

    def _failures(self) -> list[tuple[Any, ...]]:
        failed = [row for row in self._rows.tasks() if row["state"] == "FAILED"][:_FAILURES]
        return [
            (row["task_id"], row["name"], 1 if row["worker_pid"] else 0, row["worker_pid"] or 0,
             _descriptor(row))
            for row in reversed(failed)
        ]  # fmt: skip

    def _unfinished(self) -> list[tuple[Any, ...]]:
        return [
            (row["task_id"], row["parent_task_id"], row["name"], row["state"],
             1 if row["worker_pid"] else 0, row["worker_pid"] or 0, row["creation_time_ns"] or 0,
             row["attempt_number"], 1, ())
            for row in self._rows.tasks() if row["end_time_ns"] is None
        ]  # fmt: skip


def _size_bytes(ref: Any) -> int:
    """Return how large a value is; 0 where Ray does not tell, as of what travels in messages."""
    if ray.util.client.ray.is_connected():
        return 0
    told = ray.experimental.get_local_object_locations([ref]).get(ref, {})
    return int(told.get("object_size") or 0)


def _descriptor(row: Row) -> tuple[str, str]:
    """Return the error of a failed task as the core's queries do."""
    return SYSTEM_ERROR, error_text(row)
