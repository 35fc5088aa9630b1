"""Who made what is remembered, packed or not, two generations of it."""

from __future__ import annotations

from array import array

import pytest

from ray_jupyter.dashboard import makers
from ray_jupyter.dashboard.makers import UNKNOWN, Makers


def test_what_came_packed_is_found_beside_what_was_told() -> None:
    made = Makers()
    made.add(1, 7)
    made.add_packed(array("q", [2, 3]).tobytes(), 8)
    made.add(3, 9, 2)
    assert [made.of(i) for i in (1, 2, 3, 4, 5)] == [7, 8, 9, 9, UNKNOWN]


def test_nobody_is_the_parent_of_what_the_driver_submits() -> None:
    assert Makers().of(0) == UNKNOWN


def test_the_older_generation_goes_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(makers, "GENERATION", 2)
    made = Makers()
    made.add_packed(array("q", [1, 2, 3]).tobytes(), 5)
    assert made.of(1) == 5
    made.add(4, 6, 3)
    assert (made.of(1), made.of(4)) == (UNKNOWN, 6)
