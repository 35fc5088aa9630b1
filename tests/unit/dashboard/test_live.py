"""Which variables hold an object."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ray_jupyter.dashboard.live import variables
from ray_jupyter.runtime.protocol.ids import Reference


class Watchful:
    """Breaks when anything is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for in a thread that is not the user's")


def ref(object_id: int, session_id: str = "s") -> Reference:
    made = Reference()
    made.id, made.session_id = object_id, session_id
    return made


def test_variables_outputs_and_lists() -> None:
    namespace = {
        "a": ref(1), "parts": [ref(1), ref(2), 3], "_5": ref(2), "_hidden": ref(1),
        "old": ref(1, "another"), "text": "x",
    }  # fmt: skip
    names = variables(namespace, SimpleNamespace(session_id="s"))
    assert names == {1: ["a", "parts"], 2: ["parts", "Out[5]"]}
    assert variables(namespace, None) == {}


def test_nothing_is_asked_of_other_objects() -> None:
    with pytest.raises(AssertionError):
        _ = Watchful().anything
    assert variables({"w": Watchful(), "x": [Watchful()]}, SimpleNamespace(session_id="s")) == {}
