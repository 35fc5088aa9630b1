"""What a cluster tells about the tasks of this job: rows, records, counters.

Ray's processes report what their tasks do to the head about once a second; this reads what has
arrived there. So everything here lags by that much, and Ray's dashboard is not needed.
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import ray
from ray.core.generated import gcs_pb2

from ray_jupyter.backends.base import Capability
from ray_jupyter.backends.ray_cluster import head
from ray_jupyter.backends.ray_cluster.cells import Cells, report, unfinished
from ray_jupyter.backends.ray_cluster.head import asked
from ray_jupyter.backends.ray_cluster.ids import Ids, task_of_actor
from ray_jupyter.runtime.protocol.messages import SYSTEM_ERROR
from ray_jupyter.runtime.protocol.tables import (
    ACTOR_CREATION_TASK,
    ACTOR_TASK,
    NORMAL_TASK,
    SUMMARIES,
    Row,
    select,
)

_KEPT = 100_000
_FAILURES = 1_000
_REPORTED_NS = 3_000_000_000
"""After so long all processes have reported what they did."""
_STATES = {
    1: "PENDING_ARGS_AVAIL", 2: "PENDING_NODE_ASSIGNMENT", 3: "PENDING_NODE_ASSIGNMENT",
    4: "PENDING_NODE_ASSIGNMENT", 5: "SUBMITTED_TO_WORKER", 6: "SUBMITTED_TO_WORKER",
    7: "SUBMITTED_TO_WORKER", 8: "RUNNING", 9: "RUNNING", 10: "RUNNING", 11: "FINISHED",
    12: "FAILED",
}  # fmt: skip
"""Ours for Ray's numbers: what Ray tells apart, and we do not, has the same name."""
_SUBMITTED, _STARTED, _ENDED = 1, 8, ("FINISHED", "FAILED")
_KINDS = {0: NORMAL_TASK, 1: ACTOR_CREATION_TASK, 2: ACTOR_TASK}
_RAISED = "TaskFailure: "


class Reports:
    """The questions of ``Backend``, answered from what the head of the cluster knows."""

    job_id: str
    session_id: str
    _is_driver: bool

    def __init__(self, ids: Ids) -> None:
        self._of_task = ids.of_task
        self._records: deque[tuple[Any, ...]] = deque(maxlen=_KEPT)
        self._records_total = 0
        self._recorded: set[int] = set()
        self._cells = Cells()

    def resources(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """See ``Backend.resources``: of all nodes."""
        total = ray.cluster_resources()
        return total, dict.fromkeys(total, 0.0) | ray.available_resources()

    def nodes(self) -> list[dict[str, Any]]:
        """See ``Backend.nodes``: Ray's own answer."""
        return list(ray.nodes())

    def restarts(self, actor_id: int) -> int:
        """See ``Backend.restarts``."""
        return self._life(actor_id.ref)[1]  # type: ignore[attr-defined]

    def _life(self, handle: Any) -> tuple[str, int]:
        """Return (state, restarts so far) of an actor."""
        found = asked(head.actors, handle._actor_id.hex())
        return str(found.get("State", "UNKNOWN")), int(found.get("NumRestarts", 0))

    def events(self, since: int) -> tuple[int, list[tuple[Any, ...]]]:
        """See ``Backend.events``; which objects a task took is not known."""
        self._gather()
        first = self._records_total - len(self._records)
        skip = max(0, since - first)
        return self._records_total, list(islice(self._records, skip, None))

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
            rows = self._rows(argument["table"])
            return select(rows, argument["filters"], argument["limit"])
        if question == "summarize":
            return SUMMARIES[argument](self._rows(argument))
        if question == "is_actor_call":
            kinds = {row["task_id"]: row["type"] for row in self._tasks()}
            return kinds.get(argument) == ACTOR_TASK
        if question == "references":
            Capability.REFERENCE_COUNTS.refuse("ray_cluster")
        if question == "memory":
            Capability.OBJECT_TABLE.refuse("ray_cluster")
        if question == "versions":
            Capability.VERSIONS.refuse("ray_cluster")
        raise KeyError(question)

    def _of_cell(self, question: str, cell_id: int) -> Any:
        rows = self._cells.tasks_of(cell_id, self._tasks())
        if question == "cell_tasks":
            return unfinished(rows)
        return report(rows, self.statistics(), _descriptor) if rows else {}

    def statistics(self) -> dict[str, Any]:
        """See ``Backend.statistics``; memory is that of all nodes."""
        tasks = list(self._tasks())
        states = Counter(row["state"] for row in tasks)
        total, available = self.resources()
        store = "object_store_memory"
        limit_bytes = int(total.get(store, 0))
        workers = [row for row in self._workers() if row["worker_type"] == "WORKER"]
        busy = {row["worker_id"] for row in tasks if row["state"] == "RUNNING"}
        held = asked(head.count_objects)
        actors = [row for row in self._actors() if row["state"] != "DEAD"]
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

    def shutdown(self) -> None:
        """The session ends."""
        self._records.clear()

    # Rows

    def _rows(self, table: str) -> Iterator[Row]:
        tables: dict[str, Callable[[], Iterator[Row]]] = {
            "tasks": self._tasks, "actors": self._actors, "workers": self._workers,
        }  # fmt: skip
        if table not in tables:
            Capability.OBJECT_TABLE.refuse("ray_cluster")
        return tables[table]()

    def _tasks(self) -> Iterator[Row]:
        """Yield the last attempt at each task, those that have not ended first."""
        found: dict[bytes, Any] = {}
        for data in asked(head.task_events):
            event = gcs_pb2.TaskEvents.FromString(data)
            if not event.HasField("task_info") or event.job_id.hex() != self.job_id:
                continue
            if event.task_info.type not in _KINDS:
                continue
            known = found.get(event.task_id)
            if known is None or known.attempt_number < event.attempt_number:
                found[event.task_id] = event
        offset_ns = time.time_ns() - time.monotonic_ns()
        rows = [self._task_row(event, offset_ns) for event in found.values()]
        rows.sort(key=lambda row: (row["end_time_ns"] is not None, -(row["end_time_ns"] or 0)))
        yield from rows

    def _task_row(self, event: Any, offset_ns: int) -> Row:
        info, updates = event.task_info, event.state_updates
        times = {key: at - offset_ns for key, at in updates.state_ts_ns.items()}
        state = _STATES.get(max((key for key in times if key in _STATES), default=1), "")
        end = max(times.values()) if state in _ENDED else None
        is_root = info.parent_task_id[:8] == b"\xff" * 8 and _is_driver_task(info.parent_task_id)
        actor = self._of_task(task_of_actor(info.actor_id)) if info.actor_id else None
        return {
            "task_id": self._of_task(event.task_id), "attempt_number": event.attempt_number,
            "name": info.name, "state": state, "actor_id": actor, "type": _KINDS[info.type],
            "func_or_class_name": info.name, "worker_id": worker_number(updates.worker_id.hex()),
            "parent_task_id": 0 if is_root else self._of_task(info.parent_task_id),
            "worker_pid": updates.worker_pid or None, "node_id": updates.node_id.hex() or None,
            "required_resources": dict(info.required_resources),
            "error_type": _error_type(updates), "error_message": updates.error_info.error_message,
            "creation_time_ns": times.get(_SUBMITTED), "start_time_ns": times.get(_STARTED),
            "end_time_ns": end,
        }  # fmt: skip

    def _actors(self) -> Iterator[Row]:
        for actor in asked(head.actors).values():
            if actor["JobID"] != self.job_id and not actor["IsDetached"]:
                continue
            state = actor["State"]
            yield {
                "actor_id": self._of_task(task_of_actor(bytes.fromhex(actor["ActorID"]))),
                "class_name": actor["ActorClassName"], "name": actor["Name"], "state": state,
                "pid": actor["Pid"], "node_id": actor["Address"]["NodeID"],
                "death_cause": actor["DeathCause"] or None if state == "DEAD" else None,
            }  # fmt: skip

    def _workers(self) -> Iterator[Row]:
        for data in asked(head.workers):
            worker = gcs_pb2.WorkerTableData.FromString(data)
            if worker.is_alive and worker.worker_type in (0, 1):
                yield {
                    "worker_id": worker_number(worker.worker_address.worker_id.hex()),
                    "is_alive": True,
                    "worker_type": "DRIVER" if worker.worker_type else "WORKER",
                    "pid": worker.pid, "node_id": worker.worker_address.node_id.hex(),
                    "ip": worker.worker_address.ip_address, "activity": None, "actor_id": None,
                }  # fmt: skip

    # Records

    def _gather(self) -> None:
        """Append what has ended since the last time."""
        ended = [row for row in self._tasks() if row["end_time_ns"] is not None]
        for row in reversed(ended):
            if row["task_id"] in self._recorded or _is_half_told(row):
                continue
            self._recorded.add(row["task_id"])
            self._records_total += 1
            submit_ns = row["creation_time_ns"] or row["start_time_ns"] or row["end_time_ns"]
            self._records.append((
                row["task_id"], row["parent_task_id"], row["name"], row["state"],
                row["worker_pid"] or 0, submit_ns, max(row["start_time_ns"] or 0, submit_ns)
                if row["start_time_ns"] else 0, row["end_time_ns"], row["attempt_number"], 1, (),
            ))  # fmt: skip

    def _trace(self) -> dict[str, Any]:
        self._gather()
        pid = os.getpid() if self._is_driver else 0
        pids = {record[0]: record[4] for record in self._records}
        records = [(*record, pids.get(record[1], pid)) for record in self._records]
        return {"records": records, "drivers": [pid]}

    def _failures(self) -> list[tuple[Any, ...]]:
        failed = [row for row in self._tasks() if row["state"] == "FAILED"][:_FAILURES]
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
            for row in self._tasks() if row["end_time_ns"] is None
        ]  # fmt: skip


def _is_half_told(row: Row) -> bool:
    """Return whether its end is known, from who called it, and perhaps not yet its beginning."""
    age_ns = time.monotonic_ns() - int(row["end_time_ns"])
    return row["start_time_ns"] is None and age_ns < _REPORTED_NS


def worker_number(name: str) -> int | None:
    """Return the id of a worker for Ray's name of it."""
    return int(name[:8], 16) if name else None


def _descriptor(row: Row) -> tuple[str, str]:
    """Return what the exception of a failed task says, from what Ray keeps of it."""
    text = row["error_message"].removeprefix("User exception:\n").rpartition(_RAISED)[2]
    return SYSTEM_ERROR, text


def _error_type(updates: Any) -> str | None:
    if not updates.HasField("error_info"):
        return None
    return str(type(updates.error_info).DESCRIPTOR.fields_by_name["error_type"].enum_type
               .values_by_number[updates.error_info.error_type].name)  # fmt: skip


def _is_driver_task(task_id: bytes) -> bool:
    """Return whether this is Ray's name for a driver itself."""
    return task_id[:20] == b"\xff" * 20
