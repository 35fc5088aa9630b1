"""Boxes of a graph in a picture: nothing overlaps, and what has no neighbours wraps."""

from __future__ import annotations

from itertools import combinations

from ray_jupyter.dashboard.shelves import arrange

SIZE = (150.0, 46.0)
ROOM = 732.0


def boxes_apart(places: dict[int, tuple[float, float]]) -> bool:
    return all(
        abs(x - to_x) >= SIZE[0] or abs(y - to_y) >= SIZE[1]
        for (x, y), (to_x, to_y) in combinations(places.values(), 2)
    )


def right_end(places: dict[int, tuple[float, float]]) -> float:
    return max(x for x, _ in places.values()) + SIZE[0] / 2


def test_parts_that_touch_nobody_wrap() -> None:
    places, bends = arrange(range(12), [], SIZE, ROOM)
    assert boxes_apart(places)
    assert right_end(places) <= ROOM
    assert min(x for x, _ in places.values()) == SIZE[0] / 2
    assert len({y for _, y in places.values()}) == 3
    assert bends == {}


def test_what_is_connected_stays_together_and_keeps_its_direction() -> None:
    edges = [(0, 5), (5, 9), (0, 9), (1, 2), (3, 4)]
    places, bends = arrange(range(12), edges, SIZE, ROOM)
    assert boxes_apart(places)
    assert right_end(places) <= ROOM
    assert all(places[above][1] < places[below][1] for above, below in edges)
    assert bends.keys() <= set(edges)


def test_a_wide_part_is_left_as_it_is() -> None:
    edges = [(0, leaf) for leaf in range(1, 10)]
    places, _ = arrange(range(11), edges, SIZE, ROOM)
    assert boxes_apart(places)
    assert right_end(places) > ROOM
    assert places[10][0] == SIZE[0] / 2  # on a shelf of its own, below
    assert places[10][1] > max(places[leaf][1] for leaf in range(10))


def test_nothing_takes_no_room() -> None:
    assert arrange([], [], SIZE, ROOM) == ({}, {})
