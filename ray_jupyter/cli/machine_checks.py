"""What ``doctor`` looks at in the machine: processes, memory, limits, disk, sockets."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile

from ray_jupyter.backends.local import ADDRESS_FACTOR
from ray_jupyter.cli.findings import FAILURE, OK, WARNING, Finding
from ray_jupyter.config import available_cpus, available_memory_bytes, format_size, make_config
from ray_jupyter.runtime.store import segment
from ray_jupyter.runtime.transport import door

_LOW_DISK_BYTES = 10**9
_FEW_FILES = 256


def check_processes() -> Finding:
    """Look at what starts and watches processes."""
    if not hasattr(os, "fork"):
        return Finding(
            "processes", FAILURE, f"{sys.platform} cannot fork: sessions do not start",
            "init(mode='inline') runs tasks in this process; on Windows, WSL is Linux",
        )  # fmt: skip
    missing = []
    if not hasattr(os, "pidfd_open"):
        missing.append("pidfd_open (the end of a driver is seen by its stream only)")
    else:
        os.close(os.pidfd_open(os.getpid()))
    if sys.platform != "linux":
        missing.append("parent-death signals (workers may outlive a killed scheduler)")
    if missing:
        return Finding(
            "processes", WARNING, f"fork works; not here: {', '.join(missing)}",
            "nothing to mend: after a crash, `python -m ray_jupyter doctor` names what is left",
        )  # fmt: skip
    return Finding("processes", OK, "fork, pidfd and parent-death signals work")


def check_memory() -> Finding:
    """Map a store of the size that sessions have, write to it and read it."""
    limit_bytes = make_config().object_store_memory_bytes
    size_bytes = ADDRESS_FACTOR * limit_bytes
    try:
        mapped = segment.Segment(segment.create(size_bytes), size_bytes)
    except (OSError, ValueError) as error:
        return Finding(
            "memory", FAILURE,
            f"{format_size(size_bytes)} of addresses for a store of {format_size(limit_bytes)} "
            f"cannot be mapped ({error})",
            "init(object_store_memory='1GB') asks for less; or raise `ulimit -v`",
        )  # fmt: skip
    try:
        os.pwrite(mapped.fd, b"doctor", 0)
        found = os.pread(mapped.fd, 6, 0)
    except OSError as error:
        return Finding(
            "memory", FAILURE, f"shared memory cannot be written ({error})",
            f"make room in {tempfile.gettempdir()}, or set TMPDIR to a directory that has room",
        )  # fmt: skip
    finally:
        mapped.close()
    if found != b"doctor":
        return Finding(
            "memory", FAILURE, f"shared memory does not keep what is written: {found!r}",
            "report this, with the system's name and the file system of the temporary directory",
        )  # fmt: skip
    text = f"a store of {format_size(limit_bytes)} can be mapped and written"
    if not hasattr(os, "memfd_create"):
        return Finding(
            "memory", WARNING, f"{text}; there is no memfd: it is a file in {tempfile.gettempdir()}",
            f"keep {format_size(limit_bytes)} free there, or set TMPDIR",
        )  # fmt: skip
    return Finding("memory", OK, text)


def check_limits() -> Finding:
    """Look at how many files and processes this user may have."""
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    processes, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    wanted = 3 * available_cpus() + 20
    text = ", ".join(
        f"{name} {'unlimited' if limit == resource.RLIM_INFINITY else limit}"
        for name, limit in (("open files", files), ("processes", processes))
    )
    if files != resource.RLIM_INFINITY and files < _FEW_FILES:
        return Finding("limits", WARNING, f"{text}: few files", f"ulimit -n {4 * _FEW_FILES}")
    if processes != resource.RLIM_INFINITY and processes < wanted:
        return Finding("limits", WARNING, f"{text}: few processes", f"ulimit -u {10 * wanted}")
    return Finding("limits", OK, text)


def check_machine() -> Finding:
    """Count what this process may use."""
    cpus, memory_bytes = available_cpus(), available_memory_bytes()
    text = f"{cpus} CPUs, {format_size(memory_bytes)} of memory for this process"
    of_hardware = os.cpu_count() or cpus
    if cpus < of_hardware:
        text += f" (affinity or cgroup; the machine has {of_hardware} CPUs)"
    return Finding("machine", OK, text)


def check_disk() -> Finding:
    """Look at the room for objects that do not fit in memory."""
    folder = make_config().spill_dir or tempfile.gettempdir()
    advice = "init(spill_dir=...) or TMPDIR names another directory"
    if not os.access(folder, os.W_OK | os.X_OK):
        text = f"{folder} cannot be written: objects that do not fit in memory are errors"
        return Finding("disk", WARNING, text, advice)
    free_bytes = shutil.disk_usage(folder).free
    text = f"{format_size(free_bytes)} free in {folder} for objects that do not fit in memory"
    if free_bytes <= _LOW_DISK_BYTES:
        return Finding("disk", WARNING, text, f"make room there; {advice}")
    return Finding("disk", OK, text)


def check_sockets() -> Finding:
    """Open and close a door, as each session does."""
    problems = door.find()[1]
    advice = (
        "take away or mend what is named; it must be a directory of yours, with mode 0700 "
        "(attaching and the command line need it, sessions run without)"
    )
    try:
        opened = door.Door.open("0" * 16)
    except OSError as error:
        return Finding("sockets", WARNING, f"no directory can be used: {error}", advice)
    folder = opened.path.parent
    mode = stat.S_IMODE(folder.stat().st_mode)
    opened.close()
    if problems:
        return Finding("sockets", WARNING, f"in {folder}; unusable: {'; '.join(problems)}", advice)
    return Finding("sockets", OK, f"in {folder}, mode {mode:04o}")
