"""Extents: which one is taken, and what joins."""

from __future__ import annotations

import pytest

from ray_jupyter.runtime.core.allocator import PAGE_BYTES, Allocator, round_up

PAGE = PAGE_BYTES


@pytest.mark.parametrize(("size", "pages"), [(0, 1), (1, 1), (PAGE, 1), (PAGE + 1, 2)])
def test_sizes_are_whole_pages(size: int, pages: int) -> None:
    assert round_up(size) == pages * PAGE


def test_warm_pages_are_used_first() -> None:
    allocator = Allocator(8 * PAGE)
    assert allocator.allocate(PAGE) == (0, False)
    allocator.free(0)
    assert allocator.allocate(PAGE) == (0, True)
    assert allocator.allocate(PAGE) == (PAGE, False)


def test_the_smallest_extent_that_fits_is_taken() -> None:
    allocator = Allocator(8 * PAGE)
    for _ in range(8):
        allocator.allocate(PAGE)
    for page in (0, 1, 2, 5):
        allocator.free(page * PAGE)
    assert allocator.allocate(PAGE) == (5 * PAGE, True)


def test_of_equal_extents_the_last_freed_is_taken() -> None:
    allocator = Allocator(4 * PAGE)
    for _ in range(4):
        allocator.allocate(PAGE)
    allocator.free(2 * PAGE)
    allocator.free(0)
    assert allocator.allocate(PAGE) == (0, True)


def test_nothing_is_found_when_no_piece_is_large_enough() -> None:
    allocator = Allocator(3 * PAGE)
    for _ in range(3):
        allocator.allocate(PAGE)
    allocator.free(0)
    allocator.free(2 * PAGE)
    assert allocator.allocate(2 * PAGE) is None
    assert allocator.used_bytes == PAGE


def test_pages_that_cool_are_nobodys_until_it_is_done() -> None:
    allocator = Allocator(2 * PAGE)
    allocator.allocate(2 * PAGE)
    allocator.free(0)
    assert allocator.cool(PAGE) == [(PAGE, PAGE)]
    assert allocator.allocate(2 * PAGE) is None
    allocator.end_cooling(PAGE)
    assert allocator.allocate(PAGE) == (0, True)
    assert allocator.allocate(PAGE) == (PAGE, False)


def test_an_extent_that_was_not_allocated_cannot_come_back() -> None:
    with pytest.raises(KeyError):
        Allocator(PAGE).free(0)
