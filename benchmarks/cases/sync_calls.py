"""No-ops one at a time: submit, get, repeat."""

from __future__ import annotations

from statistics import median, quantiles

from benchmarks.cases.base import Case, Scale, seconds
from benchmarks.systems.base import Feature, System
from benchmarks.tasks import noop

WARM_UP_CALLS = 20


def run(system: System, scale: Scale) -> dict[str, float]:
    """Median and 99th percentile of a round trip."""

    def call() -> None:
        system.gather([system.submit(noop)])

    for _ in range(WARM_UP_CALLS):
        call()
    times_s = [seconds(call) for _ in range(scale.sync_calls)]
    return {"sync_p50_s": median(times_s), "sync_p99_s": quantiles(times_s, n=100)[-1]}


CASE = Case("calls", frozenset({Feature.TASKS}), timeout_s=60, run=run)
