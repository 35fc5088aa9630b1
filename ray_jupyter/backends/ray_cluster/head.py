"""What is asked of the head of a cluster: from here, or from a task, behind Ray's client.

The functions return plain values, because they may run elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import ray
from ray._private import state

T = TypeVar("T")


def asked(question: Callable[..., T], *arguments: Any) -> T:
    """Return the answer to one of the questions below."""
    if not ray.util.client.ray.is_connected():
        return question(*arguments)
    # Without events: what we ask is none of the user's tasks.
    ask = ray.remote(num_cpus=0, enable_task_events=False)(question)
    answer: T = ray.get(ask.remote(*arguments))
    return answer


def task_events() -> list[bytes]:
    """Return what is known of tasks, as Ray's ``TaskEvents``."""
    found: list[bytes] = state.state._connect_and_get_accessor().get_task_events()
    return found


def actors(actor_id: str | None = None) -> dict[str, Any]:
    """Return what is known of one actor, or of all by their names."""
    found: dict[str, Any] = state.actors(actor_id)
    for actor in [found] if actor_id else found.values():
        if "DeathCause" in actor:
            actor["DeathCause"] = str(actor["DeathCause"])
    return found


def workers() -> list[bytes]:
    """Return all processes, as Ray's ``WorkerTableData``."""
    found: list[bytes] = state.state._connect_and_get_accessor().get_worker_table()
    return found


def count_objects() -> int:
    """Return how many objects the process that asks refers to, in Ray's opinion."""
    return len(ray._private.worker.global_worker.core_worker.get_all_reference_counts())
