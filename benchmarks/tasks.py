"""The functions that run as tasks: importable, so that every system can send them.

Those that submit tasks themselves take the system's name and ask for it from inside.
"""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.systems import inside

if TYPE_CHECKING:
    import numpy as np

PAGE_FLOATS = 4096 // 8


def noop() -> None:
    """Nothing: what is left is the system's own cost."""


def same(value: int) -> int:
    """Its argument."""
    return value


def add(left: int, right: int) -> int:
    """The inner node of a tree reduce."""
    return left + right


def nap(seconds: float) -> None:
    """Hold a worker, so that the next task needs another one."""
    time.sleep(seconds)


def spin(seconds: float) -> None:
    """Keep a core busy, as a short computation does."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def fib(system_name: str, n: int) -> int:
    """Two child tasks per call and a blocking wait: 2·fib(n+1)-1 tasks in all."""
    if n < 2:
        return n
    with inside(system_name) as system:
        children = [system.submit(fib, system_name, n - 1), system.submit(fib, system_name, n - 2)]
        left, right = system.gather(children)
    return int(left) + int(right)


def nested(system_name: str, calls: int, burst: int, done_path: str) -> tuple[float, float]:
    """Submit no-ops from within a task.

    Returns:
        Seconds per child: one at a time, and submitted together then gathered.
        Writes a byte to ``done_path`` at the end, for a driver that only computes.
    """
    with inside(system_name) as system:
        system.gather([system.submit(noop)])
        start = time.perf_counter()
        for _ in range(calls):
            system.gather([system.submit(noop)])
        middle = time.perf_counter()
        system.gather([system.submit(noop) for _ in range(burst)])
        end = time.perf_counter()
    with Path(done_path).open("r+b") as file:
        file.write(b"1")
    return (middle - start) / calls, (end - middle) / burst


@lru_cache(maxsize=1)
def _kept_array(size_bytes: int) -> np.ndarray:
    import numpy as np

    return np.ones(size_bytes // 8)


def make_array(size_bytes: int) -> np.ndarray:
    """An array that this worker has made before, so that only its way home is timed."""
    return _kept_array(size_bytes)


def own_memory_bytes() -> int:
    """Anonymous memory of this process: what it has copied, not what it has mapped."""
    with Path("/proc/self/status").open(encoding="ascii") as status:
        for line in status:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    raise OSError("expected a line 'RssAnon:' in /proc/self/status; this needs Linux >= 4.5")


def touch(array: np.ndarray) -> int:
    """Read one number of every page; this process's anonymous memory while it holds it."""
    if array[::PAGE_FLOATS].sum() <= 0:
        raise ValueError("expected an array of ones, got one that sums to nothing")
    return own_memory_bytes()
