"""Tracebacks of frames that ran in another process, for debuggers and for those who print them.

A frame cannot be sent. What is built here looks like one: its code has the file, the name and the
lines of the original, and its variables are there by name. It is the frame of a function that was
called to raise on the line in question, in a thread of its own: a frame keeps its caller alive, and
whoever asks for a value that is an error shall not be kept.

Suspended generators would need no thread. But in CPython 3.13.0 the frame of a generator that is
gone has its variables in memory that is free.

Rules
    * A debugger sees a user's frames, and the engine's are left out (``is_engine``).
    * Names that no frame can have (of comprehensions, say) are left out.
"""

from __future__ import annotations

import _thread
import ast
import functools
import os
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_NOT_ENGINE = tuple(f"{_ROOT}{name}{os.sep}" for name in ("array", "testing"))
_VALUES, _STOP = "ray_jupyter: the values of the variables", "ray_jupyter: what is raised"
"""Constants of a stub's code in whose place come others."""


class RemoteFrame(NamedTuple):
    """A frame as it travels.

    Attributes:
        file: of its code; of a cell, the name that the kernel gave it.
        line: where it stood.
        name: of the function.
        source: of the line, if the worker could read it.
        first_line: of the function.
        module: whose globals it sees.
        parameters: which of ``variables`` were its arguments.
        variables: what is kept of them; see ``captured``.
    """

    file: str
    line: int
    name: str
    source: str
    first_line: int
    module: str
    parameters: tuple[str, ...]
    variables: Mapping[str, Any]


def is_engine(file: str) -> bool:
    """Return whether a file is part of this package, and no user's business."""
    return file.startswith(_ROOT) and not file.startswith(_NOT_ENGINE)


def without_engine(trace: types.TracebackType | None) -> types.TracebackType | None:
    """Return a traceback without the frames of this package; itself if nothing would be left."""
    kept = []
    walked = trace
    while walked is not None:
        if not is_engine(walked.tb_frame.f_code.co_filename):
            kept.append(walked)
        walked = walked.tb_next
    if not kept:
        return trace
    result: types.TracebackType | None = None
    for entry in reversed(kept):
        result = types.TracebackType(result, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return result


def make_traceback(frames: list[tuple[RemoteFrame, dict[str, Any]]]) -> types.TracebackType | None:
    """Return a traceback whose entries look like ``frames``, outermost first.

    It is ``None`` if there are none, or no thread can be started because the process ends.

    Args:
        frames: each with the values of its variables here.
    """
    made: list[types.FrameType] = []
    done = _thread.allocate_lock()
    done.acquire()
    try:
        _thread.start_new_thread(_run, ([_stub(*frame) for frame in frames], made, done))
    except RuntimeError:
        return None
    done.acquire()
    result: types.TracebackType | None = None
    while made:
        stub = made.pop()
        result = types.TracebackType(result, stub, max(0, stub.f_lasti), frames[len(made)][0].line)
    return result


class _Stop(BaseException):
    """What a stub raises."""


class _Values:
    """Values to unpack. Code is hashed with its constants, and these may have no hash."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values.values())


def _run(
    stubs: list[tuple[types.FunctionType, list[Any]]], made: list[types.FrameType],
    done: _thread.LockType,
) -> None:  # fmt: skip
    """Call each, and keep its frame."""
    try:
        while stubs:
            _call(made, *stubs.pop(0))
    finally:
        done.release()


def _call(made: list[types.FrameType], stub: types.FunctionType, values: list[Any]) -> None:
    try:
        stub(*values)
    except _Stop as stop:
        made.append(stop.__traceback__.tb_next.tb_frame)  # type: ignore[union-attr]


def _stub(frame: RemoteFrame, values: dict[str, Any]) -> tuple[types.FunctionType, list[Any]]:
    """Return a function whose frame will be the one wanted, and what to call it with."""
    parameters = tuple(name for name in frame.parameters if name in values)
    code = _code(frame.file, frame.line, frame.name, frame.first_line, parameters, tuple(values))
    places = {_VALUES: _Values(values), _STOP: _Stop}
    consts = tuple(
        places.get(const, const) if type(const) is str else const for const in code.co_consts
    )
    module = sys.modules.get(frame.module)
    names = vars(module) if module is not None else {"__name__": frame.module}
    function = types.FunctionType(code.replace(co_consts=consts), names)
    return function, [values[name] for name in parameters]


@functools.lru_cache(maxsize=1_000)
def _code(
    file: str, line: int, name: str, first_line: int, parameters: tuple[str, ...],
    variables: tuple[str, ...],
) -> types.CodeType:  # fmt: skip
    """Return the code of a function that has these variables when it raises on ``line``."""
    where: dict[str, Any] = {
        "lineno": line,
        "col_offset": 0,
        "end_lineno": line,
        "end_col_offset": 0,
    }
    body: list[ast.stmt] = []
    if variables:
        targets: list[ast.expr] = [ast.Name(v, ast.Store(), **where) for v in variables]
        target = ast.Tuple(targets, ast.Store(), **where)
        body.append(ast.Assign([target], ast.Constant(_VALUES, **where), **where))
    body.append(ast.Raise(ast.Constant(_STOP, **where), None, **where))
    function = ast.parse("def stub(): pass").body[0]
    assert isinstance(function, ast.FunctionDef), "that is what was parsed"
    function.args.args = [ast.arg(p, lineno=first_line, col_offset=0) for p in parameters]
    function.body = body
    function.lineno = function.end_lineno = first_line
    compiled = compile(ast.Module([function], []), file, "exec")
    code = next(const for const in compiled.co_consts if isinstance(const, types.CodeType))
    changes: dict[str, Any] = {"co_name": name}
    if sys.version_info >= (3, 11):
        changes["co_qualname"] = name
    return code.replace(**changes)
