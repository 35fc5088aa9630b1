"""What is measured: every metric with its label, unit and direction, in table order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Unit:
    """How a figure is written: the first step that it reaches gives scale and suffix."""

    steps: tuple[tuple[float, float, str], ...]

    def write(self, figure: float) -> str:
        """A figure with its unit, three significant digits."""
        for least, factor, suffix in self.steps:
            if abs(figure) >= least:
                return f"{_three_digits(figure * factor)}{suffix}"
        return f"{_three_digits(figure)}{self.steps[-1][2]}"


def _three_digits(figure: float) -> str:
    if abs(figure) >= 100 or figure == int(figure):
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if abs(figure) >= 10 else f"{figure:.2f}"


SECONDS = Unit(((1.0, 1, " s"), (1e-3, 1e3, " ms"), (0.0, 1e6, " µs")))
PER_SECOND = Unit(((0.0, 1, " /s"),))
GB_PER_S = Unit(((0.0, 1, " GB/s"),))
MEGABYTES = Unit(((0.0, 1, " MB"),))
COUNT = Unit(((0.0, 1, ""),))
SHARE = Unit(((0.0, 100, " %"),))


@dataclass(frozen=True)
class Metric:
    """One row of the table."""

    label: str
    unit: Unit
    higher_is_better: bool = False
    summary: Callable[[Sequence[float]], float] = median
    """What stands for several rounds."""

    def advantage(self, ours: float, theirs: float) -> float | None:
        """How many times better we are; below 1 we are worse. None if one figure is zero."""
        if not ours or not theirs:
            return None
        return ours / theirs if self.higher_is_better else theirs / ours


_NESTED_SYNC = "nested no-op, one at a time"
_NESTED_BURST = "nested no-op, submitted together"
_ROUND_TRIP = "Unix socket round trip between two Python processes"
_FIB7 = "fib(7), 41 tasks"
_FIB10 = "fib(10), 177 tasks"
_GET_100MB = "get of 100 MB made by a worker"
_GET_1GB = "get of 1 GB made by a worker"

METRICS: dict[str, Metric] = {
    "init_to_first_s": Metric("`init` to first result, fresh process", SECONDS),
    "import_to_first_s": Metric("import to first result, fresh process", SECONDS),
    "import_s": Metric("import alone, fresh process", SECONDS),
    "idle_pss_mb": Metric("memory of 2 idle workers and all helpers (PSS)", MEGABYTES),
    "idle_processes": Metric("processes for 2 idle workers and all helpers", COUNT),
    "sync_p50_s": Metric("no-op round trip, one at a time: median", SECONDS),
    "sync_p99_s": Metric("no-op round trip, one at a time: 99th percentile", SECONDS),
    "burst_per_s": Metric("no-ops submitted, then all got", PER_SECOND, True),
    "submit_per_s": Metric("no-ops submitted, the submitting alone", PER_SECOND, True),
    "chunked_per_s": Metric("no-ops as one chunked map", PER_SECOND, True),
    "over_ray_sync": Metric(
        "no-op on Ray, share of the time of Ray's own API: one at a time", SHARE
    ),
    "over_ray_burst": Metric("no-op on Ray, share of the time of Ray's own API: together", SHARE),
    "over_ray_argument": Metric(
        "task with one argument on Ray, share of the time of Ray's own API: together", SHARE
    ),
    "dashboard_share": Metric(
        "no-ops with the dashboard open, share of those without", SHARE, True
    ),
    "actor_sync_p50_s": Metric("actor call round trip, one at a time: median", SECONDS),
    "actor_burst_per_s": Metric("actor calls, all in flight, then all got", PER_SECOND, True),
    "actor_async_per_s": Metric("the same of an `async def` method", PER_SECOND, True),
    "wait_1k_s": Metric("`wait` popping 1,000 refs one by one", SECONDS),
    "tree_256_s": Metric("256-leaf tree reduce", SECONDS),
    "short_efficiency": Metric("1 ms tasks on 2 workers, share of the ideal", SHARE, True),
    "nested_sync_idle_s": Metric(f"{_NESTED_SYNC}: driver waits", SECONDS),
    "nested_sync_busy_s": Metric(f"{_NESTED_SYNC}: driver computes", SECONDS),
    "nested_burst_idle_s": Metric(f"{_NESTED_BURST}: driver waits", SECONDS),
    "nested_burst_busy_s": Metric(f"{_NESTED_BURST}: driver computes", SECONDS),
    "fib7_cold_s": Metric(f"{_FIB7}: cold", SECONDS),
    "fib7_warm_s": Metric(f"{_FIB7}: warm", SECONDS),
    "fib7_processes": Metric(f"{_FIB7}: processes afterwards, most", COUNT, summary=max),
    "fib10_cold_s": Metric(f"{_FIB10}: cold", SECONDS),
    "fib10_warm_s": Metric(f"{_FIB10}: warm", SECONDS),
    "fib10_processes": Metric(f"{_FIB10}: processes afterwards, most", COUNT, summary=max),
    "put_get_1kb_s": Metric("put and get of 1 kB", SECONDS),
    "put_first_gb_per_s": Metric("put of 100 MB: first of the session", GB_PER_S, True),
    "put_warm_gb_per_s": Metric("put of 100 MB: warm memory", GB_PER_S, True),
    "get_100mb_first_s": Metric(f"{_GET_100MB}: first", SECONDS),
    "get_100mb_again_s": Metric(f"{_GET_100MB}: again", SECONDS),
    "get_100mb_copied_mb": Metric(f"{_GET_100MB}: copied", MEGABYTES),
    "get_1gb_first_s": Metric(f"{_GET_1GB}: first", SECONDS),
    "get_1gb_again_s": Metric(f"{_GET_1GB}: again", SECONDS),
    "get_1gb_copied_mb": Metric(f"{_GET_1GB}: copied", MEGABYTES),
    "pass_100mb_s": Metric("100 MB passed to 10 tasks", SECONDS),
    "pass_100mb_copied_mb": Metric("100 MB passed to 10 tasks: copied in a worker", MEGABYTES),
    "return_100mb_s": Metric("100 MB returned from a task", SECONDS),
    "stop_s": Metric("shutdown", SECONDS),
    "left_behind": Metric("processes left after shutdown and 3 s, most", COUNT, summary=max),
    "socket_rtt_s": Metric(f"{_ROUND_TRIP}: on two cores", SECONDS),
    "socket_rtt_one_core_s": Metric(f"{_ROUND_TRIP}: on one core", SECONDS),
    "socket_rtt_free_s": Metric(f"{_ROUND_TRIP}: where the kernel puts them", SECONDS),
    "memcpy_gb_per_s": Metric("memcpy, 100 MB, warm", GB_PER_S, True),
    "fresh_pwrite_gb_per_s": Metric("fresh shared pages: `pwrite`", GB_PER_S, True),
    "fresh_mmap_gb_per_s": Metric("fresh shared pages: mapped and copied", GB_PER_S, True),
    "core_lives_per_s": Metric("scheduler core: task lives", PER_SECOND, True),
    "core_cost_growth": Metric("scheduler core: cost per task, 10⁶ queued against 10³", COUNT),
}
