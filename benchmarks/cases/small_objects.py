"""Put and get of one kilobyte."""

from __future__ import annotations

from statistics import median

from benchmarks.cases.base import Case, Scale, seconds
from benchmarks.systems.base import Feature, System

SIZE_BYTES = 1_000
REPEATS = 100


def run(system: System, scale: Scale) -> dict[str, float]:
    """The median of a put followed by a get."""
    value = bytes(SIZE_BYTES)

    def put_and_get() -> None:
        system.get(system.put(value))

    return {"put_get_1kb_s": median(seconds(put_and_get) for _ in range(REPEATS))}


CASE = Case("data", frozenset({Feature.TASKS, Feature.STORE}), timeout_s=60, run=run)
