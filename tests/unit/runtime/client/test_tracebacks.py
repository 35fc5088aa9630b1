"""Frames that look like those of the task: for the traceback module, pdb, and who inspects them."""

from __future__ import annotations

import gc
import inspect
import io
import pdb  # noqa: T100 - it is what is tested
import traceback
import weakref
from types import TracebackType
from typing import Any

import pytest

from ray_jupyter.errors import RayTaskError
from ray_jupyter.runtime.client import tracebacks
from ray_jupyter.runtime.client.task_errors import dump_task_error, load_task_error


def inner(divisor: int, *rest: int, name: str = "n") -> float:
    doubled = [2 * item for item in rest]
    return sum(doubled) / divisor  # the line that raises


def outer(divisor: int) -> float:
    label = "outer's"
    return inner(divisor, 1, 2) or len(label)


def failed(function: Any = lambda: outer(0)) -> RayTaskError:
    try:
        function()
    except Exception as error:
        return load_task_error(dump_task_error("work", "task 5, worker 1", error, 5))
    raise AssertionError("expected it to fail")


def entries(trace: TracebackType | None) -> list[TracebackType]:
    found = []
    while trace is not None:
        found.append(trace)
        trace = trace.tb_next
    return found


def test_names_lines_and_variables() -> None:
    outermost, innermost = entries(failed().remote_traceback)[-2:]
    assert innermost.tb_frame.f_code.co_name == "inner"
    assert innermost.tb_lineno == inner.__code__.co_firstlineno + 2
    assert innermost.tb_frame.f_lineno == innermost.tb_lineno
    assert innermost.tb_frame.f_locals == {
        "divisor": 0, "rest": (1, 2), "name": "n", "doubled": [2, 4]
    }  # fmt: skip
    assert inspect.getargvalues(innermost.tb_frame).args == ["divisor", "name", "rest"]
    assert outermost.tb_frame.f_locals["label"] == "outer's"
    assert outermost.tb_frame.f_globals is globals()


def test_code_has_a_hash_whatever_the_values() -> None:
    for entry in entries(failed().remote_traceback):
        assert isinstance(hash(entry.tb_frame.f_code), int)


def test_the_traceback_module_prints_the_source() -> None:
    text = "".join(traceback.format_tb(failed().remote_traceback))
    assert "return sum(doubled) / divisor  # the line that raises" in text
    assert "in outer" in text


def test_pdb_looks_around_in_it() -> None:
    error = failed()
    told = io.StringIO("p doubled\nup\np label\np inner.__name__\nq\n")
    heard = io.StringIO()
    debugger = pdb.Pdb(stdin=told, stdout=heard, nosigint=True, readrc=False)
    debugger.use_rawinput = False
    debugger.reset()
    debugger.interaction(None, error.remote_traceback)
    for expected in ("[2, 4]", '"outer\'s"', "'inner'"):
        assert expected in heard.getvalue()


def test_causes_have_their_frames_and_links() -> None:
    def work() -> None:
        try:
            outer(0)
        except ZeroDivisionError as error:
            raise ValueError("second") from error

    cause = failed(work).cause
    assert isinstance(cause.__cause__, ZeroDivisionError)
    assert entries(cause.__cause__.__traceback__)[-1].tb_frame.f_locals["divisor"] == 0


def test_through_another_task_the_frames_go_on() -> None:
    def work() -> None:
        waited_for = "the inner one"
        error = failed()
        assert waited_for
        raise error

    error = failed(work)
    names = [entry.tb_frame.f_code.co_name for entry in entries(error.remote_traceback)]
    assert names[-2:] == ["outer", "inner"]
    assert "work" in names
    assert entries(error.remote_traceback)[-1].tb_frame.f_locals["doubled"] == [2, 4]
    assert error.where() == "in work (task 5, worker 1), called by work"
    assert str(error).count("ZeroDivisionError: division by zero") == 1


def test_whoever_looked_at_an_error_is_not_kept() -> None:
    class Held: ...

    held = Held()
    watch = weakref.ref(held)

    def look(held: Held) -> None:
        try:
            raise failed()
        except ZeroDivisionError:
            assert held

    gc.collect()
    gc.disable()
    try:
        look(held)
        del held
        assert watch() is None, "the frames of the error keep those who raised it"
    finally:
        gc.enable()


def test_variables_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tracebacks_settings(), "locals", False)
    assert entries(failed().remote_traceback)[-1].tb_frame.f_locals == {}


def tracebacks_settings() -> dict[str, bool]:
    from ray_jupyter.runtime.client import captured

    return captured.settings


def test_without_the_engine_only_the_users_frames_are_left() -> None:
    try:
        load_task_error(b"no error at all")
    except Exception as error:
        kept = entries(tracebacks.without_engine(error.__traceback__))
        assert [entry.tb_frame.f_code.co_name for entry in kept][:1] == [
            "test_without_the_engine_only_the_users_frames_are_left"
        ]
        assert not any(tracebacks.is_engine(e.tb_frame.f_code.co_filename) for e in kept)


def test_a_deep_recursion_travels() -> None:
    def work(depth: int) -> int:
        return work(depth + 1)

    error = failed(lambda: work(0))
    assert isinstance(error, RecursionError)
    last = entries(error.remote_traceback)[-1]
    assert last.tb_frame.f_locals["depth"] > 100
