"""Processes below us: who they are, what memory they take, and that none stays behind."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SETTLE_POLL_S = 0.5
SETTLED_CHANGE = 0.01


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends (Linux).

    A runtime's daemons then stay below this process, whatever session they made.

    Raises:
        OSError: the kernel refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


def descendants(pid: int) -> set[int]:
    """All living processes below ``pid``."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            stat = _read(Path(entry.path, "stat"))
            state_and_parent = stat.rpartition(")")[2].split()[:2]
            if state_and_parent and state_and_parent[0] != "Z":
                children.setdefault(int(state_and_parent[1]), []).append(int(entry.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found.update(below)
        waiting.extend(below)
    return found


def peer_processes() -> set[int]:
    """What a measured system has started, seen from the child that drives it.

    The runner adopts orphans and drives one child at a time, so everything below our
    parent except ourselves belongs to the system.
    """
    return descendants(os.getppid()) - {os.getpid()}


def pss_bytes(pids: set[int]) -> int:
    """Proportional set size of these processes: shared pages are counted once in all."""
    total = 0
    for pid in pids:
        for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def settled_pss_bytes(limit_s: float) -> int:
    """The PSS of the system's processes once it no longer changes, at most ``limit_s`` later."""
    deadline = time.monotonic() + limit_s
    before = pss_bytes(peer_processes())
    while True:
        time.sleep(SETTLE_POLL_S)
        now = pss_bytes(peer_processes())
        if abs(now - before) <= SETTLED_CHANGE * now or time.monotonic() > deadline:
            return now
        before = now


def end_descendants(grace_s: float) -> int:
    """Wait for our descendants to end, then kill the rest; how many had to be killed."""
    deadline = time.monotonic() + grace_s
    while (left := _reaped_descendants()) and time.monotonic() < deadline:
        time.sleep(0.02)
    killed = len(left)
    while left := _reaped_descendants():
        for pid in left:
            _kill(pid)
        time.sleep(0.01)
    return killed


def _reaped_descendants() -> set[int]:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return set()
    return descendants(os.getpid())


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _read(path: Path) -> str:
    """A file of /proc; empty if its process has just ended."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
