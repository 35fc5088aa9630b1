"""The machine, the date and the versions behind a set of figures."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from collections.abc import Iterable
from pathlib import Path

from benchmarks import systems


def about(system_names: Iterable[str]) -> dict[str, str]:
    """Label to text, in the order of the report."""
    return {
        "machine": f"{_cpu()}, {os.cpu_count()} CPUs, {_memory_gib():.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "versions": ", ".join(_versions(system_names)),
    }


def _versions(system_names: Iterable[str]) -> Iterable[str]:
    yield f"Python {platform.python_version()}"
    names = {systems.adapter(name).distribution for name in system_names} - {"python"}
    for distribution in ("numpy", "cloudpickle", *sorted(names)):
        try:
            yield f"{distribution} {importlib.metadata.version(distribution)}"
        except importlib.metadata.PackageNotFoundError:
            yield f"{distribution} (not installed)"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
