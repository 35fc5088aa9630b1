"""Variables of workers: who has which value, and which definition wins."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.compat2016.reusables import Reusable, Reusables, _Variable, reusables
from ray_jupyter.runtime.store.serialization import deserialize, serialize


class Attempt:
    pass


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    for name in dir(reusables):
        delattr(reusables, name)
    ray.shutdown()


def counting(**extra: Any) -> tuple[_Variable, list[str]]:
    log: list[str] = []

    def make() -> str:
        log.append("make")
        return "made"

    def again(value: str) -> str:
        log.append(f"again {value}")
        return "made again"

    return _Variable(Reusable(make, again), 1), log


def test_an_attempt_keeps_its_value_and_the_next_gets_it_re_initialised() -> None:
    variable, log = counting()
    first, second = Attempt(), Attempt()
    assert [variable.value_for((first,)) for _ in range(2)] == ["made", "made"]
    assert variable.value_for((second,)) == "made again"
    assert log == ["make", "again made"]
    assert len(variable.slots) == 1


def test_one_that_waits_below_keeps_its_value() -> None:
    variable, log = counting()
    below, above = Attempt(), Attempt()
    variable.value_for((below,))
    assert variable.value_for((below, above)) == "made"
    assert variable.value_for((below,)) == "made"
    assert log == ["make", "make"]


def test_the_value_of_one_that_is_gone_is_free() -> None:
    variable, log = counting()
    attempt = Attempt()
    variable.value_for((attempt,))
    del attempt
    gc.collect()
    variable.value_for((Attempt(),))
    assert log == ["make", "again made"]


def test_the_drivers_is_apart() -> None:
    variable, log = counting()
    attempt = Attempt()
    variable.value_for(())
    variable.value_for((attempt,))
    variable.value_for(())
    assert log == ["make", "make"]


def test_a_value_that_cannot_be_re_initialised_is_given_up() -> None:
    def fail(value: str) -> str:
        raise ValueError("broken")

    variable = _Variable(Reusable(lambda: "made", fail), 1)
    attempts = [Attempt(), Attempt()]
    variable.value_for((attempts[0],))
    with pytest.raises(ValueError, match="broken"):
        variable.value_for((attempts[1],))
    assert variable.value_for((attempts[1],)) == "made"


def test_the_newest_definition_wins_and_a_deletion_is_one() -> None:
    there = Reusables()
    old, new = Reusable(lambda: "old"), Reusable(lambda: "new")
    there._take({"x": (2, new)})
    there._take({"x": (1, old)})
    assert there.x == "new"
    there._take({"x": (3, None)})
    there._take({"x": (2, new)})
    assert dir(there) == []


def test_it_arrives_as_the_one_of_the_process() -> None:
    reusables.x = Reusable(lambda: 1)
    data = serialize(reusables).to_bytes()
    del reusables.x
    assert deserialize(data) is reusables
    assert dir(reusables) == []  # the deletion is newer


def test_a_new_session_has_new_values_and_no_deleted_ones() -> None:
    reusables.x = Reusable(list)
    reusables.y = Reusable(list)
    del reusables.y
    with ray.init(mode="inline"):
        reusables.x.append(1)
    with ray.init(mode="inline"):
        assert reusables.x == []
        assert set(reusables._variables) == {"x"}


def test_remote_functions_are_registered_again() -> None:
    before = session.generation
    reusables.x = Reusable(list)
    assert session.generation > before


def test_names_and_texts() -> None:
    with pytest.raises(ValueError, match="no room for the name '_x'"):
        reusables._x = Reusable(list)
    with pytest.raises(AttributeError, match="not defined"):
        del reusables.nothing
    assert repr(Reusable(list)) == "Reusable(list)"
    reusables.x = Reusable(list, list)
    assert repr(reusables) == "<ray.reusables: x>"
    assert repr(Reusable(list, list)) == "Reusable(list, list)"


def test_a_definition_may_use_the_object_itself() -> None:
    mine = reusables
    reusables.x = Reusable(lambda: 1)
    reusables.y = Reusable(lambda: mine.x + 1)
    assert deserialize(serialize(lambda: mine.y).to_bytes())() == 2
