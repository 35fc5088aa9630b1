"""What a worker was doing when a fault ended it: the Python lines, as ``faulthandler`` saw them.

Each worker has an anonymous file in memory. Its own signal handler writes there when the process
is beyond saving; the scheduler, which has the same file, reads it afterwards. Nobody writes to it
otherwise, and it costs no page until then.
"""

from __future__ import annotations

import os
import re
import threading

_READ_BYTES = 65_536
_FRAMES_MAX = 20
_FRAME = re.compile(r'  File "(?P<file>.*)", line \d+ in .*')
_BOOT = '  File "<string>", line 1 in <module>'
_THREADS = threading.__file__
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def create() -> int:
    """Return the descriptor of a new file."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("last-words")
    import tempfile  # heavy, and every process of the runtime would pay for it

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def record(descriptor: int) -> None:
    """Have the faults of this process told there."""
    import faulthandler  # the worker alone needs it

    faulthandler.enable(descriptor, all_threads=True)


def take(descriptor: int) -> str:
    """Return what was told, cut to what matters, with a line break before; close the file."""
    try:
        return _digest(os.pread(descriptor, _READ_BYTES, 0).decode(errors="replace"))
    finally:
        os.close(descriptor)


def _digest(told: str) -> str:
    """Return the fault and the lines of the thread that it struck, most recent call first."""
    head, *stacks = told.strip().split("\n\n")
    struck = next((stack for stack in stacks if stack.startswith("Current thread")), "")
    frames = [line for line in struck.splitlines() if _is_of_user(line)][:_FRAMES_MAX]
    lines = ["", head] if head else []
    if frames:
        lines += ["It was here (most recent call first):", *frames]
    return "\n".join(lines)


def _is_of_user(line: str) -> bool:
    found = _FRAME.fullmatch(line)
    is_boot = line == _BOOT
    return found is not None and not is_boot and not found["file"].startswith((_OURS, _THREADS))
