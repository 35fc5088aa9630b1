"""A user's exception survives the way home: class, attributes, causes, source lines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ray_jupyter.errors import RayTaskError
from ray_jupyter.runtime.client.task_errors import (
    dump_task_error,
    load_task_error,
    text_of_task_error,
)
from ray_jupyter.runtime.core.state import FAILURE_BYTES


def raised(function: Any) -> BaseException:
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("expected it to raise")


def travel(function: Any) -> RayTaskError:
    return load_task_error(dump_task_error("work", "task 5, worker 1", raised(function)))


class Refused(Exception):
    """A constructor that takes other arguments than it hands to ``Exception``."""

    def __init__(self, *, code: int) -> None:
        super().__init__(f"refused with {code}")
        self.code = code


def test_the_class_and_the_text() -> None:
    def work() -> None:
        raise ValueError("bad", 3)

    error = travel(work)
    assert isinstance(error, ValueError)
    assert error.args == ("bad", 3)
    assert error.function_name == "work"
    assert error.task == "task 5, worker 1"
    assert 'raise ValueError("bad", 3)' in error.traceback_str
    assert "ValueError: ('bad', 3)" in str(error)


def test_a_constructor_of_its_own() -> None:
    def work() -> None:
        raise Refused(code=7)

    error = travel(work)
    assert isinstance(error, Refused)
    assert error.code == 7
    assert "Refused: refused with 7" in str(error)


def test_errno_and_filename() -> None:
    error: Any = travel(lambda: Path("/does/not/exist").read_bytes())
    assert isinstance(error, FileNotFoundError)
    assert (error.errno, error.filename) == (2, "/does/not/exist")


def test_what_cannot_be_pickled_keeps_its_text() -> None:
    def work() -> None:
        raise ValueError("holds", (i for i in ()))

    error = travel(work)
    assert isinstance(error.cause, RuntimeError)
    assert "cannot be pickled" in str(error.cause)
    assert "ValueError: ('holds', <generator" in error.traceback_str


def test_what_cannot_be_loaded_keeps_its_text() -> None:
    class Unwilling(Exception):
        def __reduce__(self) -> tuple[Any, ...]:
            return int, ("not a number",)

    def work() -> None:
        raise Unwilling("but readable")

    error = travel(work)
    assert "but readable" in str(error)
    assert isinstance(error.cause, RuntimeError)


def test_a_class_missing_here_keeps_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    module = type(sys)("gone_tomorrow")
    exec("class Gone(Exception): pass", module.__dict__)
    monkeypatch.setitem(sys.modules, "gone_tomorrow", module)

    def work() -> None:
        raise module.Gone("farewell")

    data = dump_task_error("work", "", raised(work))
    monkeypatch.delitem(sys.modules, "gone_tomorrow")
    assert "Gone: farewell" in str(load_task_error(data))


def test_causes_and_contexts_are_shown_first_cause_first() -> None:
    def with_cause() -> None:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error

    def with_context() -> None:
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second")  # noqa: B904 - that is what is tested

    def suppressed() -> None:
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second") from None

    for work, link in ((with_cause, "direct cause"), (with_context, "During handling")):
        text = travel(work).traceback_str
        assert text.index("KeyError: 'first'") < text.index(link) < text.index("ValueError: second")
    assert "KeyError: 'first'" not in travel(suppressed).traceback_str


def test_a_long_chain_of_causes() -> None:
    def work() -> None:
        error: Exception | None = None
        for number in range(50):
            try:
                raise ValueError(number) from error
            except ValueError as caught:
                error = caught
        assert error is not None
        raise error

    text = travel(work).traceback_str
    assert text.count("direct cause") == 49


def test_an_error_that_came_through_a_task_before() -> None:
    inner = travel(lambda: 1 / 0)

    def work() -> None:
        raise inner

    error = travel(work)
    assert isinstance(error, ZeroDivisionError)
    assert "division by zero" in str(error)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), StopIteration(1)], ids=repr)
def test_what_would_change_the_callers_flow_comes_as_the_plain_error(error: BaseException) -> None:
    def work() -> None:
        raise error

    got = travel(work)
    assert type(got) is RayTaskError
    assert type(got.cause) is type(error)


def test_source_lines_are_found_where_the_driver_knows_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names: dict[str, Any] = {}
    source = "def work():\n    hidden = 1\n    return hidden / 0\n"
    exec(compile(source, "<string>", "exec"), names)
    data = dump_task_error("work", "", raised(names["work"]))
    monkeypatch.setattr(sys, "orig_argv", ["python", "-c", source])
    assert "return hidden / 0" in str(load_task_error(data))
    for elsewhere in (["python", "-c"], ["python", "script.py"]):
        monkeypatch.setattr(sys, "orig_argv", elsewhere)
        assert "division by zero" in str(load_task_error(data))


def test_syntax_errors_and_groups_keep_their_shape() -> None:
    assert "invalid syntax" in travel(lambda: compile("1 +* 2", "f.py", "exec")).traceback_str
    if sys.version_info >= (3, 11):

        def work() -> None:
            raise ExceptionGroup("several", [ValueError("one"), KeyError("two")])  # noqa: F821

        text = str(travel(work))
        assert "several" in text
        assert "ValueError: one" in text


def test_the_beginning_says_what_it_is() -> None:
    def work() -> None:
        raise ValueError("\u20ac" * 100_000)

    data = dump_task_error("work", "", raised(work))
    text = text_of_task_error(data[:FAILURE_BYTES])
    assert text.startswith("ValueError: \u20ac\u20ac")
    assert len(text) == 2_000
    assert len(str(load_task_error(data))) > 100_000
