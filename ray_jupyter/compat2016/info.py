"""``task_info`` and ``scheduler_info``: what the system of 2016 told about itself."""

from __future__ import annotations

from typing import Any

from ray_jupyter import session
from ray_jupyter.runtime.protocol.messages import FAILED


def task_info() -> dict[str, Any]:
    """Return which tasks failed, which run, and how many succeeded.

    Keys of 2016: ``failed_tasks`` (the last thousand) and ``running_tasks``, each a list of
    dicts with ``worker_address``, ``operationid`` and ``function_name``, failed ones with
    ``error_message`` as well; ``num_succeeded``. Further: ``num_failed`` (all of them),
    ``waiting_tasks``, and in each dict ``parent_operationid`` and ``attempt`` where known.

    Raises:
        NotInitializedError: no session is running.
    """
    backend = session.connected()
    tasks = [_unfinished(row) for row in backend.query("unfinished")]
    ended = backend.statistics()["tasks"]
    return {
        "failed_tasks": [_failed(row) for row in backend.query("failures")],
        "running_tasks": [task for task in tasks if task["state"] == "RUNNING"],
        "waiting_tasks": [task for task in tasks if task["state"] != "RUNNING"],
        "num_succeeded": ended.get("FINISHED", 0),
        "num_failed": ended.get("FAILED", 0),
    }


def scheduler_info() -> dict[str, Any]:
    """Return the reference counts, and what else the scheduler knows.

    Keys of 2016: ``reference_counts`` by the object's id (``ref.id``): how many processes,
    tasks, functions and other objects hold it; ``target_objectids``, the objects that are
    there or on their way. Further: those of the backend's statistics (``workers``,
    ``objects``, ``store_used_bytes``, ...), ``total_resources``, ``available_resources``.

    Raises:
        NotInitializedError: no session is running.
    """
    backend = session.connected()
    counts = backend.query("references")
    total, available = backend.resources()
    return {
        **backend.statistics(),
        "reference_counts": counts,
        "target_objectids": sorted(counts),
        "total_resources": dict(total),
        "available_resources": dict(available),
    }


def _unfinished(row: tuple[Any, ...]) -> dict[str, Any]:
    task_id, parent_id, name, state, worker, pid, _, attempt, *_ = row
    return {
        "worker_address": _address(worker, pid), "operationid": task_id, "function_name": name,
        "parent_operationid": parent_id, "attempt": attempt, "state": state,
    }  # fmt: skip


def _failed(row: tuple[Any, ...]) -> dict[str, Any]:
    task_id, name, worker, pid, error = row
    return {
        "worker_address": _address(worker, pid), "operationid": task_id, "function_name": name,
        "error_message": _text_of(error),
    }  # fmt: skip


def _address(worker: int, pid: int) -> str:
    """Return where a task is or was; nothing when it was with no worker."""
    if not pid:
        return ""
    return f"worker {worker}, pid {pid}" if worker else f"driver, pid {pid}"


def _text_of(error: tuple[Any, ...]) -> str:
    """Return what an error descriptor says."""
    if error[0] == FAILED:
        from ray_jupyter.runtime.client.task_errors import text_of_task_error

        return text_of_task_error(error[1])
    return ": ".join(text for text in error[1:] if text)
