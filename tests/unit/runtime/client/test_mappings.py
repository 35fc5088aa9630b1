"""Pins are given back when neither descriptor, use nor view is left; never earlier."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest

from ray_jupyter.runtime.client.mappings import Mappings
from ray_jupyter.runtime.store import segment
from ray_jupyter.runtime.store.segment import Segment

SIZE_BYTES = 1 << 20


@pytest.fixture
def mappings() -> Iterator[Mappings]:
    memory = Segment(segment.create(SIZE_BYTES), SIZE_BYTES)
    yield Mappings(memory)
    memory.close()


def test_a_kept_descriptor_pins_until_it_is_forgotten(mappings: Mappings) -> None:
    mappings.delivered(7)
    mappings.keep(7)
    assert mappings.collect() == []
    mappings.forget(7)
    assert mappings.has_ended
    assert mappings.collect() == [7]
    assert not mappings.has_ended


def test_every_delivery_is_given_back(mappings: Mappings) -> None:
    for _ in range(3):
        mappings.delivered(7)
        mappings.keep(7)
    mappings.forget(7)
    assert mappings.collect() == [7, 7, 7]


def test_a_view_pins_after_the_descriptor_is_forgotten(mappings: Mappings) -> None:
    mappings.delivered(7)
    mappings.keep(7)
    view = mappings.view(7, 4096, 100)
    mappings.forget(7)
    assert mappings.collect() == []
    derived = np.frombuffer(view, np.uint8)[10:20]
    del view
    assert mappings.collect() == []
    del derived
    gc.collect()
    assert mappings.collect() == [7]


def test_each_of_several_views_pins(mappings: Mappings) -> None:
    mappings.delivered(7)
    views = [mappings.view(7, 0, 100) for _ in range(3)]
    while views:
        assert mappings.collect() == []
        views.pop()
    assert mappings.collect() == [7]


def test_a_use_pins_while_another_one_ends(mappings: Mappings) -> None:
    for _ in range(2):  # two tasks of one dependency wait in the inbox
        mappings.delivered(7)
        mappings.begin_use(7)
    view = mappings.view(7, 0, 100)
    mappings.end_use(7)
    del view
    assert mappings.collect() == [], "the second task has not looked yet"
    mappings.end_use(7)
    assert mappings.collect() == [7, 7]


def test_a_second_life_counts_anew(mappings: Mappings) -> None:
    for _ in range(2):
        mappings.delivered(7)
        mappings.keep(7)
        mappings.forget(7)
        assert mappings.collect() == [7]


def test_only_what_nobody_looks_at_is_reclaimable(mappings: Mappings) -> None:
    for object_id in (1, 2, 3, 4):
        mappings.delivered(object_id)
    for object_id in (1, 2, 3):
        mappings.keep(object_id)
    view = mappings.view(2, 0, 100)
    mappings.begin_use(3)
    mappings.begin_use(4)
    assert mappings.reclaimable() == [1]
    del view
    mappings.collect()
    mappings.end_use(3)
    assert sorted(mappings.reclaimable()) == [1, 2, 3]


def test_forgetting_what_was_never_delivered_changes_nothing(mappings: Mappings) -> None:
    mappings.forget(9)
    assert mappings.collect() == []


def test_the_bytes_are_read_only(mappings: Mappings) -> None:
    mappings.delivered(7)
    assert mappings.view(7, 0, 100).readonly
    mappings.collect()
