"""No-ops on Ray, through our API and through Ray's own, in turn in one process: what ours costs."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from benchmarks.cases.base import Case, Scale, seconds
from benchmarks.systems.base import Feature, System
from benchmarks.systems.ray_api import Ray
from benchmarks.tasks import noop, same

PAIRS = 9
CALLS = 100
BURST_SHARE = 5
"""A burst is this part of that of the other cases: there are many of them."""


def run(system: System, scale: Scale) -> dict[str, float]:
    """The shares of pairs of neighbours, in the median: what else the machine does counts for both."""
    own = Ray()
    own.load()  # the process is connected already, by our API

    def one_at_a_time(api: System) -> None:
        for _ in range(CALLS):
            api.gather([api.submit(noop)])

    def burst(api: System) -> None:
        api.gather([api.submit(noop) for _ in range(scale.burst_tasks // BURST_SHARE)])

    def with_argument(api: System) -> None:
        api.gather([api.submit(same, i) for i in range(scale.burst_tasks // BURST_SHARE)])

    return {
        "over_ray_argument": _share(with_argument, system, own),
        "over_ray_sync": _share(one_at_a_time, system, own),
        "over_ray_burst": _share(burst, system, own),
    }


def _share(work: Callable[[System], None], ours: System, own: System) -> float:
    shares = []
    for api in (ours, own):
        work(api)  # warm
    for pair in range(PAIRS):
        order = (ours, own) if pair % 2 else (own, ours)
        times_s = {id(api): seconds(work, api) for api in order}
        shares.append(times_s[id(ours)] / times_s[id(own)])
    return median(shares)


CASE = Case("over_ray", frozenset({Feature.OVER_RAY}), timeout_s=180, run=run)
