"""The scheduler core alone: ``benchmarks.core`` measures it, this file passes it on."""

from __future__ import annotations

import importlib

from benchmarks.cases.base import Case, Scale
from benchmarks.systems.base import Feature, System


def run(system: System, scale: Scale) -> dict[str, float]:
    """The slowest rate, and what a task costs with 10⁶ queued against 10³."""
    cost_ns: dict[str, float] = importlib.import_module(system.module).main()
    return {
        "core_lives_per_s": 1e9 / max(cost_ns.values()),
        "core_cost_growth": cost_ns["1e6"] / cost_ns["1e3"],
    }


CASE = Case("core", frozenset({Feature.CORE}), timeout_s=120, run=run)
