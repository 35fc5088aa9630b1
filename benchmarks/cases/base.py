"""What a case is: a name, what it needs, how long it may take, and the function."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.systems.base import Feature, System

WORKERS = 2
MB = 1_000_000
GB = 1_000_000_000


@dataclass(frozen=True)
class Scale:
    """How much work the cases do."""

    sync_calls: int = 500
    burst_tasks: int = 10_000
    short_tasks: int = 5_000
    nested_calls: int = 200
    nested_burst: int = 500
    array_repeats: int = 5


FULL = Scale()
QUICK = Scale(
    sync_calls=200,
    burst_tasks=2_000,
    short_tasks=1_000,
    nested_calls=100,
    nested_burst=200,
    array_repeats=3,
)


@dataclass(frozen=True)
class Case:
    """One thing to measure.

    ``run`` returns metrics by the names of ``benchmarks.metrics``. Cases of one ``group``
    share a process, each group has its own. A case that ``starts`` gets a system that has
    not even been imported.
    """

    group: str
    needs: frozenset[Feature]
    timeout_s: float
    run: Callable[[System, Scale], Mapping[str, float]]
    starts: bool = False


def seconds(function: Callable[..., Any], *args: Any) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start
