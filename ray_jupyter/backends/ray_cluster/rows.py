"""What the head of a cluster knows of this job, as rows of ``runtime.protocol.tables``.

Ray's processes report what their tasks do about once a second, so that everything here lags by
that much. What was read is kept for a moment: whoever asks ten times a second costs no more than
a few questions, and what has not changed is not read again.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Container
from typing import Any, Generic, TypeVar

import ray
from ray.core.generated import gcs_pb2

from ray_jupyter.backends.ray_cluster import head
from ray_jupyter.backends.ray_cluster.head import asked
from ray_jupyter.backends.ray_cluster.ids import hashed, task_of_actor
from ray_jupyter.runtime.protocol.tables import (
    ACTOR_CREATION_TASK,
    ACTOR_TASK,
    NORMAL_TASK,
    Row,
)

T = TypeVar("T")
_STATES = {
    1: "PENDING_ARGS_AVAIL", 2: "PENDING_NODE_ASSIGNMENT", 3: "PENDING_NODE_ASSIGNMENT",
    4: "PENDING_NODE_ASSIGNMENT", 5: "SUBMITTED_TO_WORKER", 6: "SUBMITTED_TO_WORKER",
    7: "SUBMITTED_TO_WORKER", 8: "RUNNING", 9: "RUNNING", 10: "RUNNING", 11: "FINISHED",
    12: "FAILED",
}  # fmt: skip
"""Ours for Ray's numbers: what Ray tells apart, and we do not, has the same name."""
_SUBMITTED, _STARTED, ENDED = 1, 8, ("FINISHED", "FAILED")
_KINDS = {0: NORMAL_TASK, 1: ACTOR_CREATION_TASK, 2: ACTOR_TASK}
_FRESH_S, _FRESH_BY_TASK_S = 0.05, 0.5
"""For so long an answer is good; the second where asking takes a task, behind Ray's client."""
_UNHEARD_NS = 5_000_000_000
_UNHEARD_MAX = 100_000
"""So many of the newest are remembered, also where nobody looks and so nobody forgets them."""
_SHARE = 5
"""Reading takes at most this part of the time."""


class Rows:
    """The tables of one job.

    Args:
        job_id: whose.
    """

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._read_tasks: dict[bytes, Row] = {}
        self._submitted: deque[tuple[int, str, str, int]] = deque(maxlen=_UNHEARD_MAX)
        """What this driver has just submitted: id, name, kind, when."""
        self._forgetting = threading.Lock()
        # Once: a row that has ended stays what it is.
        self._offset_ns = time.time_ns() - time.monotonic_ns()
        self.told_tasks = Kept(self._tasks)
        """The last attempt at each task that the head knows, those that have not ended first."""
        self.actors = Kept(self._actors)
        self.workers = Kept(self._workers)
        self.machines = Kept(_machines)
        """By Ray's ids of the nodes: (what people call it, its address)."""
        self.capacities = Kept(_capacities)
        """What each living node has, by the names of resources."""

    def submitted(self, task_id: int, name: str, kind: str) -> None:
        """Note a task of this driver: the head hears of it a second later."""
        self._submitted.append((task_id, name, kind, time.monotonic_ns()))

    def tasks(self) -> list[Row]:
        """Return ``told_tasks``, and what this driver has just submitted."""
        known = self.told_tasks()
        if not self._submitted:
            return known
        oldest_ns, heard = time.monotonic_ns() - _UNHEARD_NS, {row["task_id"] for row in known}
        kept = [
            task for task in self._submitted.copy()
            if task[0] not in heard and task[3] >= oldest_ns  # of some it is never told
        ]  # fmt: skip
        with self._forgetting:
            self._forget(oldest_ns, heard)
        return [_unheard(*task) for task in kept] + known

    def _forget(self, before_ns: int, heard: Container[int]) -> None:
        submitted = self._submitted
        while submitted and (submitted[0][0] in heard or submitted[0][3] < before_ns):
            submitted.popleft()

    def _tasks(self) -> list[Row]:
        read, before = {}, self._read_tasks
        for data in asked(head.task_events):
            key = hashlib.blake2b(data, digest_size=12).digest()
            row = before.get(key)
            read[key] = self._task(data) if row is None else row
        self._read_tasks = read
        found: dict[int, Row] = {}
        for row in read.values():
            known = found.get(row["task_id"]) if row else None
            if row and (known is None or known["attempt_number"] < row["attempt_number"]):
                found[row["task_id"]] = row
        return sorted(
            found.values(),
            key=lambda row: (row["end_time_ns"] is not None, -(row["end_time_ns"] or 0)),
        )

    def _task(self, data: bytes) -> Row:
        """Return the row; an empty one for what is not ours."""
        event = gcs_pb2.TaskEvents.FromString(data)
        info, updates = event.task_info, event.state_updates
        is_ours = event.HasField("task_info") and event.job_id.hex() == self._job_id
        if not is_ours or info.type not in _KINDS:
            return {}
        times = {key: at - self._offset_ns for key, at in updates.state_ts_ns.items()}
        state = _STATES.get(max((key for key in times if key in _STATES), default=1), "")
        end = max(times.values()) if state in ENDED else None
        is_root = info.parent_task_id[:8] == b"\xff" * 8 and _is_driver_task(info.parent_task_id)
        actor = hashed(task_of_actor(info.actor_id)) if info.actor_id else None
        return {
            "task_id": hashed(event.task_id), "attempt_number": event.attempt_number,
            "name": info.name, "state": state, "actor_id": actor, "type": _KINDS[info.type],
            "func_or_class_name": info.name, "worker_id": worker_number(updates.worker_id.hex()),
            "parent_task_id": 0 if is_root else hashed(info.parent_task_id),
            "worker_pid": updates.worker_pid or None, "node_id": updates.node_id.hex() or None,
            "required_resources": dict(info.required_resources),
            "error_type": _error_type(updates), "error_message": updates.error_info.error_message,
            "creation_time_ns": times.get(_SUBMITTED), "start_time_ns": times.get(_STARTED),
            "end_time_ns": end,
        }  # fmt: skip

    def _actors(self) -> list[Row]:
        return [
            {
                "actor_id": hashed(task_of_actor(bytes.fromhex(actor["ActorID"]))),
                "class_name": actor["ActorClassName"], "name": actor["Name"],
                "state": actor["State"], "pid": actor["Pid"],
                "node_id": actor["Address"]["NodeID"],
                "death_cause": actor["DeathCause"] or None if actor["State"] == "DEAD" else None,
            }
            for actor in asked(head.actors).values()
            if actor["JobID"] == self._job_id or actor["IsDetached"]
        ]  # fmt: skip

    def _workers(self) -> list[Row]:
        rows = []
        for data in asked(head.workers):
            worker = gcs_pb2.WorkerTableData.FromString(data)
            if worker.is_alive and worker.worker_type in (0, 1):
                rows.append({
                    "worker_id": worker_number(worker.worker_address.worker_id.hex()),
                    "is_alive": True,
                    "worker_type": "DRIVER" if worker.worker_type else "WORKER",
                    "pid": worker.pid, "node_id": worker.worker_address.node_id.hex(),
                    "ip": worker.worker_address.ip_address, "activity": None, "actor_id": None,
                })  # fmt: skip
        return rows


def _unheard(task_id: int, name: str, kind: str, since_ns: int) -> Row:
    return {
        "task_id": task_id, "attempt_number": 0, "name": name, "state": "PENDING_NODE_ASSIGNMENT",
        "actor_id": None, "type": kind, "func_or_class_name": name, "worker_id": None,
        "parent_task_id": 0, "worker_pid": None, "node_id": None, "required_resources": {},
        "error_type": None, "error_message": "", "creation_time_ns": since_ns,
        "start_time_ns": None, "end_time_ns": None,
    }  # fmt: skip


class Kept(Generic[T]):
    """What a slow question last gave, for as long as it is good."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._answer: T | None = None
        self._good_until_s = 0.0

    def __call__(self) -> T:
        """Return the answer."""
        with self._lock:
            began_s = time.monotonic()
            if began_s >= self._good_until_s:
                self._answer = self._ask()
                is_client = ray.util.client.ray.is_connected()
                fresh_s = _FRESH_BY_TASK_S if is_client else _FRESH_S
                now_s = time.monotonic()
                self._good_until_s = now_s + max(fresh_s, _SHARE * (now_s - began_s))
            assert self._answer is not None
            return self._answer


def _machines() -> dict[str, tuple[str, str]]:
    nodes = ray.nodes()
    hosts = [node["NodeManagerHostname"] for node in nodes]
    return {
        node["NodeID"]: (
            host if hosts.count(host) == 1 else f"{host} {node['NodeID'][:6]}",
            node["NodeManagerAddress"],
        )
        for node, host in zip(nodes, hosts, strict=True)
    }


def _capacities() -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def worker_number(name: str) -> int | None:
    """Return the id of a worker for Ray's name of it."""
    return int(name[:8], 16) if name else None


def _error_type(updates: Any) -> str | None:
    if not updates.HasField("error_info"):
        return None
    return str(type(updates.error_info).DESCRIPTOR.fields_by_name["error_type"].enum_type
               .values_by_number[updates.error_info.error_type].name)  # fmt: skip


def _is_driver_task(task_id: bytes) -> bool:
    """Return whether this is Ray's name for a driver itself."""
    return task_id[:20] == b"\xff" * 20
