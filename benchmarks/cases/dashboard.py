"""No-ops with the dashboard open, as a share of those without: what looking costs."""

from __future__ import annotations

from statistics import median

from benchmarks.cases.base import Case, Scale, seconds
from benchmarks.systems.base import Feature, System
from benchmarks.tasks import noop

PAIRS = 7
BURSTS = 3
"""Bursts after another in one measurement: the dashboard asks a few times a second."""


def run(system: System, scale: Scale) -> dict[str, float]:
    """The share in the median of pairs, so that what else the machine does counts for both."""

    def burst() -> None:
        for _ in range(BURSTS):
            system.gather([system.submit(noop) for _ in range(scale.burst_tasks)])

    burst()
    shares = []
    for _ in range(PAIRS):
        alone_s = seconds(burst)
        with system.watched():
            shares.append(alone_s / seconds(burst))
    return {"dashboard_share": median(shares)}


CASE = Case("dashboard", frozenset({Feature.TASKS, Feature.DASHBOARD}), timeout_s=90, run=run)
