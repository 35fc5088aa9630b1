"""What a process uses."""

from __future__ import annotations

import os
import sys

import pytest

from ray_jupyter.dashboard.processes import Meter


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_this_process_uses_memory() -> None:
    meter = Meter()
    first = meter.read([os.getpid(), 2**22 + 1])
    assert list(first) == [os.getpid()]
    assert first[os.getpid()][0] == 0
    sum(range(3_000_000))
    share, size_bytes = meter.read([os.getpid()])[os.getpid()]
    assert share >= 0
    assert size_bytes > 1_000_000
