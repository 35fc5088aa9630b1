"""How many references this process has to each object.

A new ``ObjectRef`` counts at once, under the client's lock. A dead one is only noted:
``__del__`` runs in any thread, at any bytecode, perhaps while that lock is held, so it
appends to a deque that ``collect`` empties later. The scheduler hears of 0 → 1 and 1 → 0.
"""

from __future__ import annotations

from collections import deque


class Counts:
    """The counts of one process. All methods but ``drop`` need the client's lock."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._dropped: deque[int] = deque()
        self.drop = self._dropped.append
        """Tells that one reference died; may be called anywhere."""

    def __contains__(self, object_id: int) -> bool:
        return object_id in self._counts

    def begin(self, object_id: int) -> None:
        """Count the first reference to an object made here (the scheduler counts it too)."""
        self._counts[object_id] = 1

    def add(self, object_id: int) -> bool:
        """Count one more; return whether it is the first, which the scheduler must hear."""
        count = self._counts.get(object_id, 0)
        self._counts[object_id] = count + 1
        return not count

    def now(self) -> dict[int, int]:
        """Return how many references there are to each object."""
        return dict(self._counts)

    def collect(self) -> list[int]:
        """Settle the dead; return the objects that have no reference here any more."""
        released: list[int] = []
        dropped, counts = self._dropped, self._counts
        while dropped:
            object_id = dropped.popleft()
            count = counts.get(object_id, 0) - 1
            if count < 0:
                continue  # an interrupt came before it was counted
            if count:
                counts[object_id] = count
            else:
                del counts[object_id]
                released.append(object_id)
        return released
