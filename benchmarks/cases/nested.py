"""Tasks submitting tasks, while the driver waits and while it computes.

The computing driver runs pure Python and enters no runtime, so it never gives the
interpreter lock away of its own will; a mapped byte tells it when the task has ended.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path

from benchmarks.cases.base import Case, Scale
from benchmarks.systems.base import Feature, System
from benchmarks.tasks import nested

BUSY_LIMIT_TURNS = 20_000
TURN_ADDITIONS = 10_000


def run(system: System, scale: Scale) -> dict[str, float]:
    """Seconds per child, timed inside the parent task."""
    descriptor, path = tempfile.mkstemp(prefix="bench-")
    try:
        os.write(descriptor, b"0")
        with mmap.mmap(descriptor, 1) as done:
            arguments = (system.name, scale.nested_calls, scale.nested_burst, path)
            system.gather([system.submit(nested, *arguments)])
            idle = system.gather([system.submit(nested, *arguments)])[0]
            done[0] = ord("0")
            handle = system.submit(nested, *arguments)
            compute_until(done)
            busy = system.gather([handle])[0]
    finally:
        os.close(descriptor)
        Path(path).unlink()
    return {
        "nested_sync_idle_s": idle[0],
        "nested_sync_busy_s": busy[0],
        "nested_burst_idle_s": idle[1],
        "nested_burst_busy_s": busy[1],
    }


def compute_until(done: mmap.mmap) -> None:
    """Pure Python until the byte is set.

    Raises:
        TimeoutError: it was not set within a few seconds' worth of computing.
    """
    for _ in range(BUSY_LIMIT_TURNS):
        total = 0
        for number in range(TURN_ADDITIONS):
            total += number
        if done[0] == ord("1"):
            return
    raise TimeoutError("expected the nested task to end while the driver computes, it did not")


CASE = Case("nested", frozenset({Feature.TASKS, Feature.NESTED}), timeout_s=60, run=run)
