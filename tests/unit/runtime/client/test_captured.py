"""What is kept of the variables of a failed frame: small, bounded, and never an error itself."""

from __future__ import annotations

import pickle
import sys
import threading
from typing import Any

import numpy as np
import pytest

from ray_jupyter.runtime.client import captured
from ray_jupyter.runtime.client.captured import Capture, RemoteValue, restored


def travel(value: Any, **arguments: Any) -> Any:
    kept = Capture(arguments).value(value)
    return restored(pickle.loads(pickle.dumps(kept)), 5)


@pytest.mark.parametrize(
    "value", [1, -2.5, "text", b"b", None, True, [1, (2, {"a": {3}})], {"x": [1.5]}], ids=repr
)
def test_plain_small_values_come_along(value: Any) -> None:
    assert travel(value) == value
    assert type(travel(value)) is type(value)


def test_small_arrays_come_along_and_large_ones_as_a_summary() -> None:
    assert np.array_equal(travel(np.arange(10)), np.arange(10))
    large = travel(np.zeros((1000, 300)))
    assert isinstance(large, RemoteValue)
    assert repr(large).startswith("<ndarray: float64 (1000, 300), 2.4 MB, begins [0.0, ")
    assert "object (400,)" in repr(travel(np.array([None] * 400)))


def test_what_is_long_is_cut_before_it_is_looked_at() -> None:
    text = repr(travel(list(range(10_000_000))))
    assert text == "<list: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...]>"
    assert len(repr(travel("x" * 1_000_000))) < 400
    assert len(repr(travel({i: i for i in range(1000)}))) < 400
    deep: list[Any] = []
    for _ in range(2_000):
        deep = [deep]
    assert repr(travel(deep)).startswith("<list: ")


def test_a_repr_that_raises_or_exits() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise SystemExit(3)

    assert repr(travel(Broken())).endswith("its repr raises SystemExit>")


def test_a_repr_that_never_ends_costs_the_deadline_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captured, "DEADLINE_S", 0.1)
    leave = threading.Event()

    class Endless:
        def __repr__(self) -> str:
            leave.wait(30)
            return "late"

    kept = Capture({}).variables({"one": Endless(), "two": Endless(), "three": 3})
    leave.set()
    assert "takes too long" in kept["one"][2]
    assert kept["two"][2] == ""
    assert kept["three"] == ("value", 3)


def test_at_most_so_many_and_no_modules() -> None:
    kept = Capture({}).variables({"np": np, "__x": 1} | {f"v{i}": i for i in range(100)})
    assert len(kept) == captured.LOCALS_MAX
    assert "np" not in kept


def test_self_has_its_attributes() -> None:
    class Model:
        def __init__(self) -> None:
            self.rate, self.weights = 0.1, np.zeros(100_000)

    kept = Capture({}).variables({"self": Model()})["self"]
    model = restored(pickle.loads(pickle.dumps(kept)), 5)
    assert model.rate == 0.1
    assert "ndarray" in repr(model.weights)
    with pytest.raises(AttributeError, match="was not captured"):
        _ = model.bias


def test_an_argument_can_be_fetched_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.ones(100_000)
    monkeypatch.setattr(captured, "fetch", lambda task, place: (task, place))
    found = travel(table, rows=table)
    assert ".fetch() returns it" in repr(found)
    assert found.fetch() == (5, "rows")
    with pytest.raises(LookupError, match="ended with it; %ray_rerun"):
        travel(np.zeros(100_000), rows=table).fetch()


def test_a_class_of_the_notebook_has_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    cls = type("Point", (), {"__module__": "__main__", "__repr__": lambda self: "here"})
    point = cls()
    point.__dict__.update(x=1, big=sys.modules)
    found = travel(point)
    assert found.x == 1
    assert "dict" in repr(found.big)
    assert repr(found) == "<Point: here>"


def test_what_a_task_saw_of_another_stays_a_summary() -> None:
    first = travel(np.zeros(100_000))
    second = travel(first)
    assert repr(second) == repr(first)
