"""Task records as Chrome trace events. Pure: records in, JSON-ready dicts out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def trace_events(records: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return trace events for ``Backend.events`` records: one bar per attempt, by worker."""
    bars: list[dict[str, Any]] = []
    workers: dict[int, None] = {}
    for record in records:
        task_id, parent_id, name, status, worker, submit_ns, start_ns, end_ns, attempt = record[:9]
        if not start_ns:  # never ran: cancelled, or its dependencies failed
            continue
        workers[worker] = None
        bars.append({
            "name": name, "cat": "task", "ph": "X", "pid": 0, "tid": worker,
            "ts": start_ns / 1000, "dur": (end_ns - start_ns) / 1000,
            "args": {
                "task_id": f"{task_id:x}", "parent_id": f"{parent_id:x}", "status": status,
                "attempt": attempt, "waited_us": (start_ns - submit_ns) / 1000,
            },
        })  # fmt: skip
    names = [_metadata("process_name", 0, "ray_jupyter")]
    names += [_metadata("thread_name", worker, f"worker {worker}") for worker in workers]
    return names + bars


def _metadata(kind: str, thread: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": 0, "tid": thread, "args": {"name": name}}
