"""Which function made an object, as far as it is remembered. Pure.

Two generations of plain dicts: the older one is forgotten as a whole when the younger one is full.
Adding many at once then costs what ``dict.update`` does, some hundredth of a task of a flood.
"""

from __future__ import annotations

from array import array

GENERATION = 100_000
"""So many objects are remembered at least, and twice as many at most."""
UNKNOWN = -1


class Makers:
    """The node of the graph whose task made an object, by the object's id."""

    def __init__(self) -> None:
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}

    def add(self, first_id: int, node: int, number: int = 1) -> None:
        """Note who made so many objects with successive ids."""
        for object_id in range(first_id, first_id + number):
            self._young[object_id] = node
        self._grow_old()

    def add_packed(self, ids: bytes, node: int) -> None:
        """Note who made objects whose ids come as in ``Group.ids``."""
        self._young.update(dict.fromkeys(array("q", ids), node))
        self._grow_old()

    def of(self, object_id: int) -> int:
        """Return the node, or ``UNKNOWN``."""
        found = self._young.get(object_id)
        return self._old.get(object_id, UNKNOWN) if found is None else found

    def _grow_old(self) -> None:
        if len(self._young) > GENERATION:
            self._old, self._young = self._young, {}
