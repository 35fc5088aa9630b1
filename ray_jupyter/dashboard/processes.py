"""What the processes of a session use: CPU and memory, read from ``/proc``.

Where there is no ``/proc`` nothing is told, and the dashboard shows no figures.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
Usage = dict[int, tuple[int, int]]
"""By pid: thousandths of one CPU since the last look, bytes of memory."""


class Meter:
    """Remembers the last look, so that the next one can tell rates."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, int]] = {}

    def read(self, pids: Iterable[int]) -> Usage:
        """Return what each process uses; those that have ended are left out."""
        usage: Usage = {}
        seen: dict[int, tuple[int, int]] = {}
        for pid in pids:
            now_ns = time.monotonic_ns()
            try:
                stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            except OSError:  # it has ended, or this system has no /proc
                continue
            # The name in parentheses may hold anything, also parentheses.
            fields = stat.rpartition(")")[2].split()
            used_ticks, pages = int(fields[11]) + int(fields[12]), int(fields[21])
            before_ticks, before_ns = self._seen.get(pid, (used_ticks, now_ns))
            passed_s = (now_ns - before_ns) / 1e9
            share = (used_ticks - before_ticks) / _TICKS_PER_S / passed_s if passed_s else 0.0
            seen[pid] = used_ticks, now_ns
            usage[pid] = round(1000 * share), pages * _PAGE_BYTES
        self._seen = seen
        return usage
