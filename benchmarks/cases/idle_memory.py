"""What a session with two idle workers costs, all its processes except the driver."""

from __future__ import annotations

from benchmarks.cases.base import WORKERS, Case, Scale
from benchmarks.processes import peer_processes, settled_pss_bytes
from benchmarks.systems.base import Feature, System
from benchmarks.tasks import nap

SETTLE_LIMIT_S = 6.0


def run(system: System, scale: Scale) -> dict[str, float]:
    """Use every worker once, wait until memory no longer changes, add up."""
    system.gather([system.submit(nap, 0.05) for _ in range(2 * WORKERS)])
    size_bytes = settled_pss_bytes(SETTLE_LIMIT_S)
    return {"idle_pss_mb": size_bytes / 1e6, "idle_processes": len(peer_processes())}


CASE = Case("start", frozenset({Feature.TASKS}), timeout_s=30, run=run)
