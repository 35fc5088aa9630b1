"""A 100 MB array passed to ten tasks, which read one number of every page."""

from __future__ import annotations

import time
from statistics import median

from benchmarks.cases.base import MB, WORKERS, Case, Scale
from benchmarks.systems.base import Feature, System
from benchmarks.tasks import nap, own_memory_bytes, touch

SIZE_BYTES = 100 * MB
READERS = 10
WARM_UP_FLOATS = 1_000


def run(system: System, scale: Scale) -> dict[str, float]:
    """Seconds with sharing included, and the most that a worker grew by."""
    import numpy as np

    system.gather([system.submit(nap, 0.05) for _ in range(2 * WORKERS)])
    warm_up = np.ones(WARM_UP_FLOATS)
    system.gather([system.submit(touch, warm_up) for _ in range(READERS)])
    before_bytes = max(system.gather([system.submit(own_memory_bytes) for _ in range(READERS)]))
    times_s = []
    grown_bytes = []
    for _ in range(scale.array_repeats):
        # A new array each time: some systems remember the one they have sent.
        array = np.ones(SIZE_BYTES // 8)
        start = time.perf_counter()
        shared = system.share(array)
        sizes = system.gather([system.submit(touch, shared) for _ in range(READERS)])
        times_s.append(time.perf_counter() - start)
        grown_bytes.append(max(0, max(sizes) - before_bytes))
        del shared
    return {"pass_100mb_s": median(times_s), "pass_100mb_copied_mb": median(grown_bytes) / MB}


CASE = Case("data", frozenset({Feature.TASKS}), timeout_s=60, run=run)
