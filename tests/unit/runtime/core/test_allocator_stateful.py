"""The allocator beside a set of pages."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ray_jupyter.runtime.core.allocator import PAGE_BYTES, Allocator, round_up
from ray_jupyter.testing.memory_models import PageModel
from ray_jupyter.testing.strategies import conversations

ADDRESS_BYTES = 24 * PAGE_BYTES


class AllocatorMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.allocator = Allocator(ADDRESS_BYTES)
        self.model = PageModel(ADDRESS_BYTES)
        self.cooling: dict[int, set[int]] = {}

    @rule(size=st.integers(0, 12 * PAGE_BYTES))
    def allocate(self, size: int) -> None:
        longest = self.model.longest_run()
        found = self.allocator.allocate(size)
        assert (found is not None) == (longest >= round_up(size))
        if found is not None:
            offset, warm = found
            assert (self.model.pages_of(offset, size) <= self.model.warm_pages) == warm
            self.model.allocate(offset, size)

    @precondition(lambda self: self.model.taken)
    @rule(data=st.data(), touched=st.booleans())
    def free(self, data: st.DataObject, touched: bool) -> None:
        offset = data.draw(st.sampled_from(sorted(self.model.taken)))
        size = self.allocator.free(offset, touched=touched)
        assert size == len(self.model.taken[offset]) * PAGE_BYTES
        self.model.free(offset, touched=touched)

    @rule(size=st.integers(1, 10 * PAGE_BYTES))
    def cool(self, size: int) -> None:
        warm_bytes = self.allocator.warm_bytes
        cooled = self.allocator.cool(size)
        pages = [page for at, n in cooled for page in self.model.pages_of(at, n)]
        assert len(set(pages)) == len(pages)
        assert set(pages) <= self.model.warm_pages
        assert len(pages) * PAGE_BYTES == min(warm_bytes, round_up(size))
        for offset, size_bytes in cooled:  # nobody may have them meanwhile
            self.model.allocate(offset, size_bytes)
            self.cooling[offset] = self.model.taken.pop(offset)

    @precondition(lambda self: self.cooling)
    @rule(data=st.data())
    def end_cooling(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(self.cooling)))
        self.allocator.end_cooling(offset)
        self.model.taken[offset] = self.cooling.pop(offset)
        self.model.free(offset, touched=False)

    @invariant()
    def agree(self) -> None:
        taken = sum(len(pages) for pages in self.model.taken.values())
        assert self.allocator.used_bytes == taken * PAGE_BYTES
        assert self.allocator.warm_bytes == len(self.model.warm_pages) * PAGE_BYTES
        extents = self.allocator.free_extents()
        kinds = {p: warm for at, n, warm in extents for p in self.model.pages_of(at, n)}
        assert kinds == {p: p in self.model.warm_pages for p in self.model.free_pages}
        for (at, size, warm), (after, _, next_warm) in pairwise(extents):
            assert at + size < after or warm != next_warm, "free neighbours are not joined"

    def teardown(self) -> None:
        if hasattr(self, "model"):
            for offset in list(self.model.taken):
                self.allocator.free(offset)
            for offset, _ in self.allocator.cool(ADDRESS_BYTES):
                self.cooling[offset] = set()
            for offset in self.cooling:
                self.allocator.end_cooling(offset)
            assert self.allocator.free_extents() == [(0, ADDRESS_BYTES, False)]


TestAllocator = AllocatorMachine.TestCase
TestAllocator.settings = conversations(150, 40)
