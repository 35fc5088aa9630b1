"""Slow models of memory: who holds and looks at what, and which pages are taken."""

from __future__ import annotations

from collections import Counter

from ray_jupyter.runtime.core.allocator import PAGE_BYTES


class StoreModel:
    """Objects in memory: who holds them, who looks at them, what must still be there."""

    def __init__(self) -> None:
        self.contained: dict[int, tuple[int, ...]] = {}
        self.held: dict[int, set[int]] = {}
        self.looks: dict[int, Counter[int]] = {}
        self.written: set[int] = set()
        """What is being written to disk just now."""

    def existing(self) -> set[int]:
        """Return the objects that somebody can reach, also from inside of what is looked at."""
        found: set[int] = set()
        todo = [i for held in self.held.values() for i in held]
        todo += [i for seen in self.seen() | self.written for i in self.contained[seen]]
        while todo:
            object_id = todo.pop()
            if object_id not in found:
                found.add(object_id)
                todo += self.contained[object_id]
        return found

    def seen(self) -> set[int]:
        """Return the objects whose memory somebody looks at."""
        return {i for looks in self.looks.values() for i, count in looks.items() if count}

    def in_memory(self) -> set[int]:
        """Return the objects whose bytes must be there."""
        return self.existing() | self.seen() | self.written


class PageModel:
    """An allocator: the set of pages that are taken, and who took them."""

    def __init__(self, address_bytes: int) -> None:
        self.pages = set(range(address_bytes // PAGE_BYTES))
        self.free_pages = set(self.pages)
        self.warm_pages: set[int] = set()
        self.taken: dict[int, set[int]] = {}

    def pages_of(self, offset: int, size_bytes: int) -> set[int]:
        """Return the pages of an extent."""
        first = offset // PAGE_BYTES
        return set(range(first, first + max(1, -(-size_bytes // PAGE_BYTES))))

    def allocate(self, offset: int, size_bytes: int) -> None:
        """The allocator gave out an extent: it must have been free."""
        pages = self.pages_of(offset, size_bytes)
        assert pages <= self.free_pages, f"pages {pages - self.free_pages} are taken"
        self.free_pages -= pages
        self.warm_pages -= pages
        self.taken[offset] = pages

    def free(self, offset: int, *, touched: bool) -> None:
        """An extent comes back."""
        pages = self.taken.pop(offset)
        self.free_pages |= pages
        if touched:
            self.warm_pages |= pages

    def longest_run(self) -> int:
        """Return how many bytes of one kind are free in one piece."""
        longest = run = 0
        for page in sorted(self.pages):
            if page not in self.free_pages:
                run = 0
            elif page - 1 in self.free_pages and (
                (page in self.warm_pages) == (page - 1 in self.warm_pages)
            ):
                run += 1
            else:
                run = 1
            longest = max(longest, run)
        return longest * PAGE_BYTES
