"""What there is to say of objects: the largest of them, and a single one. Nothing changes.

Lives here: rows and their words for the dashboard and for references that are shown. Does not: the
tables of the state API (``tables``).
"""

from __future__ import annotations

import heapq
from typing import Any

from ray_jupyter.runtime.core import records, versions
from ray_jupyter.runtime.core.state import ActorRecord, ClusterState, ObjectRecord
from ray_jupyter.runtime.core.transitions import FAILED, FINISHED, running, state_of
from ray_jupyter.runtime.protocol.changes import LOOK_BYTES
from ray_jupyter.runtime.protocol.messages import SPILLED, STORED


def largest(state: ClusterState, most: int) -> list[tuple[Any, ...]]:
    """Return the largest objects: (id, size, location, holders, pids, pins, is being made, kinds, look).

    ``pids`` are of the processes that have a reference. ``kinds`` are how many of the holders
    are drivers, workers, functions, other objects, and tasks that have not ended or are remembered
    because they may run again. ``look`` is what the value looks like, or the beginning of
    one that is small. It looks at every object, a few times.
    """
    objects = heapq.nlargest(most, state.objects.values(), key=lambda record: record.size_bytes)
    inside = _counts_inside(state, {record.id for record in objects})
    rows = []
    for record in objects:
        value, object_id = record.value, record.id
        holders = [c for c in state.clients.values() if object_id in c.held]
        workers = sum(client.is_worker for client in holders)
        in_functions, in_objects = inside.get(object_id, (0, 0))
        tasks = max(0, record.holders - len(holders) - in_functions - in_objects)
        rows.append((
            object_id, _size_bytes(record), location(record), record.holders,
            [client.pid for client in holders], len(record.pins) if record.pins else 0,
            value is None, (len(holders) - workers, workers, in_functions, in_objects, tasks),
            look(record),
        ))  # fmt: skip
    return rows


def one(state: ClusterState, object_id: int) -> dict[str, Any]:
    """Return what is known of an object; nothing if it is not there.

    Keys: ``state`` (of its task), ``name`` (of its function; empty if it was put, or
    is forgotten), ``cell``, ``size_bytes``, ``location``, ``look`` (see ``largest``), ``version`` (of
    what makes it, while it is made; of an actor), ``actor`` (Ray's state, if it is one).
    """
    record = state.objects.get(object_id)
    if record is None:
        return {}
    task = record.producer
    if task is not None:
        name, cell = task.template.name, task.cell.id if task.cell is not None else 0
    else:
        ended = records.makers(state, (object_id,)).get(object_id)
        name, cell = (ended[2], ended[16]) if ended is not None else ("", 0)
    return {
        "state": task_status(record, running(state)), "name": name, "cell": cell, "size_bytes": _size_bytes(record),
        "location": location(record), "look": look(record),
        "version": versions.of_object(state, record), "actor": _actor(state, object_id),
    }  # fmt: skip


def _actor(state: ClusterState, actor_id: int) -> str:
    actor = state.actors.get(actor_id)
    return actor_status(state, actor) if actor is not None else ""


def actor_status(state: ClusterState, actor: ActorRecord) -> str:
    """Return Ray's state of an actor that somebody has a handle of."""
    creation = state.tasks.get(actor.id)
    if actor.cause is not None:
        return "DEAD"
    if creation is None:
        return "ALIVE"
    if creation.missing:
        return "DEPENDENCIES_UNREADY"
    return "RESTARTING" if actor.restarts else "PENDING_CREATION"


def task_status(record: ObjectRecord, tops: set[int]) -> str:
    """Return Ray's state of the task of an object; ``tops`` are those of ``running``."""
    if record.producer is not None:
        return state_of(record.producer, tops)
    return FAILED if location(record) == "ERROR" else FINISHED


def location(record: ObjectRecord) -> str:
    """Return where a value is; empty if it is not there yet."""
    value = record.value
    if value is None:
        return ""
    if type(value) is bytes:
        return "MESSAGE"
    return {STORED: "MEMORY", SPILLED: "DISK"}.get(value[0], "ERROR")


def look(record: ObjectRecord) -> str | bytes:
    """Return what a value looks like, or the beginning of a small one."""
    value = record.value
    if type(value) is bytes:
        return value[:LOOK_BYTES]
    return str(value[3]) if value and value[0] in (STORED, SPILLED) and len(value) > 3 else ""


def _size_bytes(record: ObjectRecord) -> int:
    value = record.value
    return record.size_bytes or (len(value) if type(value) is bytes else 0)


def _counts_inside(state: ClusterState, wanted: set[int]) -> dict[int, tuple[int, int]]:
    """Return in how many functions and other objects each of the wanted objects is."""
    counts: dict[int, tuple[int, int]] = {}
    for template in state.templates.values():
        for object_id in wanted.intersection(template.definition[3]):
            in_functions, in_objects = counts.get(object_id, (0, 0))
            counts[object_id] = in_functions + 1, in_objects
    for record in [*state.objects.values(), *state.unreferenced.values()]:
        for object_id in wanted.intersection(record.contained) if record.contained else ():
            in_functions, in_objects = counts.get(object_id, (0, 0))
            counts[object_id] = in_functions, in_objects + 1
    return counts
