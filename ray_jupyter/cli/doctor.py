"""``doctor``: whether sessions can run here, and what dead ones have left.

Each check is a function that returns its findings; nothing is changed except that doors of
killed sessions are taken away, and with ``--clean`` their spilled objects. The last check
starts a session. The exit code is 1 if a check failed; warnings do not count.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, requires, version

from ray_jupyter._version import __version__
from ray_jupyter.api import get, init
from ray_jupyter.cli import jupyter_checks, leftovers, machine_checks
from ray_jupyter.cli.findings import FAILURE, NOTE, OK, WARNING, Finding
from ray_jupyter.cli.output import print_json
from ray_jupyter.cli.places import Places
from ray_jupyter.remote import remote

_NEEDED = {"cloudpickle": "3.0", "numpy": "1.23"}
"""As in ``pyproject.toml``: a checkout that is not installed has no metadata to read."""
_BOUND = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?>=([0-9.]+)")


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
            print(*finding.lines(), sep="\n", flush=True)
    if asked.json:
        print_json(findings)
    return 1 if failed else 0


def examine(
    *, clean: bool = False, trial: bool = True, places: Places | None = None
) -> Iterator[Finding]:
    """Yield one finding after the other.

    Args:
        clean: whether spilled objects of dead sessions are removed.
        trial: whether a session is started.
        places: where Jupyter is looked for; where this process would, if not given.
    """
    where = places or Places.here()
    checks: dict[str, Callable[[], Finding | list[Finding]]] = {
        "python": check_python, "packages": check_packages,
        "notebook": jupyter_checks.check_notebook,
        "kernels": lambda: jupyter_checks.check_kernels(where, _has("ipykernel")),
        "server": lambda: jupyter_checks.check_servers(where),
        "processes": machine_checks.check_processes, "memory": machine_checks.check_memory,
        "limits": machine_checks.check_limits, "machine": machine_checks.check_machine,
        "disk": machine_checks.check_disk,
        "leftovers": lambda: _left(clean=clean),  # first: opening a door sweeps
        "sockets": machine_checks.check_sockets,
    }  # fmt: skip
    if trial:
        checks["trial"] = _trial
    for subject, check in checks.items():
        try:
            found = check()
        except Exception as error:  # a check that fails is a finding, too
            text = f"{type(error).__name__}: {error}"
            yield Finding(subject, FAILURE, text, "report this, with the whole output of doctor")
        else:
            yield from found if isinstance(found, list) else [found]


def check_python() -> Finding:
    """Look at this Python."""
    text = f"{sys.version.split()[0]} at {sys.executable}"
    if sys.version_info >= (3, 14):
        advice = "if something fails, try one of them"
        return Finding("python", WARNING, f"{text}: tested are 3.10 to 3.13", advice)
    return Finding("python", OK, text)


def check_packages() -> Finding:
    """Compare the versions that are installed with those that the package asks for."""
    bounds = _bounds()
    found = {name: version(name) for name in _NEEDED if _has(name)}
    text = f"ray_jupyter {__version__}, " + ", ".join(f"{n} {v}" for n, v in found.items())
    missing = [name for name in _NEEDED if name not in found]
    old = [
        f"{name}>={least}"
        for name, least in bounds.items()
        if _has(name) and _numbers(version(name)) < _numbers(least)
    ]
    pip = f"{sys.executable} -m pip install"
    if missing:
        advice = f"{pip} {' '.join(missing)}"
        return Finding("packages", FAILURE, f"{text}; missing: {', '.join(missing)}", advice)
    if old:
        advice = f"{pip} --upgrade {' '.join(repr(one) for one in old)}"
        return Finding("packages", WARNING, f"{text}; too old: {_with_versions(old)}", advice)
    return Finding("packages", OK, text)


def _with_versions(old: list[str]) -> str:
    names = [bound.partition(">=")[0] for bound in old]
    return ", ".join(f"{name} {version(name)}" for name in names)


def _bounds() -> dict[str, str]:
    """Return the least version of each package that is needed or named by an extra for users."""
    found = dict(_NEEDED)
    try:
        wanted = requires("ray_jupyter") or []
    except PackageNotFoundError:  # imported from a checkout that is not installed
        return found
    for line in wanted:
        match = _BOUND.match(line)
        if match and ("extra ==" not in line or re.search("dashboard|examples|cluster", line)):
            found[match.group(1)] = match.group(2)
    return found


def _has(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _numbers(text: str) -> tuple[int, ...]:
    """Return a version as numbers, as far as it has them: (3, 10) for ``3.10rc1``."""
    return tuple(int(number) for number in re.findall(r"\d+", text.split("+")[0])[:3])


def _left(*, clean: bool) -> Finding:
    found = leftovers.look(clean=clean)
    lines = [
        *(f"took away {path}" for path in found.doors),
        *(f"removed {path}" for path in found.removed),
        *(f"{path} is of a dead session" for path in found.directories),
        *(f"process {pid} ({name}) has lost its session" for pid, name in found.orphans),
    ]
    running = f"{found.running} sessions running"
    if not lines:
        return Finding("leftovers", OK, f"none; {running}")
    advice = []
    if found.directories:
        advice.append("python -m ray_jupyter doctor --clean")
    if found.orphans:
        advice.append(f"kill {' '.join(str(pid) for pid, _ in found.orphans)}")
    outcome = WARNING if advice else NOTE
    return Finding("leftovers", outcome, "; ".join([*lines, running]), "; ".join(advice))


def _trial() -> Finding:
    began_s = time.perf_counter()
    with init(num_cpus=1, mode="local", object_store_memory="64MB"):
        answer = get(remote(abs).remote(-1), timeout=30)
        started_s = time.perf_counter() - began_s
    if answer != 1:
        text = f"abs(-1) in a worker returned {answer!r}"
        return Finding("trial", FAILURE, text, "report this, with the whole output of doctor")
    return Finding("trial", OK, f"a session ran its first task after {started_s:.2f} s and ended")
