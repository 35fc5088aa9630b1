"""A 100 MB array returned from a task that has it ready."""

from __future__ import annotations

from statistics import median

from benchmarks.cases.base import MB, WORKERS, Case, Scale, seconds
from benchmarks.systems.base import Feature, System
from benchmarks.tasks import make_array

SIZE_BYTES = 100 * MB


def run(system: System, scale: Scale) -> dict[str, float]:
    """Seconds from submit to the array in the driver; every worker has made it before."""

    def call() -> None:
        array = system.gather([system.submit(make_array, SIZE_BYTES)])[0]
        if array.nbytes != SIZE_BYTES:
            raise ValueError(f"expected {SIZE_BYTES} bytes, got {array.nbytes}")

    system.gather([system.submit(make_array, SIZE_BYTES) for _ in range(2 * WORKERS)])
    return {"return_100mb_s": median(seconds(call) for _ in range(scale.array_repeats))}


CASE = Case("data", frozenset({Feature.TASKS}), timeout_s=60, run=run)
