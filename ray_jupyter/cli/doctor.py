"""``doctor``: whether sessions can run here, and what dead ones have left.

Each check is a function that returns a ``Finding``; nothing is changed except that doors of
killed sessions are taken away, and with ``--clean`` their spilled objects. The last check
starts a session. The exit code is 1 if a check failed; warnings do not count.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ray_jupyter._version import __version__
from ray_jupyter.api import get, init
from ray_jupyter.cli import leftovers
from ray_jupyter.cli.output import print_json
from ray_jupyter.config import available_cpus, available_memory_bytes, format_size, make_config
from ray_jupyter.remote import remote

OK, NOTE, WARNING, FAILURE = "ok", "note", "warning", "failure"
_SIGNS = {OK: "ok  ", NOTE: "note", WARNING: "WARN", FAILURE: "FAIL"}
_NEEDED = ("cloudpickle", "numpy")
_FOR_NOTEBOOKS = ("ipython", "ipykernel", "ipywidgets", "jupyterlab")
_LOW_DISK_BYTES = 10**9
_FEW_FILES = 256


@dataclass(frozen=True)
class Finding:
    """The outcome of one check: what was looked at, how it is, and in words."""

    subject: str
    outcome: str
    text: str


def add_doctor_options(command: argparse.ArgumentParser) -> None:
    """Add ``--clean`` and ``--no-trial``."""
    command.add_argument(
        "--clean", action="store_true", help="remove spilled objects of dead sessions"
    )
    command.add_argument("--no-trial", action="store_true", help="do not start a session")


def run_doctor(asked: argparse.Namespace) -> int:
    """Print what was found; 1 if something fails."""
    failed = False
    findings = []
    for finding in examine(clean=asked.clean, trial=not asked.no_trial):
        failed = failed or finding.outcome == FAILURE
        findings.append(asdict(finding))
        if not asked.json:
            print(f"{_SIGNS[finding.outcome]} {finding.subject:10} {finding.text}", flush=True)
    if asked.json:
        print_json(findings)
    return 1 if failed else 0


def examine(*, clean: bool = False, trial: bool = True) -> Iterator[Finding]:
    """Yield one finding after the other."""
    checks: dict[str, Callable[[], Finding]] = {
        "python": _python, "packages": _packages, "notebook": _notebook, "lab": _labextension,
        "kernels": _kernels, "processes": _processes, "memory": _shared_memory,
        "limits": _limits, "machine": _machine, "disk": _disk,
        "leftovers": lambda: _left(clean=clean),  # first: opening a door sweeps
        "sockets": _door,
    }  # fmt: skip
    if trial:
        checks["trial"] = _trial
    for subject, check in checks.items():
        try:
            yield check()
        except Exception as error:  # a check that fails is a finding, too
            yield Finding(subject, FAILURE, f"{type(error).__name__}: {error}")


def _python() -> Finding:
    text = f"{sys.version.split()[0]} at {sys.executable}"
    if sys.version_info >= (3, 14):
        return Finding("python", WARNING, f"{text}: tested are 3.10 to 3.13")
    return Finding("python", OK, text)


def _packages() -> Finding:
    found = _versions(_NEEDED)
    missing = [name for name in _NEEDED if name not in found]
    text = f"ray_jupyter {__version__}, " + _listed(found)
    if missing:
        return Finding("packages", FAILURE, f"{text}; missing: {', '.join(missing)}")
    return Finding("packages", OK, text)


def _notebook() -> Finding:
    found = _versions(_FOR_NOTEBOOKS)
    if not found:
        return Finding("notebook", NOTE, "no Jupyter here: only scripts can use ray_jupyter")
    return Finding("notebook", OK, _listed(found))


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _listed(found: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in found.items())


def _jupyter_folders(kind: str) -> list[Path]:
    """Return where Jupyter looks for ``labextensions`` or ``kernels``."""
    roots = [Path(sys.prefix, "share", "jupyter"), Path("/usr/local/share/jupyter")]
    roots += [Path("/usr/share/jupyter"), Path.home() / ".local" / "share" / "jupyter"]
    roots += [Path(p) for p in os.environ.get("JUPYTER_PATH", "").split(os.pathsep) if p]
    return [root / kind for root in roots if (root / kind).is_dir()]


def _labextension() -> Finding:
    for folder in _jupyter_folders("labextensions"):
        for found in (folder / "ray_jupyter", folder / "ray-jupyter"):
            if (found / "package.json").is_file():
                return Finding("lab", OK, f"the extension is at {found}")
    return Finding("lab", NOTE, "the extension for JupyterLab is not installed here")


def _kernels() -> Finding:
    found = {
        path.parent.name: path.read_text(encoding="utf-8", errors="replace")
        for folder in _jupyter_folders("kernels")
        for path in folder.glob("*/kernel.json")
    }
    if not found:
        return Finding("kernels", NOTE, "none is installed")
    ours = [name for name, text in found.items() if sys.executable in text]
    text = ", ".join(f"{name}{' (this Python)' if name in ours else ''}" for name in sorted(found))
    return Finding("kernels", OK, text)


def _processes() -> Finding:
    if not hasattr(os, "fork"):
        return Finding(
            "processes", FAILURE, f"{sys.platform} cannot fork: only init(mode='inline') works"
        )
    missing = []
    if not hasattr(os, "pidfd_open"):
        missing.append("pidfd_open (the end of a driver is seen by its stream only)")
    else:
        os.close(os.pidfd_open(os.getpid()))
    if sys.platform != "linux":
        missing.append("parent-death signals (workers may outlive a killed scheduler)")
    if missing:
        return Finding("processes", WARNING, f"fork works; not here: {', '.join(missing)}")
    return Finding("processes", OK, "fork, pidfd and parent-death signals work")


def _shared_memory() -> Finding:
    from ray_jupyter.backends.local import ADDRESS_FACTOR
    from ray_jupyter.runtime.store import segment

    config = make_config()
    limit_bytes = config.object_store_memory_bytes
    size_bytes = ADDRESS_FACTOR * limit_bytes
    try:
        mapped = segment.Segment(segment.create(size_bytes), size_bytes)
    except (OSError, ValueError) as error:
        return Finding(
            "memory", FAILURE,
            f"{format_size(size_bytes)} of addresses for a store of {format_size(limit_bytes)} "
            f"cannot be mapped ({error}): try init(object_store_memory='1GB'), or raise ulimit -v",
        )  # fmt: skip
    mapped.close()
    text = f"a store of {format_size(limit_bytes)} can be mapped"
    if not hasattr(os, "memfd_create"):
        return Finding("memory", WARNING, f"{text}; there is no memfd: it is a file on disk")
    return Finding("memory", OK, text)


def _limits() -> Finding:
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    processes, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    wanted = 3 * available_cpus() + 20
    shown = [
        f"{name} {'unlimited' if limit == resource.RLIM_INFINITY else limit}"
        for name, limit in (("open files", files), ("processes", processes))
    ]
    text = ", ".join(shown)
    if files != resource.RLIM_INFINITY and files < _FEW_FILES:
        return Finding("limits", WARNING, f"{text}: few files; raise ulimit -n")
    if processes != resource.RLIM_INFINITY and processes < wanted:
        return Finding("limits", WARNING, f"{text}: few processes; raise ulimit -u")
    return Finding("limits", OK, text)


def _machine() -> Finding:
    cpus, memory_bytes = available_cpus(), available_memory_bytes()
    text = f"{cpus} CPUs, {format_size(memory_bytes)} of memory for this process"
    of_hardware = os.cpu_count() or cpus
    if cpus < of_hardware:
        text += f" (affinity or cgroup; the machine has {of_hardware} CPUs)"
    return Finding("machine", OK, text)


def _disk() -> Finding:
    folder = make_config().spill_dir or tempfile.gettempdir()
    free_bytes = shutil.disk_usage(folder).free
    text = f"{format_size(free_bytes)} free in {folder} for objects that do not fit in memory"
    return Finding("disk", OK if free_bytes > _LOW_DISK_BYTES else WARNING, text)


def _door() -> Finding:
    from ray_jupyter.runtime.transport import door

    problems = door.find()[1]
    opened = door.Door.open("0" * 16)
    path = opened.path
    opened.close()
    if problems:
        return Finding("sockets", WARNING, f"in {path.parent}; unusable: {'; '.join(problems)}")
    return Finding("sockets", OK, f"in {path.parent}")


def _left(*, clean: bool) -> Finding:
    found = leftovers.look(clean=clean)
    lines = [
        *(f"took away {path}" for path in found.doors),
        *(f"removed {path}" for path in found.removed),
        *(f"{path} (remove with --clean)" for path in found.directories),
        *(f"process {pid} ({name}) has lost its session" for pid, name in found.orphans),
    ]
    running = f"{found.running} sessions running"
    if not lines:
        return Finding("leftovers", OK, f"none; {running}")
    outcome = WARNING if found.directories or found.orphans else NOTE
    return Finding("leftovers", outcome, "; ".join([*lines, running]))


def _trial() -> Finding:
    began_s = time.perf_counter()
    with init(num_cpus=1, mode="local", object_store_memory="64MB"):
        answer = get(remote(abs).remote(-1), timeout=30)
        started_s = time.perf_counter() - began_s
    if answer != 1:
        return Finding("trial", FAILURE, f"abs(-1) in a worker returned {answer!r}")
    return Finding("trial", OK, f"a session ran its first task after {started_s:.2f} s and ended")
