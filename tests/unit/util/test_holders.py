"""Names that lead to references, and what no name leads to."""

from __future__ import annotations

import functools
from collections import deque
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ray_jupyter.refs import ObjectRef
from ray_jupyter.remote import remote
from ray_jupyter.runtime.client.holding import Held
from ray_jupyter.util import holders

SESSION = "0" * 16


def ref(object_id: int, session_id: str = SESSION) -> ObjectRef[Any]:
    return ObjectRef(object_id, session_id, lambda _: None)


def names(namespace: dict[str, Any], **references: int) -> list[str]:
    """Return under which names object 1 is found; it has one reference if nothing is said."""
    held = Held({1: references.get("count", 1)}, {}, frozenset())
    return holders.who_holds(holders.variables(namespace), held, SESSION).get(1, [])


class Box:
    kept: Any = None


class Slotted:
    __slots__ = ("empty", "kept")


def closure(x: Any) -> Any:
    def function() -> Any:
        return x

    return function


def test_a_variable_has_its_name() -> None:
    assert names({"a": 5, "x": ref(1), "y": ref(2)}) == ["x"]


def test_every_name_of_one_reference_is_told() -> None:
    one = ref(1)
    assert names({"x": one, "refs": [0, one]}) == ["x", "refs[1]"]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda r: [0, r], "v[1]"),
        (lambda r: (r,), "v[0]"),
        (lambda r: deque([r]), "v[0]"),
        (lambda r: {"a": {"b": r}}, "v['a']['b']"),
        (lambda r: {(1, "x"): r}, "v[(1, 'x')]"),
        (lambda r: {Box: r}, "v[…]"),
        (lambda r: {"a" * 50: r}, f"v['{'a' * 18}…]"),
        (lambda r: {r: 1}, "a key of v"),
        (lambda r: {r}, "an item of v"),
        (lambda r: SimpleNamespace(a=[r]), "v.a[0]"),
        (closure, "x in the closure of v"),
        (lambda r: closure([r]), "x[0] in the closure of v"),
        (lambda r: functools.partial(print, r), "v[0]"),
        (lambda r: (item for item in [r]), None),
        (lambda r: ValueError(r), "v[0]"),
    ],
)
def test_what_is_in_a_value(make: Any, name: str | None) -> None:
    found = names({"v": make(ref(1))})
    assert found == [name] if name else found


def test_attributes_slots_and_defaults() -> None:
    box, slotted = Box(), Slotted()
    box.kept = slotted.kept = one = ref(1)
    assert names({"box": box}) == ["box.kept"]
    assert names({"s": slotted}) == ["s.kept"]

    def function(a: Any, b: Any = one, *, c: Any = one) -> None: ...

    assert names({"f": function}) == ["b as a default of f"]  # one reference, told once


def test_a_remote_function_is_looked_into() -> None:
    assert names({"f": remote(closure(ref(1)))}) == ["x in the closure of f"]


def test_the_traceback_of_an_error_keeps_variables() -> None:
    def fails(mine: Any) -> None:
        raise ValueError("no")

    try:
        fails(ref(1))
    except ValueError as error:
        caught = error
    assert names({"e": caught}) == ["mine in fails, in the traceback of e"]


def test_a_suspended_generator_keeps_variables() -> None:
    def generate(mine: Any) -> Any:
        yield 1
        yield mine

    running = generate(ref(1))
    next(running)
    assert names({"g": running}) == ["mine in g"]


def test_results_of_cells_go_by_one_name_each() -> None:
    one, two = ref(1), ref(1)
    space = {"_oh": {4: one}, "Out": {4: one}, "_4": one, "_": one, "__": two, "In": [one]}
    assert names(space, count=2) == ["__", "Out[4]"]


def test_what_no_name_leads_to_is_elsewhere() -> None:
    assert names({}) == [holders.ELSEWHERE]
    assert names({"x": ref(1)}, count=2) == ["x", holders.ELSEWHERE]
    assert names({"x": ref(1, session_id="f" * 16)}) == [holders.ELSEWHERE]


def test_depth_and_number_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    deep: Any = ref(1)
    for _ in range(20):
        deep = [deep]
    assert names({"deep": deep}) == [holders.ELSEWHERE]
    monkeypatch.setattr(holders, "VALUES_MAX", 10)
    assert names({"many": [[] for _ in range(50)] + [ref(1)]}) == [holders.NOT_ALL]


def test_circles_end() -> None:
    circle: list[Any] = [ref(1)]
    circle.append(circle)
    assert names({"c": circle}) == ["c[0]"]


def test_nothing_is_asked_of_users_objects() -> None:
    class Touchy(dict):  # type: ignore[type-arg]
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(f"asked for {name}")

        def __iter__(self) -> Any:
            raise AssertionError("iterated")

        items = keys = values = __iter__

    touchy = Touchy(a=ref(1))
    assert names({"t": touchy}) == ["t['a']"]


def test_arrays_that_look_at_an_object_are_named() -> None:
    memory = np.zeros(64, np.uint8)
    view = np.frombuffer(memoryview(memory), np.float64).reshape(2, 4)
    held = Held({}, {id(memory): 1}, frozenset())
    space = {"v": view[1:], "other": np.zeros(3), "box": {"w": view}}
    found = holders.who_holds(holders.variables(space), held, SESSION)
    assert found == {1: ["v (a view)", "box['w'] (a view)"]}
    found = holders.who_holds([], held, SESSION)
    assert found == {1: [f"something {holders.ELSEWHERE} (a view)"]}


def test_a_kept_copy_says_so() -> None:
    found = holders.who_holds([], Held({1: 1}, {}, frozenset({1})), SESSION)
    assert found == {1: [holders.KEPT_COPY]}


def test_variables_of_functions_that_run() -> None:
    def function(mine: Any) -> dict[int, list[str]]:
        return holders.who_holds(holders.running(), Held({1: 1}, {}, frozenset()), SESSION)

    assert "mine in function" in function(ref(1))[1]
