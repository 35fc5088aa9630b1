"""Task errors: both types, attributes, pickling."""

from __future__ import annotations

import copy
import pickle

import pytest

from ray_jupyter import errors
from ray_jupyter.errors import RayTaskError


class Coded(Exception):
    def __init__(self, code: int, *, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Slotted(Exception):
    __slots__ = ("place",)

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


class OwnNew(Exception):
    def __new__(cls, one: int) -> OwnNew:
        return super().__new__(cls, one)


def combined(cause: BaseException) -> RayTaskError:
    return RayTaskError("f", "Traceback ...", cause, "task 1").as_instanceof_cause()


CAUSES = [
    ValueError("boom", 2),
    KeyError("missing"),
    FileNotFoundError(2, "no such file", "name.txt"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    Coded(7, detail="odd"),
    SyntaxError("wrong", ("file.py", 3, 4, "text")),
]


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: type(cause).__name__)
def test_combined_error_is_both_and_travels(cause: Exception) -> None:
    for error in (combined(cause), pickle.loads(pickle.dumps(combined(cause)))):
        assert isinstance(error, RayTaskError)
        assert isinstance(error, type(cause))
        assert error.args == cause.args
        assert type(error.cause) is type(cause)
        assert error.__cause__ is error.cause
        assert str(error) == "f (task 1)\nTraceback ..."


def test_attributes_of_the_cause_are_readable() -> None:
    error = combined(FileNotFoundError(2, "no such file", "name.txt"))
    assert (error.errno, error.filename) == (2, "name.txt")
    assert combined(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")).reason == "bad"
    assert combined(Coded(7, detail="odd")).code == 7
    assert combined(Slotted("here")).place == "here"


def test_attributes_that_nobody_has_are_missing() -> None:
    error = combined(Coded(7, detail="odd"))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = error.nonsense
    with pytest.raises(AttributeError, match="__array__"):
        _ = error.__array__


def test_half_made_error_does_not_recurse() -> None:
    cls = type(combined(Coded(7, detail="odd")))
    with pytest.raises(AttributeError, match="cause"):
        _ = cls.__new__(cls).cause


def test_copies() -> None:
    error = copy.copy(combined(Coded(7, detail="odd")))
    assert (error.code, error.function_name) == (7, "f")


def test_nested_task_errors_have_the_type_of_the_innermost_cause() -> None:
    outer = combined(combined(ValueError("inner")))
    assert isinstance(outer, ValueError)
    assert isinstance(outer.cause, RayTaskError)
    assert isinstance(pickle.loads(pickle.dumps(outer)).cause.cause, ValueError)


@pytest.mark.parametrize(
    "cause", [SystemExit(1), KeyboardInterrupt(), StopIteration(), StopAsyncIteration(), OwnNew(1)]
)
def test_classes_that_do_not_combine_stay_plain(cause: BaseException) -> None:
    error = combined(cause)
    assert type(error) is RayTaskError
    assert error.cause is cause
    assert type(pickle.loads(pickle.dumps(error)).cause) is type(cause)


def test_builtin_kinds() -> None:
    assert issubclass(errors.GetTimeoutError, TimeoutError)
    assert issubclass(errors.SerializationError, TypeError)
    assert issubclass(errors.ObjectStoreFullError, MemoryError)
    assert issubclass(errors.StaleRefError, ValueError)
