"""Tasks of one millisecond: how much of two workers is used."""

from __future__ import annotations

import time

from benchmarks.cases.base import WORKERS, Case, Scale
from benchmarks.systems.base import Feature, System
from benchmarks.tasks import spin

TASK_S = 0.001


def run(system: System, scale: Scale) -> dict[str, float]:
    """Ideal time (tasks x 1 ms / workers) over the actual."""
    system.gather([system.submit(spin, TASK_S) for _ in range(100)])
    start = time.perf_counter()
    system.gather([system.submit(spin, TASK_S) for _ in range(scale.short_tasks)])
    elapsed_s = time.perf_counter() - start
    return {"short_efficiency": scale.short_tasks * TASK_S / WORKERS / elapsed_s}


CASE = Case("calls", frozenset({Feature.TASKS}), timeout_s=90, run=run)
