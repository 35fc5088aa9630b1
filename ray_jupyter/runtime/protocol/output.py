"""What tasks print, on its way from a worker's pipe to the driver: which bytes are whose.

A worker's standard streams are pipes. Where what follows is another task's, the worker writes
a *mark* into the pipe: an escape sequence of the kind that terminals ignore (APC). In the pipe,
and not in a message, so that what was printed survives the worker, and costs nothing where
nothing is printed.
"""

from __future__ import annotations

import re

STDOUT, STDERR = 1, 2
"""The streams, by their descriptors."""
Output = tuple[int, int, str, int, int, bytes]
"""(root task id, task id, task name, worker pid, stream, text): a root is the task, of the driver,
that a task descends from. What no task printed has ids 0."""

_MARK = re.compile(rb"\x1b_rj([0-9a-f]+)\x1b\\")
_CUT_MARK = re.compile(rb"\x1b(?:_(?:r(?:j[0-9a-f]{0,16}\x1b?)?)?)?\Z")
_LONGEST_BYTES = len(b"\x1b_rj\x1b\\") + 16


def mark(task_id: int) -> bytes:
    """Return what goes into the pipe before the output of a task."""
    return b"\x1b_rj%x\x1b\\" % task_id


class Splitter:
    """Takes one pipe's bytes apart, as they come in pieces of any size."""

    __slots__ = ("_rest", "task_id")

    def __init__(self) -> None:
        self._rest = b""
        self.task_id = 0
        """Whose the next bytes are, says the last mark."""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return (task id, text) pieces in order; a mark that was cut is kept for the next call."""
        data = self._rest + data
        cut = _CUT_MARK.search(data, max(0, len(data) - _LONGEST_BYTES))
        data, self._rest = (data[: cut.start()], cut[0]) if cut else (data, b"")
        pieces: list[tuple[int, bytes]] = []
        at = 0
        for found in _MARK.finditer(data):
            if found.start() > at:
                pieces.append((self.task_id, data[at : found.start()]))
            self.task_id = int(found[1], 16)
            at = found.end()
        if at < len(data):
            pieces.append((self.task_id, data[at:]))
        return pieces

    def end(self) -> list[tuple[int, bytes]]:
        """Return what is left when nothing more will come."""
        rest, self._rest = self._rest, b""
        return [(self.task_id, rest)] if rest else []
