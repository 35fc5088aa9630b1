"""What this process and its children hold, before and after: nothing may be left.

Lives here: ``snapshot`` and ``assert_no_leaks``. Does not: any cleaning up; a leak is
reported, never hidden. See also ``tests/conftest.py``, which puts both around tests.

Rules
    * A process is *ours* if it descends from this one, or if its environment carries the
      mark that ``snapshot`` sets here: orphans keep the mark when they lose their parent,
      and processes of another test run on the same machine never have it.
    * Things may still be on their way out: the check waits for them, up to its deadline.
    * Without ``/proc`` (macOS, Windows) only threads, session directories and doors are seen;
      ``snapshot().blind_to`` says so.
"""

from __future__ import annotations

import gc
import os
import re
import secrets
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_Key = TypeVar("_Key")
_PROC = Path("/proc")
_MARK = "RAY_JUPYTER_LEAK_SCOPE"
_SEGMENT = re.compile(r"/(memfd:|dev/shm/)\S*ray_jupyter\S*")
# Python's own janitor of named shared memory: one per process, it ends with its parent.
_LONG_LIVED = "multiprocessing.resource_tracker"
# The timer of pytest-timeout: one per test, so a check around a module sees another one.
_WATCHDOG = "pytest_timeout"
_POLL_S = 0.01


@dataclass(frozen=True)
class Snapshot:
    """What is held at one moment. Keys are identities, values are what people read.

    Attributes:
        processes: (pid, start time in clock ticks) -> command line; zombies included.
        descriptors: (number, target) -> target, of this process.
        segments: (holder's pid, inode) -> name, mapped or open, of this process and ours.
        threads: Python threads of this process. The key is the thread itself, because
            the system uses idents again.
        directories: session directories in the temporary directory and ``/dev/shm``.
        doors: sockets by which sessions can be reached, also where nobody listens any more.
        blind_to: what could not be looked at on this platform.
    """

    processes: dict[tuple[int, int], str]
    descriptors: dict[tuple[int, str], str]
    segments: dict[tuple[int, int], str]
    threads: dict[threading.Thread, str]
    directories: dict[str, str]
    doors: dict[str, str]
    blind_to: tuple[str, ...] = ()

    def since(self, before: Snapshot) -> list[str]:
        """Return one line for each thing that is here and was not there ``before``."""
        return [
            *(f"process {key[0]}: {text}" for key, text in _new(self.processes, before.processes)),
            *(f"descriptor {k[0]}: {t}" for k, t in _new(self.descriptors, before.descriptors)),
            *(f"segment {t} in process {k[0]}" for k, t in _new(self.segments, before.segments)),
            *(f"thread {text}" for _, text in _new(self.threads, before.threads)),
            *(f"directory {text}" for _, text in _new(self.directories, before.directories)),
            *(f"door {text}" for _, text in _new(self.doors, before.doors)),
        ]


def snapshot() -> Snapshot:
    """Return what this process and the processes it started hold now."""
    mark = os.environ.setdefault(_MARK, secrets.token_hex(8))
    threads = {t: repr(t) for t in threading.enumerate() if not t.name.startswith(_WATCHDOG)}
    if not _PROC.joinpath("self", "fd").is_dir():
        blind_to = ("processes", "descriptors", "segments")
        return Snapshot({}, {}, {}, threads, _directories(), _doors(), blind_to)
    processes = _processes(mark)
    holders = [os.getpid(), *(pid for pid, _ in processes)]
    return Snapshot(
        processes=processes,
        descriptors={(fd, target): target for fd, target in _descriptors(os.getpid())},
        segments={(pid, inode): name for pid in holders for inode, name in _segments(pid)},
        threads=threads,
        directories=_directories(),
        doors=_doors(),
    )


def assert_no_leaks(before: Snapshot, deadline_s: float = 5.0) -> None:
    """Wait until nothing is held that was not held ``before``.

    Args:
        before: what ``snapshot`` returned before the work.
        deadline_s: how long things may take to end.

    Raises:
        AssertionError: something is left; the message lists it, one line each.
    """
    give_up_s = time.monotonic() + deadline_s
    gc.collect()  # arrays pin their segments, and cycles keep arrays
    while leaked := snapshot().since(before):
        if time.monotonic() > give_up_s:
            lines = "\n  ".join(leaked)
            raise AssertionError(f"expected nothing to be left, found {len(leaked)}:\n  {lines}")
        threading.Event().wait(_POLL_S)


def _new(now: dict[_Key, str], before: dict[_Key, str]) -> list[tuple[_Key, str]]:
    return [(key, text) for key, text in now.items() if key not in before]


def _processes(mark: str) -> dict[tuple[int, int], str]:
    """Return our processes, without this one."""
    parents: dict[int, int] = {}
    started: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            parents[int(entry.name)], started[int(entry.name)] = int(fields[1]), int(fields[19])
    marked = f"{_MARK}={mark}".encode()
    found = {}
    for pid, ticks in started.items():
        if pid != os.getpid() and (_descends(pid, parents) or marked in _read(pid, "environ")):
            text = _command_line(pid)
            if text and _LONG_LIVED not in text:
                found[pid, ticks] = text
    return found


def _descends(pid: int, parents: dict[int, int]) -> bool:
    me = os.getpid()
    seen = set()  # pids are read one by one: reuse in between may close a circle
    while pid in parents and pid not in seen:
        seen.add(pid)
        pid = parents[pid]
        if pid == me:
            return True
    return False


def _command_line(pid: int) -> str:
    text = _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
    if text:
        return text
    fields = _stat(pid)  # a zombie has no command line; one that is gone has neither
    return f"zombie, expected its parent {fields[1]} to wait for it" if fields[:1] == ["Z"] else ""


def _stat(pid: int) -> list[str]:
    """Return the fields of ``/proc/<pid>/stat`` from the state on; none if it is gone.

    The second field is the program's name in parentheses and may hold anything.
    """
    return _read(pid, "stat").rpartition(b")")[2].decode().split()


def _read(pid: int, name: str) -> bytes:
    try:
        return _PROC.joinpath(str(pid), name).read_bytes()
    except OSError:  # it ended meanwhile, or is another user's
        return b""


def _descriptors(pid: int) -> Iterator[tuple[int, str]]:
    folder = _PROC.joinpath(str(pid), "fd")
    try:
        links = list(folder.iterdir())
    except OSError:  # as in `_read`
        return
    for link in links:
        try:
            yield int(link.name), str(link.readlink())
        except OSError:  # closed meanwhile; the descriptor of `iterdir` itself always is
            continue


def _segments(pid: int) -> Iterator[tuple[int, str]]:
    """Yield (inode, name) of shared memory with our name, whether mapped or only open."""
    for line in _read(pid, "maps").decode(errors="replace").splitlines():
        if found := _SEGMENT.search(line):
            yield int(line.split()[4]), found.group()
    for number, target in _descriptors(pid):
        if found := _SEGMENT.search(target):
            try:
                yield _PROC.joinpath(str(pid), "fd", str(number)).stat().st_ino, found.group()
            except OSError:  # closed meanwhile
                continue


def _directories() -> dict[str, str]:
    roots = [Path(tempfile.gettempdir()), Path("/dev/shm")]
    found = [str(path) for root in roots if root.is_dir() for path in root.glob("ray_jupyter*")]
    return {path: path for path in found}


def _doors() -> dict[str, str]:
    if not hasattr(os, "fork"):  # sessions have none
        return {}
    from ray_jupyter.runtime.transport import door

    found = [str(path) for folder in door.places() for path in folder.glob("*")]
    return {path: path for path in found}
