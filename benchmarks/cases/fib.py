"""Recursive fib with blocking gets: 41 tasks for fib(7), 177 for fib(10)."""

from __future__ import annotations

from benchmarks import tasks
from benchmarks.cases.base import Case, Scale, seconds
from benchmarks.processes import peer_processes
from benchmarks.systems.base import Feature, System

EXPECTED = {7: 13, 10: 55}


def run(system: System, scale: Scale) -> dict[str, float]:
    """Each once cold, once warm, and how many processes there are afterwards."""
    metrics = {}
    for n in EXPECTED:
        for state in ("cold", "warm"):
            metrics[f"fib{n}_{state}_s"] = seconds(_fib, system, n)
        metrics[f"fib{n}_processes"] = len(peer_processes())
    return metrics


def _fib(system: System, n: int) -> None:
    value = system.gather([system.submit(tasks.fib, system.name, n)])[0]
    if value != EXPECTED[n]:
        raise ValueError(f"expected fib({n}) = {EXPECTED[n]}, got {value}")


CASE = Case("nested", frozenset({Feature.TASKS, Feature.NESTED}), timeout_s=120, run=run)
