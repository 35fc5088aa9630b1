"""A thousand references popped one by one with ``wait``."""

from __future__ import annotations

from benchmarks.cases.base import Case, Scale, seconds
from benchmarks.systems.base import Feature, System
from benchmarks.tasks import noop

COUNT = 1_000


def run(system: System, scale: Scale) -> dict[str, float]:
    """From the first submit until none is left."""

    def pop_all() -> None:
        handles = [system.submit(noop) for _ in range(COUNT)]
        while handles:
            handles = system.pop_ready(handles)

    return {"wait_1k_s": seconds(pop_all)}


CASE = Case("calls", frozenset({Feature.TASKS, Feature.WAIT}), timeout_s=60, run=run)
