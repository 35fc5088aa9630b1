"""Busy time is neither lost nor made when bins get wider."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_jupyter.dashboard.bins import BINS_MAX, BINS_MIN, CELLS_MAX, FIRST_WIDTH_US, Bins

spans = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 10**8), st.integers(1, 10**7)),
    min_size=1,
    max_size=30,
)


@given(spans)
def test_busy_time_is_kept(given_spans: list[tuple[int, int, int, int]]) -> None:
    bins = Bins()
    for lane, node, start_us, took_us in given_spans:
        bins.add(lane, node, start_us, start_us + took_us, took_us)
    busy_us = sum(sum(cell.values()) for lane in bins._lanes.values() for cell in lane.values())
    # Each share of a bin is rounded down.
    assert 0 <= sum(s[3] for s in given_spans) - busy_us <= len(given_spans) * BINS_MAX
    for rows in bins.rows().values():
        assert [row[0] for row in rows] == sorted({row[0] for row in rows})
        assert all(0 <= row[1] <= 1000 for row in rows)
        assert len(rows) <= BINS_MAX


def test_the_node_with_most_of_a_bin_gives_it_its_colour() -> None:
    bins = Bins()
    bins.add(0, 1, 0, FIRST_WIDTH_US, FIRST_WIDTH_US // 4)
    bins.add(0, 2, 0, FIRST_WIDTH_US, FIRST_WIDTH_US // 2)
    assert bins.rows() == {0: [[0, 750, 2]]}


def test_only_what_changed_is_told() -> None:
    bins = Bins()
    bins.add(0, 1, 0, 10, 10)
    bins.changed.clear()
    bins.add(1, 1, 3 * FIRST_WIDTH_US, 3 * FIRST_WIDTH_US + 10, 10)
    assert list(bins.rows(bins.changed)) == [1]


@pytest.mark.parametrize("lanes", [1, 16, 200])
def test_however_many_lanes_there_are_few_cells(lanes: int) -> None:
    bins = Bins()
    for lane in range(lanes):
        bins.add(lane, 0, 0, 10**9, 10**9)
    bins.add(0, 0, 10**9, 2 * 10**9, 10**9)
    cells = sum(len(rows) for rows in bins.rows().values())
    assert cells <= max(CELLS_MAX, BINS_MIN * lanes) + BINS_MAX


def test_nothing_takes_no_room() -> None:
    bins = Bins()
    bins.add(0, 1, 5, 5, 0)
    assert bins.rows() == {}
