"""``inspect_serializability``: it names what is in the way, wherever that is."""

from __future__ import annotations

import functools
import io
import threading
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter.util import inspect_serializability

GUARD = threading.Lock()


class Holder:
    def __init__(self) -> None:
        self.plain, self.guard = 1, threading.Lock()

    def method(self) -> None: ...


class Slotted:
    __slots__ = ("guard", "unset")

    def __init__(self) -> None:
        self.guard = threading.Lock()


def uses_a_global() -> Any:
    return GUARD


def has_a_default(guard: Any = GUARD) -> Any:
    return guard


def calls_another() -> Any:
    return uses_a_global()


def uses_it_inside() -> Any:
    return [GUARD for _ in range(3)], lambda: GUARD


def made_too_early() -> Any:
    guard = threading.Lock()

    def inner() -> Any:
        return guard, later

    yield inner
    later = 1
    yield later


def made_closure() -> Any:
    guard, fine = threading.Lock(), 1

    def inner() -> Any:
        return guard, fine

    return inner


def paths(value: Any, **options: Any) -> tuple[list[tuple[str, ...]], str]:
    out = io.StringIO()
    ok, failures = inspect_serializability(value, print_file=out, **options)
    assert ok == (not failures)
    return sorted(failure.path for failure in failures), out.getvalue()


@pytest.mark.parametrize("value", [1, [1, "two"], len, lambda: 1, Holder])
def test_what_can_be_pickled(value: Any) -> None:
    found, text = paths(value)
    assert found == []
    assert "can be pickled" in text


# Functions of this module would travel by name, so the tests give them to ``__main__``.
def by_value(function: Any) -> Any:
    function.__module__ = "__main__"
    return function


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (by_value(uses_a_global), ("uses_a_global", "GUARD")),
        (by_value(has_a_default), ("has_a_default", "guard")),
        (by_value(calls_another), ("calls_another", "uses_a_global", "GUARD")),
        (by_value(uses_it_inside), ("uses_it_inside", "GUARD")),
        (by_value(next(made_too_early())), ("made_too_early.<locals>.inner", "guard")),
        (by_value(made_closure()), ("made_closure.<locals>.inner", "guard")),
        (Holder(), ("Holder", "guard")),
        (Holder().method, ("Holder.method", "self", "guard")),
        (Slotted(), ("Slotted", "guard")),
        ([1, {"a": (2, GUARD)}], ("list", "[1]", "'a'", "[1]")),
        (functools.partial(print, GUARD), ("partial",)),
        (GUARD, ("lock",)),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0],
)
def test_the_culprit_is_named(value: Any, path: tuple[str, ...]) -> None:
    found, text = paths(value)
    assert found == [path]
    assert f"=> {' -> '.join(path)} is a " in text


def test_a_remote_function_is_looked_into() -> None:
    found, _ = paths(ray.remote(uses_a_global), name="mine")
    assert found == [("mine", "uses_a_global", "GUARD")]


def test_depth_and_name() -> None:
    nested = [[[GUARD]]]
    assert paths(nested, name="n", depth=1)[0] == [("n", "[0]")]
    assert paths(nested, name="n", depth=0)[0] == [("n",)]
    assert paths(nested, name="n")[0] == [("n", "[0]", "[0]", "[0]")]


def test_every_culprit_is_found_and_circles_end() -> None:
    first: dict[str, Any] = {"a": GUARD, "b": threading.Lock()}
    first["self"] = first
    found, _ = paths(first, name="d")
    assert found == [("d", "'a'"), ("d", "'b'")]


def test_a_failure_says_what_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    holder = Holder()
    _, failures = inspect_serializability(holder)
    (failure,) = failures
    assert (failure.obj, failure.parent, failure.name) == (holder.guard, holder, "guard")
    assert repr(failure).startswith("FailureTuple(Holder -> guard: <unlocked")
    assert "attribute 'guard'" in capsys.readouterr().out
