"""What many processes print, made readable in one place. Pure: text in, text out.

Lives here: lines that many workers print alike, lines that are overwritten (progress bars), floods.
Does not: where anything is shown (``output``).
"""

from __future__ import annotations

from collections.abc import Iterable

ALIKE = 3
"""From so many workers on, a line that all of them print is shown once."""

_LINE_CHARS = 10_000
"""So much is remembered of a line without an end."""

Chunk = tuple[int, str]
"""(pid, text)."""


def collapse(chunks: Iterable[Chunk]) -> str:
    """Return the text of all; a line of many workers once, as ``line ×16 workers``."""
    chunks = list(chunks)
    if len({pid for pid, _ in chunks}) < ALIKE:
        return "".join(text for _, text in chunks)
    lines = [(pid, line) for pid, text in chunks for line in text.splitlines(keepends=True)]
    workers: dict[str, set[int]] = {}
    for pid, line in lines:
        if line.endswith("\n") and line.strip():
            workers.setdefault(line, set()).add(pid)
    alike = {line: len(pids) for line, pids in workers.items() if len(pids) >= ALIKE}
    shown: dict[str, None] = {}
    text = []
    for _, line in lines:
        if line not in alike:
            text.append(line)
        elif line not in shown:
            shown[line] = None
            text.append(f"{line[:-1]} ×{alike[line]} workers\n")
    return "".join(text)


class Overwriting:
    """One pipe in which lines may be overwritten: a carriage return goes back to their start.

    Attributes:
        bar: the line that is being overwritten, as it looks now; empty if none is.
    """

    def __init__(self) -> None:
        self.bar = ""
        self._line = ""
        """What the line looks like that has no end yet; after a return, if it was overwritten."""
        self._begun = False
        """Whether that has been shown in part."""

    def feed(self, text: str) -> str:
        """Return what can be shown for good: whole lines, and what nothing has overwritten."""
        *lines, rest = text.replace("\r\n", "\n").split("\n")
        shown = "".join(map(self._settled, lines))
        line = self._line + rest
        if "\r" in line:
            self.bar, last = visible(line), line.rpartition("\r")[2]
            self._line = f"\r{last}" if last.strip() else f"\r{self.bar}\r{last}"
            return shown
        self._line, self._begun = line[-_LINE_CHARS:], bool(line)
        return shown + rest

    def end(self) -> str:
        """Return the line that nothing will overwrite any more."""
        return self._settled("") if self.bar else ""

    def _settled(self, rest: str) -> str:
        line, begun = self._line + rest, self._begun
        self._line, self._begun, self.bar = "", False, ""
        if "\r" not in line:
            return f"{rest}\n"
        return f"{chr(13) if begun else ''}{visible(line)}\n"


def visible(line: str) -> str:
    """Return what a line looks like that was written over itself."""
    return next((part for part in reversed(line.split("\r")) if part.strip()), "")


class Budget:
    """How much one cell may show."""

    def __init__(self) -> None:
        self.shown_chars = 0
        self.is_spent = False

    def take(self, text: str, limit_chars: int) -> str:
        """Return the text, or its beginning and that the rest is elsewhere, or nothing."""
        if self.is_spent:
            return ""
        left = limit_chars - self.shown_chars
        self.shown_chars += len(text)
        if self.shown_chars <= limit_chars:
            return text
        self.is_spent = True
        return (
            f"{text[:left]}\n… the tasks of this cell printed more than {limit_chars:,} "
            "characters; %ray_logs has the rest\n"
        )
