"""From a fresh process to the first result; the bare import in another fresh process."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

from benchmarks.cases.base import WORKERS, Case, Scale
from benchmarks.systems.base import Feature, System
from benchmarks.tasks import noop

IMPORTS = 3
IMPORT_TIMER = (
    "import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
)


def run(system: System, scale: Scale) -> dict[str, float]:
    """Import, start and first result here; then the import alone, elsewhere."""
    start = time.perf_counter()
    system.load()
    loaded = time.perf_counter()
    system.start(WORKERS)
    system.gather([system.submit(noop)])
    end = time.perf_counter()
    return {
        "init_to_first_s": end - loaded,
        "import_to_first_s": end - start,
        "import_s": median(_import_s(system.module) for _ in range(IMPORTS)),
    }


def _import_s(module: str) -> float:
    command = [sys.executable, "-c", IMPORT_TIMER.format(module=module)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return float(output.stdout.split()[-1])


CASE = Case("start", frozenset({Feature.TASKS}), timeout_s=60, run=run, starts=True)
