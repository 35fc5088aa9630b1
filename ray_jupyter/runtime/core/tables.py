"""The rows of ``protocol.tables``, made from the state when somebody asks. Nothing changes.

Live things come first; ended tasks follow, the last one first, as far as they are remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from ray_jupyter.runtime.core import records, versions
from ray_jupyter.runtime.core.census import actor_status, location, task_status
from ray_jupyter.runtime.core.state import (
    ActorRecord,
    ClientRecord,
    ClusterState,
    ObjectRecord,
)
from ray_jupyter.runtime.core.transitions import running, state_of
from ray_jupyter.runtime.protocol.ids import COUNTER_BITS
from ray_jupyter.runtime.protocol.messages import ACTOR, TASK_EVENTS, VERSION
from ray_jupyter.runtime.protocol.specs import RESOURCE_UNITS
from ray_jupyter.runtime.protocol.tables import TASK_TYPES, Row


def tasks(state: ClusterState) -> Iterator[Row]:
    """Yield every task that is not forgotten."""
    tops = running(state)
    for task in state.tasks.values():
        worker = state.clients.get(task.worker) if task.worker else None
        yield _task_row(
            task.id, task.parent, task.template.name, state_of(task, tops),
            worker.pid if worker else None, worker.id if worker else None,
            task.template.kind, task.actor.id if task.actor else None, task.attempt, None,
            (task.submit_ns, None, None),
        ) | {"required_resources": amounts(task.shape), "version": versions.of_task(task) or None}  # fmt: skip
    for record in reversed(state.records):
        (
            task_id, parent, name, status, pid, submit_ns, start_ns, end_ns, attempt,
            _, _, _, worker_id, kind, actor_id, error, _,
        ) = record  # fmt: skip
        yield _task_row(
            task_id, parent, name, status, pid or None, worker_id or None,
            kind, actor_id or None, attempt, error,
            (submit_ns, start_ns or None, end_ns or None),
        )  # fmt: skip


def _task_row(
    task_id: Any, parent: Any, name: Any, status: Any, pid: Any, worker_id: Any,
    kind: Any, actor_id: Any, attempt: Any, error: Any, times_ns: tuple[Any, Any, Any],
) -> Row:  # fmt: skip
    return {
        "task_id": task_id, "attempt_number": attempt, "name": name, "state": status,
        "actor_id": actor_id, "type": TASK_TYPES[kind], "func_or_class_name": name,
        "parent_task_id": parent, "worker_id": worker_id, "worker_pid": pid,
        "error_type": error[0] if error else None,
        "error_message": (error[1] or None) if error else None,
        "creation_time_ns": times_ns[0], "start_time_ns": times_ns[1], "end_time_ns": times_ns[2],
    }  # fmt: skip


def amounts(shape: tuple[tuple[str, int], ...]) -> dict[str, float]:
    """Return resources by name."""
    return {name: units / RESOURCE_UNITS for name, units in shape}


def actors(state: ClusterState) -> Iterator[Row]:
    """Yield the actors that somebody has a handle of, then those that are gone."""
    for actor in state.actors.values():
        yield _actor_row(state, actor)
    told: set[object] = set(state.actors)  # one that restarted was made several times
    for record in reversed(state.records):
        if record[13] == ACTOR and record[0] not in told:
            told.add(record[0])
            error: Any = record[15]
            yield {
                "actor_id": record[0], "class_name": record[2], "state": "DEAD",
                "name": "", "pid": record[4] or None,
                "death_cause": error[1] or error[0] if error else "no handle to it was left",
            }  # fmt: skip


def _actor_row(state: ClusterState, actor: ActorRecord) -> Row:
    worker = state.clients.get(actor.worker)
    creation = state.tasks.get(actor.id)
    lease = worker.lease if worker is not None else creation.shape if creation else None
    return {
        "actor_id": actor.id, "class_name": actor.name, "state": actor_status(state, actor),
        "name": actor.name_key[1] if actor.name_key else "",
        "pid": worker.pid if worker else None,
        "death_cause": actor.cause[1] if actor.cause is not None else None,
        "required_resources": amounts(lease) if lease is not None else None,
        "version": actor.options.get(VERSION),
    }  # fmt: skip


def objects(state: ClusterState) -> Iterator[Row]:
    """Yield one row for each object and each process, task, function or object that refers to it."""
    tops = running(state)
    for client in state.clients.values():
        who = _who(client)
        for object_id in client.held:
            kind = "ACTOR_HANDLE" if object_id in state.actors else "LOCAL_REFERENCE"
            yield _object_row(state.objects[object_id], kind, client, tops, who)
        for object_id in client.pinned:
            record = state.objects.get(object_id) or state.unreferenced[object_id]
            yield _object_row(record, "PINNED_IN_MEMORY", client, tops, who)
    for kind, who, ids, client_id in _further_holders(state):
        holder = None if client_id is None else state.clients.get(client_id)
        for object_id in ids:
            yield _object_row(state.objects[object_id], kind, holder, tops, who)


def _who(client: ClientRecord) -> str:
    if client.actor is not None:
        return f"actor {client.actor.name}"
    return "worker" if client.is_worker else "driver"


def _further_holders(
    state: ClusterState,
) -> Iterator[tuple[str, str, tuple[int, ...], int | None]]:
    """Yield (type of reference, words, objects, process that it comes from) of what is no process."""
    for task in state.tasks.values():
        ids = (*task.deps, *task.held)
        yield "USED_BY_PENDING_TASK", f"task {task.template.name}", ids, task.submitter
    for template in state.templates.values():
        who = f"function {template.name}"
        yield "CAPTURED_IN_FUNCTION", who, template.definition[3], template.definer
    for record in [*state.objects.values(), *state.unreferenced.values()]:
        yield "CAPTURED_IN_OBJECT", f"object {record.id:x}", record.contained, None
    for known in state.remains.values():
        who = f"failed task {known.template.name}, which may run again"
        yield "USED_BY_FAILED_TASK", who, (*known.deps, *known.held), None
    for actor in state.actors.values():
        if actor.creation is not None:
            ids = (*actor.creation.deps, *actor.creation.held)
            yield "USED_BY_ACTOR_RESTART", f"actor {actor.name}, which may restart", ids, None


def _object_row(
    record: ObjectRecord, reference_type: str, client: ClientRecord | None, tops: set[int],
    held_by: str,
) -> Row:  # fmt: skip
    producer = record.producer
    return {
        "object_id": record.id,
        "object_size": record.size_bytes if record.value is not None else -1,
        "task_status": task_status(record, tops),
        "attempt_number": producer.attempt if producer else 0,
        "reference_type": reference_type, "location": location(record) or None,
        "type": "WORKER" if client is not None and client.is_worker else "DRIVER",
        "pid": client.pid if client is not None else 0, "held_by": held_by,
    }  # fmt: skip


def makers(state: ClusterState, ids: Collection[int]) -> dict[int, str]:
    """Return by object what made it, as far as that is remembered: a task, an actor, or ``put``.

    What a task has put, and what it has yielded, are not told apart.
    """
    found: dict[int, str] = {}
    unknown: list[int] = []
    for object_id in ids:
        record = state.objects.get(object_id) or state.unreferenced.get(object_id)
        if object_id in state.actors:
            found[object_id] = state.actors[object_id].name
        elif record is not None and record.producer is not None:
            found[object_id] = record.producer.template.name
        elif record is not None and record.lineage is not None:
            found[object_id] = record.lineage.name
        else:
            unknown.append(object_id)
    ended = records.makers(state, unknown)
    found.update((object_id, str(record[2])) for object_id, record in ended.items())
    unrecorded = any(TASK_EVENTS in template.extras for template in state.templates.values())
    if len(state.records) == state.records_total <= records.SEARCHED and not unrecorded:
        for object_id in unknown:
            if object_id not in ended:  # and no task is forgotten
                _, is_worker = state.processes.get(object_id >> COUNTER_BITS, (0, False))
                found[object_id] = "put or yielded by a task" if is_worker else "put"
    return found


def workers(state: ClusterState) -> Iterator[Row]:
    """Yield the processes that are connected, drivers as well."""
    for client in state.clients.values():
        if client.blocked_on is not None:
            activity = "BLOCKED"
        else:
            activity = "RUNNING" if client.inflight else "IDLE"
        yield {
            "worker_id": client.id, "is_alive": True, "pid": client.pid,
            "worker_type": "WORKER" if client.is_worker else "DRIVER",
            "activity": activity if client.is_worker else None,
            "actor_id": client.actor.id if client.actor else None,
            "task_ids": list(client.inflight),
        }  # fmt: skip


TABLES: dict[str, Callable[[ClusterState], Iterator[Row]]] = {
    "tasks": tasks,
    "actors": actors,
    "objects": objects,
    "workers": workers,
}
