"""However a kernel ends, nothing of its session is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from ray_jupyter.testing import leaks

LEFT_S = 2.0
"""How long processes and segments of a session may outlive its kernel."""

START = "import ray_jupyter as ray\n%load_ext ray_jupyter\n%ray_start -n 2 --quiet"
WORK = """%%remote
import numpy as np
def f(n): return np.ones(n)
def endless(): __import__("threading").Event().wait()
refs = [f.remote(300_000) for _ in range(4)] + [ray.put(np.ones(300_000))]
ray.get(refs)
stuck = endless.remote()
"""


def work(kernel: Any) -> None:
    kernel.run(START)
    kernel.run(WORK)


def test_shutdown(start_kernel: Callable[[], Any]) -> None:
    before = leaks.snapshot()
    kernel = start_kernel()
    work(kernel)
    kernel.end()
    leaks.assert_no_leaks(before, deadline_s=LEFT_S)


def test_sigkill(start_kernel: Callable[[], Any]) -> None:
    before = leaks.snapshot()
    kernel = start_kernel()
    work(kernel)
    os.kill(kernel.pid, signal.SIGKILL)
    kernel.end(kill=True)  # takes note of its death
    leaks.assert_no_leaks(before, deadline_s=LEFT_S)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_restart_twenty_times(start_kernel: Callable[[], Any]) -> None:
    before = leaks.snapshot()
    kernel = start_kernel()
    for _ in range(20):
        work(kernel)
        kernel.manager.restart_kernel()
        kernel.client.wait_for_ready(timeout=30)
    kernel.end()
    leaks.assert_no_leaks(before)


def test_stop_ends_all_processes_while_the_kernel_goes_on(kernel: Any) -> None:
    before = leaks.snapshot()
    work(kernel)
    assert "stopped" in kernel.run("%ray_stop")
    leaks.assert_no_leaks(before, deadline_s=LEFT_S)
    assert "StaleRefError" in kernel.fails("ray.get(stuck)").error[0]
