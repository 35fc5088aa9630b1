"""What a session is started with: argument, else environment, else a default.

Lives here: ``Config``, sizes as text, and what this machine has (CPUs and memory as the
scheduler's affinity and the cgroup allow them, not as the hardware would). Does not:
checking of ``init``'s other keywords (``api``).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ray_jupyter.environment import check_environment

STORE_FRACTION = 0.3
"""The share of memory that objects may fill before they are spilled to disk."""

_UNITS = {"": 1, "B": 1} | {
    f"{prefix}{suffix}": base**power
    for power, prefix in enumerate("KMGT", start=1)
    for suffix, base in (("", 1000), ("B", 1000), ("IB", 1024))
}
_SIZE = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*")


@dataclass(frozen=True, slots=True)
class Config:
    """The settled arguments of one session.

    Attributes:
        num_cpus: how many tasks of one CPU run at once; the number of workers.
        num_gpus: GPUs that tasks may ask for.
        gpus: their names, as ``CUDA_VISIBLE_DEVICES`` has them.
        resources: custom resources by name, in units.
        memory_bytes: what tasks may ask for with ``memory=``.
        object_store_memory_bytes: objects beyond this are spilled to disk.
        mode: ``"local"`` (worker processes) or ``"inline"`` (in this process, serially).
        spill_dir: where spilled objects go; ``None`` is the session's own directory.
        start_timeout_s: how long starting may take before ``init`` gives up.
        inline_max_bytes: values up to this travel inside messages, not in the store.
        namespace: where names of actors are looked up by default.
        runtime_env: the environment of all tasks and actors, as text.
        capture_locals: whether a task that fails sends the variables of its frames along.
        log_to_driver: whether what workers print appears in the driver.
    """

    num_cpus: int
    num_gpus: float
    memory_bytes: int
    object_store_memory_bytes: int
    resources: Mapping[str, float] = field(default_factory=dict)
    gpus: tuple[str, ...] = ()
    runtime_env: str = ""
    mode: str = "local"
    spill_dir: str | None = None
    start_timeout_s: float = 30.0
    inline_max_bytes: int = 100_000
    capture_locals: bool = True
    log_to_driver: bool = True
    namespace: str = ""

    def totals(self) -> dict[str, float]:
        """Return every resource by name, in units, as tasks may ask for it."""
        totals = {"CPU": float(self.num_cpus), "memory": float(self.memory_bytes)}
        if self.num_gpus:
            totals["GPU"] = float(self.num_gpus)
        return totals | dict(self.resources)


def make_config(**arguments: Any) -> Config:
    """Return the config for ``arguments`` (fields of ``Config``); ``None`` means not given.

    Raises:
        ValueError: a value, or the environment variable it came from, is not usable.
    """
    settled: dict[str, Any] = {}
    for name, (variable, check) in _SETTINGS.items():
        value, source = arguments.pop(name, None), name
        if value is None and variable in os.environ:
            value, source = os.environ[variable], variable
        if value is not None:
            settled[name] = check(source, value)
    if arguments:
        raise TypeError(f"not fields of Config: {', '.join(arguments)}")
    settled.setdefault("num_cpus", available_cpus())
    visible = visible_gpus()
    settled.setdefault("num_gpus", float(available_gpus(visible)))
    settled["gpus"] = name_gpus(settled["num_gpus"], visible)
    settled.setdefault("memory_bytes", available_memory_bytes())
    settled.setdefault("namespace", os.urandom(16).hex())
    settled.setdefault("object_store_memory_bytes", int(settled["memory_bytes"] * STORE_FRACTION))
    return Config(**settled)


def parse_size(text: str | float) -> int:
    """Return the bytes in ``512MB``, ``2 GiB``, ``1.5g`` or a plain number.

    Raises:
        ValueError: it is not a size.
    """
    if isinstance(text, bool):
        raise ValueError(f"expected a size such as '512MB' or '2 GiB', got {text!r}")
    if isinstance(text, (int, float)):
        return int(text)
    match = _SIZE.fullmatch(text)
    unit = _UNITS.get(match[2].upper()) if match else None
    if match is None or unit is None:
        raise ValueError(f"expected a size such as '512MB' or '2 GiB', got {text!r}")
    return int(float(match[1]) * unit)


def format_size(size_bytes: float) -> str:
    """Return ``7.8 GB`` for 7_800_000_000 (decimal units, as disks and peers count)."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} B" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"


def available_cpus(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many CPUs this process may really use: affinity and cgroup quota."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    if quota.isdecimal() and period.isdecimal():
        # Rounded up: half a CPU of quota still runs one worker.
        count = min(count, -(-int(quota) // int(period)))
    return max(count, 1)


def visible_gpus() -> list[str] | None:
    """Return what ``CUDA_VISIBLE_DEVICES`` names, or ``None`` where it is not set."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        return None
    names = [name.strip() for name in given.split(",") if name.strip()]
    hidden = [at for at, name in enumerate(names) if name in ("-1", "NoDevFiles")]
    return names[: hidden[0]] if hidden else names  # as the driver reads it


def available_gpus(visible: list[str] | None, root: Path = Path("/")) -> int:
    """Return how many NVIDIA GPUs this process may use, without asking a library."""
    found = len(_listed(root / "proc/driver/nvidia/gpus", ".*"))
    found = found or len(_listed(root / "dev", r"nvidia[0-9]+"))
    return found if visible is None else min(found, len(visible))


def _listed(folder: Path, pattern: str) -> list[str]:
    try:
        return [path.name for path in folder.iterdir() if re.fullmatch(pattern, path.name)]
    except OSError:  # no such driver
        return []


def name_gpus(number: float, visible: list[str] | None) -> tuple[str, ...]:
    """Return the names of the session's GPUs.

    Raises:
        ValueError: more than this process may see.
    """
    count = math.ceil(number)
    if visible is None:
        return tuple(map(str, range(count)))
    if count > len(visible):
        raise ValueError(
            f"num_gpus={number:g}, but CUDA_VISIBLE_DEVICES names {len(visible)}: {visible}; ask "
            "for less, or change the variable"
        )
    return tuple(visible[:count])


def available_memory_bytes(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the memory this process may use: the machine's, or the cgroup's if less."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    else:
        memory = 4 * 1024**3  # nothing portable tells; small enough for any machine of today
    for limit in ("memory.max", "memory/memory.limit_in_bytes"):
        text = _read(cgroup / limit)
        if text.isdecimal():
            memory = min(memory, int(text))
    return memory


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # no cgroup, or not this version of it: no limit
        return ""


def _whole(minimum: int) -> Callable[[str, Any], int]:
    def check(source: str, value: Any) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError):
            number = minimum - 1
        if (
            isinstance(value, bool)
            or number < minimum
            or (not isinstance(value, str) and number != value)
        ):
            raise ValueError(
                f"{source} must be a whole number of at least {minimum}, got {value!r}"
            )
        return number

    return check


def _amount(source: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if isinstance(value, bool) or not 0 <= number < float("inf"):
        raise ValueError(f"{source} must be a number of at least 0, got {value!r}")
    return number


def _size(source: str, value: Any) -> int:
    try:
        size_bytes = parse_size(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{source}: {error}") from None
    if size_bytes <= 0:
        raise ValueError(f"{source} must be more than 0 bytes, got {value!r}")
    return size_bytes


def _amounts(source: str, value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{source} must be a dict such as {{'disk': 2}}, got {value!r}")
    for name in value:
        if not isinstance(name, str) or not name:
            raise ValueError(f"{source}: resources have names, got {name!r}")
        if name in ("CPU", "GPU", "memory", "object_store_memory"):
            raise ValueError(f"{source}: use the argument of its own for {name!r} (num_cpus=, ...)")
    return {name: _amount(f"{source}[{name!r}]", amount) for name, amount in value.items()}


def _mode(source: str, value: Any) -> str:
    if value not in ("local", "inline"):
        raise ValueError(f"{source} must be 'local' or 'inline', got {value!r}")
    return str(value)


def _text(source: str, value: Any) -> str:
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise ValueError(f"{source} must be a path, got {value!r}")
    return str(os.fspath(value))


def _label(source: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{source} must be text, and not empty, got {value!r}")
    return value


def _flag(source: str, value: Any) -> bool:
    named = {"0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in named:
        return named[value.lower()]
    raise ValueError(f"{source} must be True or False, got {value!r}")


_SETTINGS: dict[str, tuple[str, Callable[[str, Any], Any]]] = {
    "num_cpus": ("RAY_JUPYTER_NUM_CPUS", _whole(1)),
    "num_gpus": ("RAY_JUPYTER_NUM_GPUS", _amount),
    "memory_bytes": ("RAY_JUPYTER_MEMORY", _size),
    "object_store_memory_bytes": ("RAY_JUPYTER_OBJECT_STORE_MEMORY", _size),
    "resources": ("", _amounts),
    "runtime_env": ("", check_environment),
    "mode": ("RAY_JUPYTER_MODE", _mode),
    "spill_dir": ("RAY_JUPYTER_SPILL_DIR", _text),
    "namespace": ("RAY_JUPYTER_NAMESPACE", _label),
    "start_timeout_s": ("RAY_JUPYTER_START_TIMEOUT", _amount),
    "inline_max_bytes": ("RAY_JUPYTER_INLINE_MAX", _whole(0)),
    "capture_locals": ("RAY_JUPYTER_CAPTURE_LOCALS", _flag),
    "log_to_driver": ("RAY_JUPYTER_LOG_TO_DRIVER", _flag),
}
