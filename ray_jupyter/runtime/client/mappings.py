"""Which stored objects this process looks at, and when it stops.

The scheduler counts a pin for every stored descriptor it delivers. This process gives the
pins of an object back when it neither

* keeps the descriptor (a reference lives), nor
* uses it (a task that needs it waits in the inbox, or its value is being loaded), nor
* has a view of it (an array lives). A view is noticed through a weak reference to the one
  array that all others are made from (see ``Segment.array``).
"""

from __future__ import annotations

import weakref
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ray_jupyter.runtime.store.segment import Segment


class _Mapping:
    __slots__ = ("deliveries", "kept", "uses", "views")

    def __init__(self) -> None:
        self.deliveries = 0
        self.kept = False
        self.uses = 0
        self.views = 0


class _View(weakref.ref):  # type: ignore[type-arg]
    __slots__ = ("object_id",)

    object_id: int


class Mappings:
    """Pins of one process. All methods but the callback need the client's lock."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._mappings: dict[int, _Mapping] = {}
        self._views: dict[int, _View] = {}
        self._ended: deque[_View] = deque()
        self._unpinned: list[int] = []

    def delivered(self, object_id: int) -> None:
        """A stored descriptor came: one pin more."""
        mapping = self._mappings.get(object_id)
        if mapping is None:
            mapping = self._mappings[object_id] = _Mapping()
        mapping.deliveries += 1

    def begin_use(self, object_id: int) -> None:
        """Somebody is about to load the object, sooner or later."""
        self._mappings[object_id].uses += 1

    def end_use(self, object_id: int) -> None:
        """The object has been loaded, or will not be."""
        mapping = self._mappings[object_id]
        mapping.uses -= 1
        self._settle(object_id, mapping)

    def keep(self, object_id: int) -> None:
        """The descriptor is remembered, so the address must stay good."""
        self._mappings[object_id].kept = True

    def forget(self, object_id: int) -> None:
        """The descriptor is not remembered any more."""
        mapping = self._mappings.get(object_id)
        if mapping is not None:
            mapping.kept = False
            self._settle(object_id, mapping)

    def view(self, object_id: int, offset: int, size_bytes: int) -> memoryview:
        """Return the object's bytes; whatever is made of them keeps them in place."""
        array = self._segment.array(offset, size_bytes)
        view = _View(array, self._ended.append)
        view.object_id = object_id
        self._views[id(view)] = view
        self._mappings[object_id].views += 1
        return memoryview(array)

    def views(self) -> dict[int, int]:
        """Return, by the ``id`` of each array that is looked at, which object it is."""
        alive = ((view(), view.object_id) for view in list(self._views.values()))
        return {id(array): object_id for array, object_id in alive if array is not None}

    def collect(self) -> list[int]:
        """Return the ids to unpin, one entry per pin."""
        ended = self._ended
        while ended:
            view = ended.popleft()
            if self._views.pop(id(view), None) is None:
                continue  # ended while it was being made
            mapping = self._mappings[view.object_id]
            mapping.views -= 1
            self._settle(view.object_id, mapping)
        unpinned, self._unpinned = self._unpinned, []
        return unpinned

    def reclaimable(self) -> list[int]:
        """Return the objects that only a remembered descriptor keeps mapped."""
        return [k for k, m in self._mappings.items() if m.kept and not m.views and not m.uses]

    @property
    def has_ended(self) -> bool:
        """Whether ``collect`` has something to do."""
        return bool(self._ended or self._unpinned)

    def _settle(self, object_id: int, mapping: _Mapping) -> None:
        if not mapping.kept and not mapping.views and not mapping.uses:
            del self._mappings[object_id]
            self._unpinned += [object_id] * mapping.deliveries
