"""Which versions of functions and classes run: what ``client.versions`` calls them. Nothing changes."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ray_jupyter.runtime.core.state import ClusterState, ObjectRecord, TaskRecord
from ray_jupyter.runtime.protocol.messages import VERSION


def live(state: ClusterState) -> dict[str, Any]:
    """Return what has not ended, counted: it looks at every task.

    Keys: ``tasks`` ((version, name of the function, cell) of each sort, and how many; without the
    calls of actors), ``actors`` ((version, id) of each).
    """
    counts = Counter(
        (
            task.template.extras.get(VERSION, ""),
            task.template.name,
            task.cell.id if task.cell else 0,
        )
        for task in state.tasks.values()
        if task.actor is None
    )
    living = [actor for actor in state.actors.values() if actor.cause is None]
    return {
        "tasks": [(*key, count) for key, count in counts.items() if key[0]],
        "actors": [(actor.options.get(VERSION, ""), actor.id) for actor in living],
    }


def of_task(task: TaskRecord) -> str:
    """Return what a task runs; of an actor's call, what the actor is made of."""
    extras = task.actor.options if task.actor is not None else task.template.extras
    return str(extras.get(VERSION, ""))


def of_object(state: ClusterState, record: ObjectRecord) -> str:
    """Return what the task runs that makes an object, or what an actor is made of; empty later."""
    actor = state.actors.get(record.id)
    if actor is not None:
        return str(actor.options.get(VERSION, ""))
    return of_task(record.producer) if record.producer is not None else ""
