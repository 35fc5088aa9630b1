"""What tasks print, on its way from a worker's pipe to the driver: which bytes are whose.

A worker's standard streams are pipes. Where what follows is another task's, the worker writes
a *mark* into the pipe: an escape sequence of the kind that terminals ignore (APC). In the pipe,
and not in a message, so that what was printed survives the worker, and costs nothing where
nothing is printed.
"""

from __future__ import annotations

import re

STDOUT, STDERR, RICH = 1, 2, 3
"""Where it went: the streams, by their descriptors; or what ``display`` was given."""
FAILURE = 4
"""Stands for a stream: the text is the beginning of a pickled error that nobody asked for."""
Output = tuple[int, int, str, int, int, bytes]
"""(root task id, task id, task name, worker pid, stream, data): a root is the task, of the driver,
that a task descends from. What no task printed has ids 0. What is ``RICH`` is the JSON of
(type, content) of a message of the Jupyter protocol."""

_MARK = re.compile(rb"\x1b_rj(\+?)([0-9a-f]+)\x1b\\")
_CUT_MARK = re.compile(rb"\x1b(?:_(?:r(?:j\+?[0-9a-f]{0,16}\x1b?)?)?)?\Z")
_LONGEST_BYTES = len(b"\x1b_rj+\x1b\\") + 16

Piece = tuple[int, bool, bytes]
"""(task id, whether it is rich, data)."""


def mark(task_id: int) -> bytes:
    """Return what goes into the pipe before the output of a task."""
    return b"\x1b_rj%x\x1b\\" % task_id


def framed(rich: bytes) -> bytes:
    """Return what goes into the pipe of ``STDOUT`` for what is rich; of the task that is marked."""
    return b"\x1b_rj+%x\x1b\\%b" % (len(rich), rich)


class Splitter:
    """Takes one pipe's bytes apart, as they come in pieces of any size."""

    __slots__ = ("_missing", "_rest", "_rich", "task_id")

    def __init__(self) -> None:
        self._rest = b""
        self._rich: list[bytes] = []
        self._missing = 0
        """Bytes of something rich that have not come."""
        self.task_id = 0
        """Whose the next bytes are, says the last mark."""

    def feed(self, data: bytes) -> list[Piece]:
        """Return pieces in order; a mark that was cut is kept for the next call."""
        pieces: list[Piece] = []
        data, self._rest = self._rest + data, b""
        while data:
            if self._missing:
                data = self._take_rich(data, pieces)
                continue
            found = _MARK.search(data)
            if found is None:
                cut = _CUT_MARK.search(data, max(0, len(data) - _LONGEST_BYTES))
                data, self._rest = (data[: cut.start()], cut[0]) if cut else (data, b"")
            text = data[: found.start()] if found else data
            if text:
                pieces.append((self.task_id, False, text))
            if found is None:
                break
            if found[1]:
                self._missing = int(found[2], 16)
            else:
                self.task_id = int(found[2], 16)
            data = data[found.end() :]
        return pieces

    def _take_rich(self, data: bytes, pieces: list[Piece]) -> bytes:
        self._rich.append(data[: self._missing])
        rest = data[self._missing :]
        self._missing -= len(self._rich[-1])
        if not self._missing:
            pieces.append((self.task_id, True, b"".join(self._rich)))
            self._rich = []
        return rest

    def end(self) -> list[Piece]:
        """Return what is left when nothing more will come."""
        rest, self._rest = self._rest, b""
        return [(self.task_id, False, rest)] if rest else []
