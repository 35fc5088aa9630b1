"""No-ops of one actor: one at a time, ten thousand in flight, and the same as coroutines."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from benchmarks.cases.base import Case, Scale, seconds
from benchmarks.systems.base import Feature, System

WARM_UP_CALLS = 20


class Plain:
    """An actor that does nothing."""

    def noop(self) -> None:
        """Do nothing."""


class Coroutines:
    """The same on an event loop."""

    async def noop(self) -> None:
        """Do nothing."""


def run(system: System, scale: Scale) -> dict[str, float]:
    """A round trip in the median, and rates per second."""
    actor = system.actor(Plain)

    def call() -> None:
        system.gather([system.call(actor, "noop")])

    for _ in range(WARM_UP_CALLS):
        call()
    return {
        "actor_sync_p50_s": median([seconds(call) for _ in range(scale.sync_calls)]),
        "actor_burst_per_s": _burst(system, actor, scale),
        "actor_async_per_s": _burst(system, system.actor(Coroutines), scale),
    }


def _burst(system: System, actor: Any, scale: Scale) -> float:
    count = scale.burst_tasks
    system.gather([system.call(actor, "noop") for _ in range(WARM_UP_CALLS)])
    start = time.perf_counter()
    system.gather([system.call(actor, "noop") for _ in range(count)])
    return count / (time.perf_counter() - start)


CASE = Case("actors", frozenset({Feature.ACTORS}), timeout_s=90, run=run)
