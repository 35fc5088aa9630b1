"""Which variables make a function large, and where it uses them."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pytest

from ray_jupyter.errors import LargeArgumentWarning
from ray_jupyter.runtime.client import carried
from ray_jupyter.runtime.protocol.specs import TaskTemplate

LARGE = np.zeros(20_000_000, np.uint8)
small = [1, 2, 3]


def words(function: Any) -> list[str]:
    return [text for _, size, text in carried.large_variables(function) if size > 1_000_000]


def line_of(function: Any, offset: int) -> str:
    return f"line {function.__code__.co_firstlineno + offset}"


def plain(x: int) -> Any:
    y = small[x]
    return y + LARGE[x]


def nested(x: int) -> Any:
    return [(lambda i: LARGE[i])(i) for i in range(x)]


def defaults(x: Any = LARGE, *, y: Any = small) -> Any:
    return x, y


class Actor:
    def method(self) -> Any:
        return LARGE.sum()


def test_a_global_with_its_line() -> None:
    assert words(plain) == [f"'LARGE' (ndarray, 20 MB, {line_of(plain, 2)})"]
    assert words(nested) == [f"'LARGE' (ndarray, 20 MB, {line_of(nested, 1)})"]
    assert words(defaults) == [f"'x' (ndarray, 20 MB, {line_of(defaults, 0)})"]
    assert words(Actor) == [f"'LARGE' (ndarray, 20 MB, {line_of(Actor.method, 1)})"]


def test_a_closure_and_what_a_helper_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    captured = LARGE[5:]

    def helper() -> Any:
        return captured[0]

    def uses(x: int) -> Any:
        return helper()

    assert words(uses) == [f"'captured' (ndarray, 20 MB, {line_of(helper, 1)}, in helper)"]
    # A function of a module goes by its name, and what it uses stays where it is.
    monkeypatch.setitem(globals(), "of_module", plain)

    def uses_module() -> Any:
        return of_module(1)  # type: ignore[name-defined]  # noqa: F821

    assert words(uses_module) == []
    monkeypatch.setattr(plain, "__module__", "__main__")
    assert words(uses_module) == [f"'LARGE' (ndarray, 20 MB, {line_of(plain, 2)}, in plain)"]


def test_it_is_said_once_where_it_is_called() -> None:
    template = TaskTemplate(nested, name="says it")
    with pytest.warns(LargeArgumentWarning, match=r"says it captures 'LARGE' .*20 MB") as caught:
        carried.notice(template, 20_000_500)
    assert "ray.put(LARGE)" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        carried.notice(template, 20_000_500)
        carried.notice(TaskTemplate(plain, name="small enough"), 1_000_000)
        carried.notice(TaskTemplate(sys.exit, name="without Python code"), 20_000_000)
