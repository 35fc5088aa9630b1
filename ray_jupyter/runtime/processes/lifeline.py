"""How a process notices that the one above it is gone. Nothing may survive its session.

Three nets: the end of the stream; the kernel's parent-death signal (Linux), which also
ends a worker that computes without the GIL being given up; and a handle on the driver's
process for the case that something else inherited the driver's end of the stream.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends.

    Only right for children of single-threaded processes: the signal comes when the
    *thread* that forked ends, and a notebook kernel's threads come and go.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent_pid:  # it died before the call
            os._exit(1)


def name_process(name: str) -> None:
    """Set the name that ``top`` and ``ps -o comm`` show (at most 15 bytes)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15])


def watch(pid: int) -> int | None:
    """Return a descriptor that becomes readable when process ``pid`` ends, if there is such."""
    if hasattr(os, "pidfd_open"):
        try:
            return os.pidfd_open(pid)
        except OSError:  # an old kernel, or the process is gone: its stream tells
            return None
    return None


def describe_exit(status: int) -> str:
    """Return a ``waitpid`` status in words: the signal or the exit code by name."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        hint = " (out of memory?)" if number == signal.SIGKILL else ""
        return f"killed by {name}{hint}"
    return f"exited with code {os.WEXITSTATUS(status)}"
