"""Questions about the state: what users, the dashboard and errors show. Nothing changes."""

from __future__ import annotations

from typing import Any

from ray_jupyter.runtime.core.state import ClusterState
from ray_jupyter.runtime.core.transitions import RUNNING, SUBMITTED_TO_WORKER
from ray_jupyter.runtime.protocol.specs import RESOURCE_UNITS


def resources(state: ClusterState) -> tuple[dict[str, float], dict[str, float]]:
    """Return (total, available) by name. A resumed task may overdraw: shown as nothing."""
    total = {name: units / RESOURCE_UNITS for name, units in state.total.items()}
    available = {name: max(0, units) / RESOURCE_UNITS for name, units in state.available.items()}
    return total, available


def origin(state: ClusterState, client: int, task_ids: tuple[int, ...]) -> tuple[int, int, str]:
    """Return (root, id, name) of the first task that has not ended; of what ``client`` runs if none.

    A child in place may be unknown still: what it stands on has the same root.
    """
    for task_id in task_ids:
        task = state.tasks.get(task_id)
        if task is not None:
            return task.root, task_id, task.template.name
    worker = state.clients.get(client)
    for task in worker.inflight.values() if worker is not None else ():
        return task.root, task_ids[0], task.template.name
    return task_ids[0], task_ids[0], ""


def tasks_by_state(state: ClusterState) -> dict[str, int]:
    """Return how many tasks are in each of Ray's states; ended ones since the start."""
    counts: dict[str, int] = {}
    running = {next(iter(w.inflight)) for w in state.clients.values() if w.inflight}
    for task in state.tasks.values():
        name = task.state
        if name == SUBMITTED_TO_WORKER and (task.id in running or task.in_place):
            name = RUNNING
        counts[name] = counts.get(name, 0) + 1
    counts["FINISHED"] = state.finished
    counts["FAILED"] = state.failed
    return counts


def statistics(state: ClusterState) -> dict[str, Any]:
    """Return the numbers of ``Backend.statistics`` that the core knows."""
    workers = [w for w in state.clients.values() if w.is_worker]
    return {
        "workers": len(workers),
        "workers_busy": sum(bool(w.inflight) for w in workers),
        "workers_blocked": sum(w.blocked_on is not None for w in workers),
        "tasks": tasks_by_state(state),
        "retries": state.retries,
        "objects": len(state.objects),
        "actors": len(state.actors),
        "store_used_bytes": state.allocator.used_bytes,
        "store_warm_bytes": state.allocator.warm_bytes,
        "store_limit_bytes": state.store_limit_bytes,
        "spilled_bytes": state.spilled_bytes,
        "inline_bytes": state.inline_bytes,
        "task_wall_ns": state.task_wall_ns,
        "task_cpu_ns": state.task_cpu_ns,
    }


def records(state: ClusterState, since: int) -> tuple[int, list[tuple[object, ...]]]:
    """Return (next cursor, records of ended tasks from cursor ``since`` on)."""
    first = state.records_total - len(state.records)
    skip = max(0, since - first)
    kept = list(state.records)
    return state.records_total, kept[skip:]


ANSWERS = {
    "resources": lambda state, _: resources(state),
    "statistics": lambda state, _: statistics(state),
    "events": records,
}
