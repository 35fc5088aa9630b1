"""One line on stderr that says how far some work is; nothing but text and a carriage return."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

_PERIOD_S = 0.1


class Progress:
    """The line. Where a line cannot be rewritten (a file, a pipe) only the last one is written.

    Args:
        name: what is being done.
        total: how many steps there are, ``None`` if nobody knows.
        stream: default: ``sys.stderr`` as it is now.
        clock: returns seconds.
    """

    def __init__(
        self, name: str, total: int | None, stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._name = name
        self._total = total
        self._stream = stream or sys.stderr
        self._clock = clock
        self._begin_s = clock()
        self._done = 0
        self._width = 0
        self._next_s = self._begin_s
        self._is_live = _rewrites_lines(self._stream)
        self._show()

    def advance(self) -> None:
        """One more step is done."""
        self._done += 1
        self._show()

    def close(self) -> None:
        """Leave the last line standing."""
        self._write(self._line(), end="\n")

    def _show(self) -> None:
        now_s = self._clock()
        if self._is_live and now_s >= self._next_s:
            self._next_s = now_s + _PERIOD_S
            self._write(self._line())

    def _line(self) -> str:
        spent_s = self._clock() - self._begin_s
        if self._total is None:
            return f"{self._name}: {self._done} · {spent_s:.1f} s"
        line = f"{self._name}: {self._done}/{self._total} · {spent_s:.1f} s"
        if 0 < self._done < self._total:
            line += f" · {spent_s / self._done * (self._total - self._done):.1f} s left"
        return line

    def _write(self, line: str, end: str = "") -> None:
        start = "\r" if self._is_live else ""
        padding = " " * (self._width - len(line))
        self._width = len(line)
        self._stream.write(start + line + padding + end)
        self._stream.flush()


def _rewrites_lines(stream: TextIO) -> bool:
    """Return whether a carriage return goes back to the line's start: terminals, notebooks."""
    return type(stream).__module__.startswith("ipykernel") or stream.isatty()
