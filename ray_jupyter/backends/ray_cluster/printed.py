"""What tasks print, on its way through Ray's log files to the driver, with the task it is of.

A worker begins each line with a *mark*, an escape sequence of the kind that terminals ignore:
Ray sends lines, whole and in order, and says of them which process wrote them, not which task.
A line without a mark (of C code, or of a subprocess) is of the task that printed last there.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import ray
from ray._private.ray_constants import (
    LOG_PREFIX_ACTOR_NAME,
    LOG_PREFIX_JOB_ID,
    LOG_PREFIX_TASK_NAME,
)
from ray.exceptions import RpcError

from ray_jupyter.runtime.protocol.output import STDERR, STDOUT, Output

_MARK = re.compile("\x1b_rj([0-9a-f]+)\\.([0-9a-f]+)\\.(.*?)\x1b\\\\")
_PID = re.compile(r"pid=(\d+)")
_POLL_S = 1.0
_RAYS_OWN = (LOG_PREFIX_ACTOR_NAME, LOG_PREFIX_JOB_ID, LOG_PREFIX_TASK_NAME)
"""Lines that Ray writes for itself begin with these."""


class Whose(NamedTuple):
    """The task that prints: the first fields of an ``Output``."""

    root: int
    task_id: int
    name: str


_NOBODY = Whose(0, 0, "")


def mark(whose: Whose) -> str:
    """Return what goes before each line of a task."""
    return f"\x1b_rj{whose.root:x}.{whose.task_id:x}.{whose.name}\x1b\\"


class MarkedStream(io.TextIOBase):
    """A worker's ``sys.stdout`` or ``sys.stderr``.

    Args:
        stream: where it goes.
        whose: returns the task that runs in the calling thread.
    """

    def __init__(self, stream: Any, whose: Callable[[], Whose | None]) -> None:
        self._stream = stream
        self._whose = whose
        self._lock = threading.RLock()
        self._begins = True

    def write(self, text: str) -> int:
        """Write text, with a mark before each line."""
        whose = self._whose()
        begin = "" if whose is None else mark(whose)
        with self._lock:
            self._write_lines(text.splitlines(keepends=True), begin)
        return len(text)

    def _write_lines(self, lines: list[str], begin: str) -> None:
        for line in lines:
            marked = self._begins and not line.startswith(_RAYS_OWN)
            self._stream.write(begin + line if marked else line)
            self._begins = line.endswith("\n")

    def flush(self) -> None:
        """Have what was written leave."""
        self._stream.flush()

    def fileno(self) -> int:
        """Return the descriptor below."""
        return int(self._stream.fileno())

    def writable(self) -> bool:
        """Return that it is."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """How text becomes bytes."""
        return str(self._stream.encoding)


def mark_streams(whose: Callable[[], Whose | None]) -> None:
    """Have this process mark what it prints from now on."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, MarkedStream):
            setattr(sys, name, MarkedStream(stream, whose))


class Lines:
    """Makes outputs of lines."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, int], Whose] = {}

    def outputs(self, lines: Iterable[str], pid: int, stream: int) -> Iterator[Output]:
        """Yield the output that each line is."""
        for line in lines:
            found = _MARK.search(line)
            if found is not None:
                whose = Whose(int(found[1], 16), int(found[2], 16), found[3])
                self._last[pid, stream] = whose
                line = line[found.end() :]
            else:
                whose = self._last.get((pid, stream), _NOBODY)
            yield (*whose, pid, stream, f"{line}\n".encode())


class LogReader:
    """Reads the lines of this job's workers from the head, in a thread.

    Args:
        address: of the head.
        job_id: whose lines.
        show: what is done with them.
    """

    def __init__(self, address: str, job_id: str, show: Callable[[list[Output]], object]) -> None:
        self._job_id = job_id
        self._show = show
        self._lines = Lines()
        self._ended = threading.Event()
        self._subscriber = ray._raylet.GcsLogSubscriber(address=address)
        self._subscriber.subscribe()
        self._thread = threading.Thread(target=self._run, name="ray_jupyter-lines", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Read no further."""
        self._ended.set()
        self._subscriber.close()
        self._thread.join(_POLL_S)

    def _run(self) -> None:
        with contextlib.suppress(OSError, RpcError):  # the head has gone: the watch says so
            while not self._ended.is_set():
                data = self._subscriber.poll(_POLL_S)
                if data is not None and data["job"] == self._job_id:
                    stream = STDERR if data["is_err"] else STDOUT
                    self._show(list(self._lines.outputs(data["lines"], int(data["pid"]), stream)))


def read_from_client(client: Any, show: Callable[[list[Output]], object]) -> None:
    """Have Ray's client hand over what it would print."""
    lines = Lines()

    def stdstream(level: int, msg: str) -> None:
        pid = _PID.search(msg)
        stream = STDERR if level == -2 else STDOUT
        show(list(lines.outputs(msg.splitlines(), int(pid[1]) if pid else 0, stream)))

    client.log_client.stdstream = stdstream
