"""Faults on purpose: values and tasks that end their process, drivers to kill, interrupts.

Lives here: what tests of failures need on either side of a process boundary. Does not:
what must come out (the tests say that). Everything is importable, so that workers unpickle
it by name.

The five moments of a call, each of which may end in each way of ``Ending``::

    driver                                    worker
    CrashAtPickle   as an argument ─────────▶ CrashAtUnpickle  as an argument
                                              crash(ending)    running
    CrashAtUnpickle as a result    ◀───────── CrashAtPickle    as a result
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn

from ray_jupyter import session

EXIT_CODE = 3
"""What ``SystemExit`` and ``os._exit`` end with."""
MESSAGE = "on purpose"
"""What the exception says."""


class Ending(Enum):
    """How a piece of user code ends, from the mildest to the hardest."""

    EXCEPTION = "exception"
    SYSTEM_EXIT = "SystemExit"
    OS_EXIT = "os._exit"
    SIGSEGV = "SIGSEGV"
    SIGKILL = "SIGKILL"

    @property
    def is_deadly(self) -> bool:
        """Whether the process ends, whatever Python code is around."""
        return self not in (Ending.EXCEPTION, Ending.SYSTEM_EXIT)

    @property
    def returncode(self) -> int:
        """What ``subprocess`` gives for a process that ended like this."""
        if self is Ending.EXCEPTION:
            return 1
        if self in (Ending.SYSTEM_EXIT, Ending.OS_EXIT):
            return EXIT_CODE
        return -signal.Signals[self.value]


def crash(ending: Ending) -> NoReturn:
    """End here and now, like ``ending``.

    Raises:
        ArithmeticError: for ``Ending.EXCEPTION``; a type that nothing else here raises.
        SystemExit: for ``Ending.SYSTEM_EXIT``.
    """
    if ending is Ending.EXCEPTION:
        raise ArithmeticError(MESSAGE)
    if ending is Ending.SYSTEM_EXIT:
        raise SystemExit(EXIT_CODE)
    if ending is Ending.OS_EXIT:
        os._exit(EXIT_CODE)
    signal.pthread_kill(threading.get_ident(), signal.Signals[ending.value])
    threading.Event().wait()  # the signal may be delivered a little later
    raise AssertionError(f"{ending.value} did not end this process")


class CrashAtPickle:
    """Ends the process that pickles it."""

    def __init__(self, ending: Ending = Ending.SIGSEGV) -> None:
        self.ending = ending

    def __reduce__(self) -> NoReturn:
        crash(self.ending)


class CrashAtUnpickle:
    """Ends the process that unpickles it."""

    def __init__(self, ending: Ending = Ending.SIGSEGV) -> None:
        self.ending = ending

    def __reduce__(self) -> tuple[Any, ...]:
        return crash, (self.ending,)


def attempt(log: Path) -> int:
    """Note one more attempt in the file ``log``; return how many there have been.

    Files outlive the processes that die between two attempts.
    """
    with log.open("ab") as file:
        file.write(b".")
    return log.stat().st_size


@dataclass(frozen=True)
class SessionPids:
    """The processes of the running session."""

    scheduler: int
    template: int
    workers: tuple[int, ...]


def session_pids() -> SessionPids:
    """Return the processes of the running session, the driver left out."""
    scheduler, template, *workers = session.connected().statistics()["pids"]
    return SessionPids(scheduler, template, tuple(workers))


def kill_worker(pid: int | None = None, signum: int = signal.SIGKILL) -> int:
    """Send a signal to a worker (by default to the first of the session); return its pid.

    Raises:
        ProcessLookupError: it is gone already.
    """
    pid = session_pids().workers[0] if pid is None else pid
    os.kill(pid, signum)
    return pid


def is_running(pid: int) -> bool:
    """Return whether the process exists and is more than a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:  # gone meanwhile, or a system without /proc, where the answer stands
        return not Path("/proc/self").exists()
    return stat.rpartition(b")")[2].split()[:1] != [b"Z"]


class Driver:
    """A driver in a process of its own, which tests may interrupt and kill.

    The program talks by printing lines; the test reads them with ``hear``.

    Args:
        program: its source.
        path: where the source is written; ``None`` runs it with ``python -c``.
        arguments: its ``sys.argv[1:]``.
    """

    def __init__(self, program: str, path: Path | None = None, *arguments: str) -> None:
        if path is not None:
            path.write_text(program, encoding="utf-8")
        what = ["-c", program] if path is None else [str(path)]
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-u", *what, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.pid = self._process.pid

    def hear(self) -> str:
        """Return the next line that the program, or a task of it, prints.

        Raises:
            AssertionError: it ended instead; with what it said on its way out.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            _, errors = self._process.communicate()
            raise AssertionError(f"driver ended with {self._process.returncode}:\n{errors}")
        return re.sub(r"^\([^()]*pid=\d+\) ", "", line.rstrip("\n"))

    def tell(self, line: str) -> None:
        """Give the program a line on its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def send(self, signum: int) -> None:
        """Send the process a signal."""
        self._process.send_signal(signum)

    def end(self, timeout_s: float = 30.0) -> tuple[int, str, str]:
        """Wait for its end; return (return code, standard output, standard error)."""
        try:
            output, errors = self._process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)
            output, errors = self._process.communicate()
            raise AssertionError(f"driver hung:\n{output}\n{errors}") from None
        return self._process.returncode, output, errors

    def close(self) -> None:
        """Kill it if it is still there."""
        self._process.kill()
        self._process.communicate()


_MAY_STRIKE = ("CALL", "JUMP_BACKWARD", "JUMP_ABSOLUTE", "RESUME")


class InterruptAfter:
    """Sends this process SIGINT at the n-th place where CPython would notice one.

    CPython looks for signals when a call has returned, at loops' jumps and where a function
    begins. Counted are those places in files below ``folder``, in this thread. Walking ``n``
    through all of them replaces luck: ``struck`` is false when ``n`` was beyond the last one.
    """

    def __init__(self, n: int, folder: Path) -> None:
        self.n = n
        self.struck = False
        self.place = ""
        self._folder = str(folder)
        self._last: dict[Any, str] = {}

    @contextmanager
    def active(self) -> Iterator[InterruptAfter]:
        """Count and strike inside the block."""
        previous = sys.gettrace()
        sys.settrace(self._on_call)
        try:
            yield self
        finally:
            sys.settrace(previous)
            self._last.clear()

    def _on_call(self, frame: Any, event: str, _: Any) -> Any:
        if self.struck or not frame.f_code.co_filename.startswith(self._folder):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._on_opcode

    def _on_opcode(self, frame: Any, event: str, _: Any) -> Any:
        if event != "opcode" or self.struck:
            return self._on_opcode
        name = _opcode_name(frame.f_code.co_code[frame.f_lasti])
        last, self._last[frame] = self._last.get(frame, ""), name
        if last.startswith(_MAY_STRIKE):
            self.n -= 1
            if self.n <= 0:
                self.struck = True
                self.place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
                signal.raise_signal(signal.SIGINT)
        return self._on_opcode


def _opcode_name(code: int) -> str:
    import opcode

    return opcode.opname[code]
