"""Which of some objects are still missing."""

from __future__ import annotations

from collections.abc import Container, Sequence


class Missing:
    """Watches until ``needed`` of ``ids`` are in ``there``.

    Looking again costs what has come since the last look, not the number of ids, when all
    are needed: ``get`` of 10,000 results looks hundreds of times.
    """

    __slots__ = ("_allowed", "_missing", "_there")

    def __init__(self, ids: Sequence[int], needed: int, there: Container[int]) -> None:
        self._missing = list(ids)
        self._allowed = len(ids) - needed
        self._there = there

    def is_over(self) -> bool:
        """Return whether enough objects are there."""
        missing, there = self._missing, self._there
        if self._allowed:
            self._missing = missing = [i for i in missing if i not in there]
        else:
            while missing and missing[-1] in there:
                missing.pop()
        return len(missing) <= self._allowed
