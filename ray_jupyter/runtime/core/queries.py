"""Questions about the state: what users, the dashboard and errors show. Nothing changes.

Tables are imported by those who ask for them: a session starts sooner without.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray_jupyter.runtime.core import cells, versions
from ray_jupyter.runtime.core.state import ClusterState
from ray_jupyter.runtime.core.transitions import running, state_of
from ray_jupyter.runtime.protocol.messages import METHOD
from ray_jupyter.runtime.protocol.specs import RESOURCE_UNITS

RECORD_FIELDS = 11
"""So many fields of ``ClusterState.records`` are what ``Backend.events`` promises."""


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
    tops = running(state)
    for task in state.tasks.values():
        name = state_of(task, tops)
        counts[name] = counts.get(name, 0) + 1
    counts["FINISHED"] = state.finished
    counts["FAILED"] = state.failed
    return counts


def statistics(state: ClusterState) -> dict[str, Any]:
    """Return the numbers of ``Backend.statistics`` that the core knows."""
    workers = [w for w in state.clients.values() if w.is_worker]
    return {
        "workers": len(workers),
        "workers_starting": state.starting,
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
        "lineage_bytes": state.lineage_bytes,
        "task_wall_ns": state.task_wall_ns,
        "task_cpu_ns": state.task_cpu_ns,
    }


def records(state: ClusterState, since: int) -> tuple[int, list[tuple[object, ...]]]:
    """Return (next cursor, records of ended tasks from cursor ``since`` on)."""
    first = state.records_total - len(state.records)
    skip = max(0, since - first)
    return state.records_total, [r[:RECORD_FIELDS] for r in list(state.records)[skip:]]


def unfinished(state: ClusterState) -> list[tuple[object, ...]]:
    """Return the tasks that have not ended.

    ``(task_id, parent_task_id, name, state, worker's id, its pid, submit_ns, attempt,
    num_returns, ids of the arguments)``, the worker's 0 while the task is with none.
    """
    tops = running(state)
    rows: list[tuple[object, ...]] = []
    for task in state.tasks.values():
        worker = state.clients.get(task.worker)
        place = (worker.id, worker.pid) if worker is not None and task.worker else (0, 0)
        rows.append((
            task.id, task.parent, task.template.name, state_of(task, tops), *place,
            task.submit_ns, task.attempt, task.num_returns, task.deps + task.held,
        ))  # fmt: skip
    return rows


def references(state: ClusterState) -> dict[int, int]:
    """Return how many processes, tasks, functions and other objects hold each object."""
    return {object_id: record.holders for object_id, record in state.objects.items()}


def named_actors(state: ClusterState) -> list[tuple[str, str]]:
    """Return (namespace, name) of every living actor that has a name."""
    return list(state.names)


def pending_calls(state: ClusterState, argument: tuple[int, int]) -> int:
    """Return how many calls of an actor have not ended: (actor, process that made them)."""
    actor_id, client = argument
    actor = state.actors.get(actor_id)
    if actor is None:
        return 0
    worker = state.clients.get(actor.worker)
    calls = list(worker.inflight.values()) if worker is not None else []
    calls += [*actor.returned, *actor.waiting.values()]
    calls += [task for queue in actor.queues.values() for task in queue]
    calls = [task for task in calls if task.id in state.tasks and task.template.kind == METHOD]
    return sum(task.submitter == client for task in calls)


def restarts(state: ClusterState, actor_id: int) -> int:
    """Return how often an actor was made again."""
    actor = state.actors.get(actor_id)
    return actor.restarts if actor is not None else 0


def is_actor_call(state: ClusterState, object_id: int) -> bool:
    """Return whether an actor is to make this object."""
    record = state.objects.get(object_id)
    task = record.producer if record is not None else None
    return task is not None and task.template.kind == METHOD


def trace(state: ClusterState) -> dict[str, Any]:
    """Return what a drawing of the session needs.

    Keys: ``records`` (ended tasks: as in ``Backend.events``, then the pid of the process that
    submitted it), ``drivers`` (pids of the drivers, also of those that have left).
    """
    processes = state.processes
    unknown = (0, False)
    return {
        "records": [
            (*r[:RECORD_FIELDS], processes.get(r[RECORD_FIELDS], unknown)[0])  # type: ignore[call-overload]
            for r in state.records
        ],
        "drivers": [pid for pid, is_worker in processes.values() if not is_worker],
    }


def list_rows(state: ClusterState, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Return rows of a table: ``{"table", "filters", "limit"}`` (see ``protocol.tables``)."""
    from ray_jupyter.runtime.core.tables import TABLES
    from ray_jupyter.runtime.protocol.tables import select

    return select(TABLES[asked["table"]](state), asked["filters"], asked["limit"])


def summarize(state: ClusterState, table: str) -> dict[str, Any]:
    """Return the counts of a whole table."""
    from ray_jupyter.runtime.core.tables import TABLES
    from ray_jupyter.runtime.protocol.tables import SUMMARIES

    return SUMMARIES[table](TABLES[table](state))


def memory(state: ClusterState, most: int) -> dict[str, Any]:
    """Return who keeps how much alive, and the largest objects."""
    from ray_jupyter.runtime.core import tables as rows
    from ray_jupyter.runtime.protocol import tables

    answer = tables.memory(rows.objects(state), most)
    made_by = rows.makers(state, [found["object_id"] for found in answer["objects"]])
    for found in answer["objects"]:
        found["made_by"] = made_by.get(found["object_id"], "")
    return answer


def failed_task(state: ClusterState, object_id: int) -> str | dict[str, object]:
    """Return what it takes to run again what failed; as text, why it cannot be run."""
    from ray_jupyter.runtime.core import resuming

    return resuming.describe(state, object_id)


def changes(state: ClusterState, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what the dashboard folds: see ``core.changes``."""
    from ray_jupyter.runtime.core.changes import answer

    return answer(state, asked)


def census(state: ClusterState, most: int) -> list[tuple[Any, ...]]:
    """Return the largest objects: see ``core.census``."""
    from ray_jupyter.runtime.core.census import largest

    return largest(state, most)


def object_now(state: ClusterState, object_id: int) -> dict[str, Any]:
    """Return what is known of one object: see ``core.census``."""
    from ray_jupyter.runtime.core.census import one

    return one(state, object_id)


def task_given(state: ClusterState, task_id: int) -> dict[str, Any]:
    """Return what one task was given: see ``core.given``."""
    from ray_jupyter.runtime.core.given import task

    return task(state, task_id)


ANSWERS: dict[str, Callable[[ClusterState, Any], Any]] = {
    "failures": lambda state, _: list(state.failures),
    "failed_task": failed_task,
    "references": lambda state, _: references(state),
    "unfinished": lambda state, _: unfinished(state),
    "is_actor_call": is_actor_call,
    "cell": cells.report,
    "cell_tasks": cells.unfinished,
    "named_actors": lambda state, _: named_actors(state),
    "pending_calls": pending_calls,
    "restarts": restarts,
    "resources": lambda state, _: resources(state),
    "statistics": lambda state, _: statistics(state),
    "events": records,
    "trace": lambda state, _: trace(state),
    "list": list_rows,
    "summarize": summarize,
    "memory": memory,
    "changes": changes,
    "unwatch": lambda state, name: state.watches.pop(name, None) is not None,
    "census": census,
    "object": object_now,
    "task": task_given,
    "versions": lambda state, _: versions.live(state),
}
