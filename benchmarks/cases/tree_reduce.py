"""A sum over 256 leaves as a binary tree of tasks.

Where a handle cannot be an argument, the driver waits level by level, as it must.
"""

from __future__ import annotations

import time

from benchmarks.cases.base import Case, Scale
from benchmarks.systems.base import Feature, System
from benchmarks.tasks import add, same

LEAVES = 256


def run(system: System, scale: Scale) -> dict[str, float]:
    """From the first submit to the sum.

    Raises:
        ValueError: the sum is wrong.
    """
    start = time.perf_counter()
    level = [system.submit(same, index) for index in range(LEAVES)]
    while len(level) > 1:
        inputs = level if Feature.REFS in system.offers else system.gather(level)
        pairs = zip(inputs[::2], inputs[1::2], strict=True)
        level = [system.submit(add, left, right) for left, right in pairs]
    total = system.gather(level)[0]
    elapsed_s = time.perf_counter() - start
    if total != sum(range(LEAVES)):
        raise ValueError(f"expected the sum {sum(range(LEAVES))}, got {total}")
    return {"tree_256_s": elapsed_s}


CASE = Case("calls", frozenset({Feature.TASKS}), timeout_s=60, run=run)
