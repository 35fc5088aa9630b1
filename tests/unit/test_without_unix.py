"""Where there is no Unix (Windows): import and inline mode work, and a session says why not."""

from __future__ import annotations

from pathlib import Path

from ray_jupyter.testing.examples import check_example

AWAY = """
import os
import socket
import sys

for name in ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty"):
    sys.modules[name] = None
for name in (
    "fork", "getuid", "memfd_create", "pidfd_open", "sched_getaffinity", "setsid", "killpg",
    "getpgrp", "pwrite", "pread", "sched_yield",
):
    if hasattr(os, name):
        delattr(os, name)
del socket.AF_UNIX

import ray_jupyter as ray
"""


def test_inline_mode_works(tmp_path: Path) -> None:
    check_example(
        AWAY
        + """
class Counter:
    def __init__(self):
        self.count = 0

    def add(self, k):
        self.count += k
        return self.count

with ray.init(mode="inline"):
    print(ray.get(ray.remote(lambda x: 2 * x).remote(ray.put(21))))  # -> 42
    counter = ray.remote(Counter).remote()
    counter.add.remote(1)
    print(ray.get(counter.add.remote(2)))  # -> 3
""",
        tmp_path,
    )


def test_a_session_is_refused_with_what_to_do(tmp_path: Path) -> None:
    check_example(
        AWAY
        + """
try:
    ray.init()
except ray.exceptions.RaySystemError as error:
    print("init(mode='inline')" in str(error), "WSL" in str(error))  # -> True True
""",
        tmp_path,
    )
