"""Which function made an object, as far as it is remembered. Pure.

Two generations: the older one is forgotten as a whole when the younger one is full. What comes packed
stays so until somebody asks for an object that may be in it: in a flood of tasks that take no
results nobody does, and a flood is when the time counts.
"""

from __future__ import annotations

from array import array

GENERATION = 100_000
"""So many objects are remembered at least, and twice as many at most."""
UNKNOWN = -1


class _Generation:
    """Objects with their nodes; ``number`` counts those still packed as well."""

    __slots__ = ("_known", "_packed", "number")

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._packed: list[tuple[bytes, int]] = []
        self.number = 0

    def add(self, object_id: int, node: int) -> None:
        self._known[object_id] = node
        self.number += 1

    def add_packed(self, ids: bytes, node: int) -> None:
        self._packed.append((ids, node))
        self.number += len(ids) // 8

    def of(self, object_id: int) -> int:
        found = self._known.get(object_id)
        if found is None and self._packed:
            self._unpack()
            found = self._known.get(object_id)
        return UNKNOWN if found is None else found

    def _unpack(self) -> None:
        for ids, node in self._packed:
            for object_id in array("q", ids):
                self._known.setdefault(object_id, node)  # what was told since counts more
        self._packed.clear()


class Makers:
    """The node of the graph whose task made an object, by the object's id."""

    def __init__(self) -> None:
        self._young, self._old = _Generation(), _Generation()

    def add(self, first_id: int, node: int, number: int = 1) -> None:
        """Note who made so many objects with successive ids."""
        for object_id in range(first_id, first_id + number):
            self._young.add(object_id, node)
        self._grow_old()

    def add_packed(self, ids: bytes, node: int) -> None:
        """Note who made objects whose ids come as in ``Group.ids``."""
        self._young.add_packed(ids, node)
        self._grow_old()

    def of(self, object_id: int) -> int:
        """Return the node, or ``UNKNOWN``; 0 is the parent of what the driver submits."""
        if not object_id:
            return UNKNOWN
        found = self._young.of(object_id)
        return self._old.of(object_id) if found == UNKNOWN else found

    def _grow_old(self) -> None:
        if self._young.number > GENERATION:
            self._old, self._young = self._young, _Generation()
