"""What sessions that are no more have left: doors, spilled objects, processes.

By design nothing is left but what SIGKILL of all processes at once leaves: files. What may
belong to a session that runs is never touched.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ray_jupyter.backends import attaching
from ray_jupyter.config import make_config
from ray_jupyter.runtime.transport import door

_SPILL = re.compile(r"ray_jupyter-([0-9a-f]{16})")


@dataclass(frozen=True)
class Leftovers:
    """What was found.

    Attributes:
        doors: sockets that were taken away.
        directories: spilled objects of sessions that are no more.
        removed: such directories that were removed.
        orphans: (pid, name) of runtime processes whose parent is gone.
        running: how many sessions there are.
    """

    doors: list[Path]
    directories: list[Path]
    removed: list[Path]
    orphans: list[tuple[int, str]]
    running: int


def look(*, clean: bool) -> Leftovers:
    """Look for leftovers; take away dead doors, and with ``clean`` dead directories."""
    doors = door.sweep()
    visits, _ = attaching.sessions()
    for visit in visits:
        visit.close()
    alive = _sessions_of_processes()
    directories = [path for path in _spill_directories() if _session_of(path) not in alive]
    removed = []
    for path in directories if clean else []:
        shutil.rmtree(path)
        removed.append(path)
    left = [path for path in directories if path not in removed]
    return Leftovers(doors, left, removed, _orphans(), len(visits))


def _spill_directories() -> list[Path]:
    """Return the directories of this user where sessions spill to."""
    roots = {Path(tempfile.gettempdir()), Path(make_config().spill_dir or tempfile.gettempdir())}
    return [
        path
        for root in sorted(roots)
        for path in sorted(root.glob("ray_jupyter-*"))
        if _SPILL.fullmatch(path.name) and path.stat().st_uid == os.getuid()
    ]


def _session_of(path: Path) -> str:
    return path.name.rpartition("-")[2]


def _sessions_of_processes() -> set[str]:
    """Return the ids that command lines of running processes name: node processes have one."""
    found: set[str] = set()
    for pid in _pids():
        found.update(re.findall(r'"session_id": "([0-9a-f]{16})"', _read(pid, "cmdline")))
    return found


def _orphans() -> list[tuple[int, str]]:
    """Return (pid, name) of this user's processes that carry a name of ours and are alone.

    A scheduler is a child of its driver, the template of the scheduler, a worker of that.
    """
    names = {pid: _read(pid, "comm").strip() for pid in _pids()}
    found = []
    for pid, name in names.items():
        parent = _parent(pid)
        if (
            (name == "rj-scheduler" and parent == 1)
            or (name == "rj-template" and names.get(parent) != "rj-scheduler")
            or (name.startswith("rj-worker") and names.get(parent) != "rj-template")
        ):
            found.append((pid, name))
    return [(pid, name) for pid, name in found if _read(pid, "cmdline")]  # else it ended


def _parent(pid: int) -> int:
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return int(fields[1]) if fields else 0


def _pids() -> list[int]:
    """Return this user's processes; none where there is no ``/proc``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if entry.stat().st_uid == os.getuid():
                found.append(int(entry.name))
        except OSError:  # it ended meanwhile
            continue
    return found


def _read(pid: int, name: str) -> str:
    try:
        return Path("/proc", str(pid), name).read_text(encoding="utf-8", errors="replace")
    except OSError:  # as above, or another user's
        return ""
