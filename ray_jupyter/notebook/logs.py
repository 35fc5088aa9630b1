"""The last lines that tasks printed, for ``%ray_logs``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from ray_jupyter.notebook.lines import visible


class Line(NamedTuple):
    """One line, or what was printed of it."""

    root: int
    task_id: int
    name: str
    pid: int
    text: str


class Logs:
    """Keeps so many characters; older ones go."""

    def __init__(self, limit_chars: int = 20_000_000) -> None:
        self._limit_chars = limit_chars
        self._chars = 0
        self._pieces: deque[Line] = deque()
        self.forgot = False
        """Whether something is not here any more."""

    def add(self, piece: Line) -> None:
        """Remember what came; not always a whole line."""
        self._pieces.append(piece)
        self._chars += len(piece.text)
        while self._chars > self._limit_chars:
            self._chars -= len(self._pieces.popleft().text)
            self.forgot = True

    def names(self) -> list[str]:
        """Return the names of the tasks that printed something."""
        return list(dict.fromkeys(piece.name for piece in list(self._pieces)))

    def lines(self, wanted: Callable[[Line], bool]) -> list[Line]:
        """Return the whole lines of the wanted tasks, each put together from its pieces."""
        found: list[Line] = []
        begun: dict[tuple[int, int], Line] = {}
        for piece in list(self._pieces):
            if not wanted(piece):
                continue
            key = piece.pid, piece.task_id
            before = begun.pop(key, None)
            text = before.text + piece.text if before is not None else piece.text
            *whole, rest = text.split("\n")
            found += [piece._replace(text=visible(line)) for line in whole]
            if rest:
                begun[key] = piece._replace(text=rest)
        return found + [line._replace(text=visible(line.text)) for line in begun.values()]
