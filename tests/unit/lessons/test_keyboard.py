"""Who types in the lessons about the debugger: what is asked for, what is left over."""

from __future__ import annotations

import builtins
import pdb  # noqa: T100 - this is about it
from typing import Any

import pytest


@pytest.fixture
def typed() -> Any:
    import keyboard

    return keyboard.typed


def test_the_debugger_is_told_and_its_session_is_printed(
    typed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = builtins.input
    try:
        [1][2]
    except IndexError as error:
        traceback = error.__traceback__
    with typed("p 6 * 7", "q"):
        pdb.post_mortem(traceback)
    assert "(Pdb) p 6 * 7\n42\n(Pdb) q\n" in capsys.readouterr().out
    assert builtins.input is before


def test_what_nobody_asks_for_is_a_mistake(typed: Any) -> None:
    with pytest.raises(ValueError, match=r"nobody asked for \['b'\]"), typed("a", "b"):
        input("? ")


def test_asked_once_more_there_is_nothing(typed: Any) -> None:
    before = builtins.input
    with pytest.raises(EOFError, match="nothing is left"), typed():
        input()
    assert builtins.input is before
