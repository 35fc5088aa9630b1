"""The goals of the runtime, as bounds on measured figures. None is a constant of ours
where a figure of the same run can serve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.metrics import METRICS
from benchmarks.results import Results
from benchmarks.systems import OURS, OURS_ON_RAY, PEERS

Reference = Callable[[Results], "float | None"]


def of(system: str, metric: str) -> Reference:
    """The figure of one cell of the same run."""
    return lambda results: results.figure(system, metric)


def best_peer(metric: str, without: tuple[str, ...] = ()) -> Reference:
    """The best figure that any peer has."""

    def reference(results: Results) -> float | None:
        figures = [results.figure(peer, metric) for peer in PEERS if peer not in without]
        known = [figure for figure in figures if figure is not None]
        choose = max if METRICS[metric].higher_is_better else min
        return choose(known, default=None)

    return reference


def figure(value: float) -> Reference:
    """A figure that no measurement gives, in the metric's own unit."""
    return lambda results: value


@dataclass(frozen=True)
class Target:
    """Our figure is at most (at least, where higher is better) ``factor`` x the reference."""

    metric: str
    goal: str
    reference: Reference
    factor: float = 1.0
    system: str = OURS


@dataclass(frozen=True)
class Verdict:
    """A target beside what was measured; None where something was not."""

    target: Target
    ours: float | None
    bound: float | None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None if that cannot be said."""
        if self.ours is None or self.bound is None:
            return None
        if METRICS[self.target.metric].higher_is_better:
            return self.ours >= self.bound
        return self.ours <= self.bound


def judge(results: Results) -> list[Verdict]:
    """All targets beside the medians of a run."""
    return [_verdict(target, results) for target in TARGETS]


def _verdict(target: Target, results: Results) -> Verdict:
    reference = target.reference(results)
    bound = None if reference is None else reference * target.factor
    return Verdict(target, results.figure(target.system, target.metric), bound)


COPIED_MB = 2.0
"""Growth that is bookkeeping and not a copy of a 100 MB array."""

TARGETS = (
    Target("init_to_first_s", "at most 1/8 of Ray's", of("ray", "init_to_first_s"), 1 / 8),
    Target("init_to_first_s", "below every peer", best_peer("init_to_first_s")),
    Target(
        "init_to_first_s",
        "below every peer that does not fork the driver",
        best_peer("init_to_first_s", without=("futures", "mpire")),
    ),
    Target("import_s", "at most 100 ms", figure(0.1)),
    Target("import_s", "at most 1/5 of Ray's", of("ray", "import_s"), 1 / 5),
    Target("sync_p50_s", "at most 1/10 of Ray's", of("ray", "sync_p50_s"), 1 / 10),
    Target("sync_p50_s", "below `concurrent.futures`", of("futures", "sync_p50_s")),
    Target(
        "sync_p50_s", "at most 5 socket round trips (two cores)", of("machine", "socket_rtt_s"), 5
    ),
    Target("burst_per_s", "at least 30 times Ray's", of("ray", "burst_per_s"), 30),
    Target(
        "burst_per_s",
        "ahead of every peer without chunks",
        best_peer("burst_per_s", without=("joblib",)),
    ),
    Target("dashboard_share", "at least 95 %", figure(0.95)),
    Target("actor_sync_p50_s", "at most 1/4 of Ray's", of("ray", "actor_sync_p50_s"), 1 / 4),
    Target("actor_burst_per_s", "at least 15 times Ray's", of("ray", "actor_burst_per_s"), 15),
    Target("actor_async_per_s", "at least 15 times Ray's", of("ray", "actor_async_per_s"), 15),
    Target(
        "nested_sync_busy_s", "within 2 times of an idle driver", of(OURS, "nested_sync_idle_s"), 2
    ),
    Target(
        "nested_burst_busy_s",
        "within 2 times of an idle driver",
        of(OURS, "nested_burst_idle_s"),
        2,
    ),
    Target("put_warm_gb_per_s", "0.8 of memcpy", of("machine", "memcpy_gb_per_s"), 0.8),
    Target(
        "put_first_gb_per_s",
        "what fresh pages allow, within 10 %",
        of("machine", "fresh_pwrite_gb_per_s"),
        0.9,
    ),
    Target("get_100mb_first_s", "under 100 µs", figure(100e-6)),
    Target("get_1gb_first_s", "under 100 µs", figure(100e-6)),
    Target(
        "get_1gb_again_s",
        "the same time as for 100 MB, within 1.5 times",
        of(OURS, "get_100mb_again_s"),
        1.5,
    ),
    Target("get_1gb_copied_mb", "without copying", figure(COPIED_MB)),
    Target("pass_100mb_copied_mb", "no copy in the workers", figure(COPIED_MB)),
    Target("pass_100mb_s", "ahead of every peer", best_peer("pass_100mb_s")),
    Target("return_100mb_s", "ahead of every peer", best_peer("return_100mb_s")),
    Target("wait_1k_s", "ahead of every peer", best_peer("wait_1k_s")),
    Target("tree_256_s", "ahead of every peer", best_peer("tree_256_s")),
    Target("fib7_warm_s", "at least 20 times Ray", of("ray", "fib7_warm_s"), 1 / 20),
    Target("fib10_warm_s", "at least 20 times Ray", of("ray", "fib10_warm_s"), 1 / 20),
    Target("fib10_warm_s", "ahead of every peer", best_peer("fib10_warm_s")),
    Target("fib10_processes", "at most 16", figure(16)),
    Target("short_efficiency", "90 % of the ideal", figure(0.9)),
    Target("idle_pss_mb", "at most 1/4 of Ray's", of("ray", "idle_pss_mb"), 1 / 4),
    Target("left_behind", "none", figure(0)),
    Target(
        "over_ray_sync",
        "on Ray: at most 10 % more than Ray's own API",
        figure(1.1),
        system=OURS_ON_RAY,
    ),
    Target(
        "over_ray_burst",
        "on Ray: at most 10 % more than Ray's own API",
        figure(1.1),
        system=OURS_ON_RAY,
    ),
    Target("core_lives_per_s", "100,000 and more", figure(100_000), system="core"),
    Target("core_cost_growth", "constant: within 1.5 times", figure(1.5), system="core"),
)
