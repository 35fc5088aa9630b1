"""Which bytes of the segment are free: pure arithmetic over one address range.

The segment is sparse: its addresses cost nothing until they are written. So there are
many more addresses than memory, and two kinds of free extents:

* *warm* ones have pages behind them. Writing there is nine times faster than to fresh
  pages, so they are reused first, and they count as memory in use by the system.
* *cold* ones have none.

Neighbours of one kind are joined at once. Extents are taken best fit, from the most
recently freed among equals (its pages are mapped in whoever wrote them last).
"""

from __future__ import annotations

from bisect import bisect_left, insort

PAGE_BYTES = 4096


def round_up(size_bytes: int) -> int:
    """Return the size of the extent that holds ``size_bytes``."""
    return max(PAGE_BYTES, -(-size_bytes // PAGE_BYTES) * PAGE_BYTES)


class _FreeExtents:
    """Free extents of one kind, by size and by either end."""

    def __init__(self) -> None:
        self.by_size: list[tuple[int, int, int]] = []  # (size, -age, offset)
        self.by_start: dict[int, tuple[int, int]] = {}  # offset -> (size, -age)
        self.by_end: dict[int, int] = {}  # end -> offset
        self.total_bytes = 0

    def add(self, offset: int, size: int, age: int) -> None:
        before = self.by_end.get(offset)
        if before is not None:
            size += self.remove(before)
            offset = before
        after = offset + size
        if after in self.by_start:
            size += self.remove(after)
        insort(self.by_size, (size, -age, offset))
        self.by_start[offset] = (size, -age)
        self.by_end[offset + size] = offset
        self.total_bytes += size

    def remove(self, offset: int) -> int:
        size, age = self.by_start.pop(offset)
        del self.by_end[offset + size]
        del self.by_size[bisect_left(self.by_size, (size, age, offset))]
        self.total_bytes -= size
        return size

    def best_fit(self, size: int) -> int | None:
        at = bisect_left(self.by_size, (size,))
        return self.by_size[at][2] if at < len(self.by_size) else None


class Allocator:
    """Extents of ``[0, address_bytes)``.

    Attributes:
        used_bytes: allocated.
        warm_bytes: free, with pages behind them.
        allocated: sizes by offset.
        cooling: sizes by offset of extents whose pages are being given back.
    """

    def __init__(self, address_bytes: int) -> None:
        self.address_bytes = address_bytes
        self.used_bytes = 0
        self.allocated: dict[int, int] = {}
        self.cooling: dict[int, int] = {}
        self._warm = _FreeExtents()
        self._cold = _FreeExtents()
        self._cold.add(0, address_bytes // PAGE_BYTES * PAGE_BYTES, 0)
        self._age = 0

    @property
    def warm_bytes(self) -> int:
        """Free bytes with pages behind them."""
        return self._warm.total_bytes

    def allocate(self, size_bytes: int) -> tuple[int, bool] | None:
        """Return (offset, warm), or ``None`` when no free extent is large enough."""
        size = round_up(size_bytes)
        for extents, warm in ((self._warm, True), (self._cold, False)):
            offset = extents.best_fit(size)
            if offset is not None:
                rest = extents.remove(offset) - size
                if rest:
                    extents.add(offset + size, rest, self._age)
                self.allocated[offset] = size
                self.used_bytes += size
                return offset, warm
        return None

    def free(self, offset: int, *, touched: bool = True) -> int:
        """Take an extent back and return its size; ``touched`` says it was written to.

        Raises:
            KeyError: no extent was allocated there.
        """
        size = self.allocated.pop(offset)
        self.used_bytes -= size
        self._age += 1
        (self._warm if touched else self._cold).add(offset, size, self._age)
        return size

    def cool(self, size_bytes: int) -> list[tuple[int, int]]:
        """Take warm extents, largest first, ``size_bytes`` in all; return (offset, size) each.

        Nobody gets them until ``end_cooling``: a page that is given back to the system
        after somebody else wrote to it would take that with it.
        """
        cooled: list[tuple[int, int]] = []
        while size_bytes > 0 and self._warm.by_size:
            size, _, offset = self._warm.by_size[-1]
            self._warm.remove(offset)
            if size > size_bytes:
                keep = size - round_up(size_bytes)
                if keep > 0:
                    self._warm.add(offset, keep, self._age)
                    offset, size = offset + keep, size - keep
            self.cooling[offset] = size
            cooled.append((offset, size))
            size_bytes -= size
        return cooled

    def end_cooling(self, offset: int) -> None:
        """The pages of the extent are gone; it may be used again."""
        self._cold.add(offset, self.cooling.pop(offset), self._age)

    def free_extents(self) -> list[tuple[int, int, bool]]:
        """Return every free extent as (offset, size, warm), by offset; for tests and views."""
        warm = [(at, size, True) for at, (size, _) in self._warm.by_start.items()]
        cold = [(at, size, False) for at, (size, _) in self._cold.by_start.items()]
        return sorted(warm + cold)
