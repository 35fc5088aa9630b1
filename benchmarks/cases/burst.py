"""Ten thousand no-ops submitted, then all got; and the same as one chunked map."""

from __future__ import annotations

import time

from benchmarks.cases.base import Case, Scale, seconds
from benchmarks.systems.base import Feature, System
from benchmarks.tasks import noop, same

WARM_UP_TASKS = 100


def run(system: System, scale: Scale) -> dict[str, float]:
    """Rates per second."""
    count = scale.burst_tasks
    system.gather([system.submit(noop) for _ in range(WARM_UP_TASKS)])
    start = time.perf_counter()
    handles = [system.submit(noop) for _ in range(count)]
    submitted = time.perf_counter()
    system.gather(handles)
    end = time.perf_counter()
    metrics = {
        "submit_per_s": count / (submitted - start),
        "burst_per_s": count / (end - start),
    }
    if Feature.CHUNKS in system.offers:
        items = range(count)
        metrics["chunked_per_s"] = count / seconds(system.map_chunked, same, items)
    return metrics


CASE = Case("calls", frozenset({Feature.TASKS}), timeout_s=90, run=run)
