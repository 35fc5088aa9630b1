"""One interleaved run: round by round, group by group, every system in a fresh process.

Rules
    * One child at a time. The order of the systems turns by one with every round.
    * A child that is silent for longer than its case may take is killed with all its
      descendants; the cases after it get a new child.
    * A case that took longer than ``SLOW_S`` is not repeated for that system.
    * When the time of the whole run is up, no further child is started.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from benchmarks import cases, processes, systems
from benchmarks.results import Results

ROOT = Path(__file__).parent.parent
SLOW_S = 5.0
STOP_TIMEOUT_S = 30.0
START_ALLOWANCE_S = 30.0
END_GRACE_S = 3.0


@dataclass(frozen=True)
class Plan:
    """What to run."""

    systems: Sequence[str]
    cases: Sequence[str]
    repeats: int
    quick: bool
    limit_s: float


@dataclass
class Runner:
    """Works a plan off and fills the results."""

    plan: Plan
    results: Results
    say: Callable[[str], None]
    _slow: set[tuple[str, str]] = field(default_factory=set)

    def run(self) -> None:
        """All rounds, or as many as fit into the time."""
        processes.adopt_orphans()
        deadline = time.monotonic() + self.plan.limit_s
        for round_number, system, names in self._sittings():
            if time.monotonic() > deadline:
                self.say(f"time is up after {self.plan.limit_s:.0f} s: no further rounds")
                return
            left = [name for name in names if (system, name) not in self._slow]
            while left:
                left = self._sitting(round_number, system, left)

    def _sittings(self) -> Iterator[tuple[int, str, list[str]]]:
        """Round, system and the cases of one group, in the order in which they run."""
        for round_number in range(self.plan.repeats):
            turn = round_number % len(self.plan.systems)
            turned = [*self.plan.systems[turn:], *self.plan.systems[:turn]]
            for _, group in groupby(self.plan.cases, lambda name: cases.case(name).group):
                names = list(group)
                for system in turned:
                    if offered := [n for n in names if self._offered(system, n)]:
                        yield round_number, system, offered

    def _offered(self, system: str, name: str) -> bool:
        return cases.case(name).needs <= systems.adapter(system).offers

    def _sitting(self, round_number: int, system: str, names: list[str]) -> list[str]:
        """Run cases in one child; those that it did not come to."""
        self.say(f"round {round_number + 1}/{self.plan.repeats}: {system}: {', '.join(names)}")
        with tempfile.TemporaryDirectory(prefix="bench-") as directory:
            child = Child(system, names, self.plan.quick, Path(directory))
            current, left = names[0], list(names)
            stop_s = None
            try:
                for line in child.lines():
                    current = line.get("begin", current)
                    if "case" in line:
                        left.remove(line["case"])
                        self._note(round_number, system, line)
                    if "end" in line:
                        stop_s = line["end"]
            except ChildError as failure:
                self._fail(system, current, str(failure))
                left = left[1:] if left and current == left[0] else left
            finally:
                killed = child.end()
            if stop_s is not None:
                figures = {"stop_s": stop_s, "left_behind": float(killed)}
                self.results.add(system, round_number, figures)
        return left

    def _note(self, round_number: int, system: str, line: dict[str, Any]) -> None:
        if "error" in line:
            self._fail(system, line["case"], line["error"])
            return
        self.results.add(system, round_number, line["metrics"])
        if line["elapsed_s"] > SLOW_S:
            self._slow.add((system, line["case"]))

    def _fail(self, system: str, name: str, error: str) -> None:
        self.say(f"  {system}: {name} failed: {error}")
        self.results.errors[f"{system}/{name}"] = error
        self._slow.add((system, name))


class ChildError(Exception):
    """The child died or did not answer in time."""


class Child:
    """A running ``python -m benchmarks.child``."""

    def __init__(self, system: str, names: list[str], quick: bool, directory: Path) -> None:
        self._errors = directory / "stderr"
        command = [sys.executable, "-m", "benchmarks.child", *(["--quick"] if quick else [])]
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [*command, system, *names],
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=directory,
                start_new_session=True,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(paths),
                    "RAY_USAGE_STATS_ENABLED": "0",
                    "RAY_TMPDIR": str(directory),
                    "DASK_TEMPORARY_DIRECTORY": str(directory),
                    "IPYTHONDIR": str(directory / "ipython"),
                },
            )

    def lines(self) -> Iterator[dict[str, Any]]:
        """What the child says, until it has said that it is done.

        Raises:
            ChildError: it ended early, or was silent for longer than it may be.
        """
        assert self._process.stdout is not None
        reader = LineReader(self._process.stdout)
        timeout_s = START_ALLOWANCE_S
        while True:
            try:
                text = reader.next(timeout_s)
            except TimeoutError as error:
                raise ChildError(f"no answer within {timeout_s:.0f} s") from error
            if text is None:
                raise ChildError(f"ended early: {self._last_error()}")
            line = json.loads(text)
            yield line
            if "end" in line:
                return
            if "begin" in line:
                timeout_s = _timeout_s(line["begin"])

    def end(self) -> int:
        """Wait for the child, kill it if needed, and all it left; how many it had left."""
        try:
            self._process.wait(END_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return processes.end_descendants(END_GRACE_S)

    def _last_error(self) -> str:
        lines = self._errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self._process.poll()}, nothing on stderr"


class LineReader:
    """Lines of a pipe, each within a time limit."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._descriptor = pipe.fileno()
        self._buffer = b""

    def next(self, timeout_s: float) -> bytes | None:
        """The next line; None at the end of the pipe.

        Raises:
            TimeoutError: none came in time.
        """
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._buffer:
            left_s = max(0.0, deadline - time.monotonic())
            if not select.select([self._descriptor], [], [], left_s)[0]:
                raise TimeoutError(f"no line within {timeout_s} s")
            data = os.read(self._descriptor, 65536)
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line


def _timeout_s(name: str) -> float:
    """A case may have to start its system first."""
    return STOP_TIMEOUT_S if name == "stop" else cases.case(name).timeout_s + START_ALLOWANCE_S
