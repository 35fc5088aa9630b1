"""Get of a 100 MB and of a 1 GB array that a worker has made: first, and again."""

from __future__ import annotations

import gc
import time
from statistics import median

from benchmarks.cases.base import GB, MB, Case, Scale, seconds
from benchmarks.systems.base import Feature, System
from benchmarks.tasks import make_array, own_memory_bytes

SIZES = {"100mb": 100 * MB, "1gb": GB}
AGAIN = 20
SLOW_GET_S = 0.1
WARM_UP_BYTES = 10 * MB


def run(system: System, scale: Scale) -> dict[str, float]:
    """Seconds of a get alone, and the bytes by which it made the driver grow."""
    system.get(system.submit(make_array, WARM_UP_BYTES))
    metrics: dict[str, float] = {}
    for label, size_bytes in SIZES.items():
        for name, figure in _one_size(system, size_bytes).items():
            metrics[f"get_{label}_{name}"] = figure
    return metrics


def _one_size(system: System, size_bytes: int) -> dict[str, float]:
    handle = system.submit(make_array, size_bytes)
    system.settle([handle])
    gc.collect()
    before_bytes = own_memory_bytes()
    start = time.perf_counter()
    array = system.get(handle)
    first_s = time.perf_counter() - start
    copied_bytes = max(0, own_memory_bytes() - before_bytes)
    if array.nbytes != size_bytes or array[-1] != 1.0:
        raise ValueError(f"expected {size_bytes} bytes of ones, got {array.nbytes} bytes")
    repeats = AGAIN if first_s < SLOW_GET_S else 1
    again_s = median(seconds(system.get, handle) for _ in range(repeats))
    return {"first_s": first_s, "again_s": again_s, "copied_mb": copied_bytes / MB}


CASE = Case("data", frozenset({Feature.TASKS, Feature.STORE}), timeout_s=90, run=run)
