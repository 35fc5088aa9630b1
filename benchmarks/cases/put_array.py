"""Put of a 100 MB array: the first of a session, and into warm memory."""

from __future__ import annotations

from statistics import median

from benchmarks.cases.base import MB, Case, Scale, seconds
from benchmarks.systems.base import Feature, System

SIZE_BYTES = 100 * MB


def run(system: System, scale: Scale) -> dict[str, float]:
    """Bytes per second; each object is released before the next is put."""
    import numpy as np

    array = np.ones(SIZE_BYTES // 8)

    def put_and_release() -> None:
        system.put(array)

    first_s = seconds(put_and_release)
    warm_s = median(seconds(put_and_release) for _ in range(scale.array_repeats))
    return {
        "put_first_gb_per_s": SIZE_BYTES / first_s / 1e9,
        "put_warm_gb_per_s": SIZE_BYTES / warm_s / 1e9,
    }


CASE = Case("data", frozenset({Feature.TASKS, Feature.STORE}), timeout_s=60, run=run)
