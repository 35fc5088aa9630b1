"""A user's exception on its way from the worker to whoever calls ``get``.

The traceback travels as frames, not as text: the driver knows the source of notebook cells
and of ``python -c``, which a worker cannot read from a file. With each frame go its variables, so
far as ``captured`` keeps them, and a debugger here can look at a worker that has long ended.
"""

from __future__ import annotations

import inspect
import io
import linecache
import pickle
import re
import sys
import traceback
import types
from collections.abc import Mapping
from typing import Any

from ray_jupyter import errors
from ray_jupyter.runtime.client import captured
from ray_jupyter.runtime.client.tracebacks import RemoteFrame, is_engine, make_traceback
from ray_jupyter.runtime.store.serialization import deserialize, serialize

_CAUSED = (
    "\nThe above exception was the direct cause of the following exception:\n\n",
    "\nDuring handling of the above exception, another exception occurred:\n\n",
)
_CHAIN_MAX = 100
"""So many exceptions of a chain travel."""
_FRAMES_MAX = 30
"""So many frames of a traceback have variables: the first few, and the last."""
_TEXT_MAX = 2_000
_SNAPSHOTS = sys.version_info < (3, 13)
"""Whether ``f_locals`` of a function is a copy, which the frame keeps."""
_NAMED_LINE = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d+) in .*')

last_failure: list[bytes] = []
"""The pickled error that was loaded last in this process, if any: what ``%ray_debug`` opens."""


def dump_task_error(
    function_name: str, task: str, error: BaseException, task_id: int = 0,
    arguments: Mapping[captured.Place, Any] | None = None,
) -> bytes:  # fmt: skip
    """Return a task's exception as bytes that ``load_task_error`` always understands.

    The exception itself is pickled apart and tried at once: a class whose pickle cannot be
    loaded (a constructor with other arguments, say) must not hide what happened.

    Args:
        function_name: of the task.
        task: says task, attempt, worker and process.
        error: what it raised.
        task_id: which task.
        arguments: of the call, by place; those among the variables can be fetched later.
    """
    capture = captured.Capture(arguments or {}) if captured.settings["locals"] else None
    # How the exception before is linked to it (an index into ``_CAUSED``, or -1), its frames, its
    # last lines, its pickle.
    blocks = [
        (link, _frames(inner, capture), _last_lines(inner), _pickled(inner))
        for link, inner in _chain(error)
    ]
    try:
        rest = pickle.dumps((function_name, task, task_id, blocks))
    except Exception:  # a value that looked plain: the error matters more than variables
        bare = [(link, [(*f[:-1], {}) for f in fs], text, p) for link, fs, text, p in blocks]
        rest = pickle.dumps((function_name, task, task_id, bare))
    # What it says comes first, apart: whoever keeps only the beginning can still tell.
    return pickle.dumps(blocks[-1][2].strip()[:_TEXT_MAX]) + rest


def _chain(error: BaseException) -> list[tuple[int, BaseException]]:
    """Return the exceptions that led to ``error``, first cause first, and it; and the links."""
    chain: list[tuple[int, BaseException]] = []
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen and len(chain) < _CHAIN_MAX:
        current, following = following, None
        seen.add(id(current))
        origin = current
        if has_frames(current):
            # Its frames include those of the task where it was raised: what led to it there.
            while isinstance(origin, errors.RayTaskError):
                origin = origin.cause
        link = -1
        if origin.__cause__ is not None:
            following, link = origin.__cause__, 0
        elif origin.__context__ is not None and not origin.__suppress_context__:
            following, link = origin.__context__, 1
        chain.append((link, current))
    chain[-1] = (-1, chain[-1][1])
    return chain[::-1]


def has_frames(error: BaseException) -> bool:
    """Return whether the traceback of ``error`` goes on into another task."""
    return isinstance(error, errors.RayTaskError) and error.remote_traceback is not None


def _last_lines(error: BaseException) -> str:
    if isinstance(error, errors.RayTaskError) and has_frames(error):
        return _last_lines(error.innermost().cause) + f"  {error.where()}\n"
    last = "".join(traceback.format_exception_only(type(error), error))
    for index, inner in enumerate(getattr(error, "exceptions", None) or (), start=1):
        last += f"  +- {index} " + "-" * 32 + "\n"
        text = "".join(traceback.format_exception(type(inner), inner, inner.__traceback__))
        last += "".join(f"  | {line}\n" for line in text.splitlines())
    return last


def _pickled(error: BaseException) -> bytes | None:
    try:
        payload = serialize(errors.pack_cause(error)).to_bytes()
        errors.unpack_cause(deserialize(payload))
    except Exception:  # a user's class may break in any way; its text is kept
        return None
    return payload


def _frames(error: BaseException, capture: captured.Capture | None) -> list[tuple[Any, ...]]:
    """Return the frames of an exception's traceback as plain tuples of ``RemoteFrame``'s fields."""
    walked = [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not is_engine(frame.f_code.co_filename)
    ]
    frames = []
    for index, (frame, line) in enumerate(walked):
        code = frame.f_code
        variables: dict[str, Any] = {}
        near = index < _FRAMES_MAX // 3 or len(walked) - index <= _FRAMES_MAX // 3 * 2
        if capture is not None and near and code.co_name != "<module>":
            found = frame.f_locals
            variables = capture.variables(found)
            if _SNAPSHOTS and code.co_flags & inspect.CO_OPTIMIZED:
                found.clear()  # the frame keeps it, and it may hold the error: a circle
        count = code.co_argcount + code.co_kwonlyargcount
        count += bool(code.co_flags & inspect.CO_VARARGS)
        count += bool(code.co_flags & inspect.CO_VARKEYWORDS)
        source = linecache.getline(code.co_filename, line, frame.f_globals).strip()
        module = str(frame.f_globals.get("__name__", ""))
        frames.append((
            code.co_filename, line, code.co_name, source, code.co_firstlineno, module,
            code.co_varnames[:count], variables,
        ))  # fmt: skip
    return frames


def text_of_task_error(data: bytes) -> str:
    """Return what the error says, without its traceback; needs only the first 8 kB."""
    text: str = pickle.loads(data)
    return text


def load_task_error(data: bytes, attempts: int = 1) -> errors.RayTaskError:
    """Return the error of ``dump_task_error``, as an instance of its cause's class too.

    Its traceback, and those of its causes, are the frames of the task (see ``tracebacks``):
    whoever raises it adds his own in front.

    Args:
        data: what ``dump_task_error`` gave.
        attempts: how often the task was tried.
    """
    last_failure[:] = [data]
    stream = io.BytesIO(data)
    pickle.load(stream)
    function_name, task, task_id, blocks = pickle.load(stream)
    before: BaseException | None = None
    for link, frames, last, payload in blocks:
        exception = _exception(last, payload)
        exception.__traceback__ = _traceback(frames, task_id)
        own = exception
        if isinstance(exception, errors.RayTaskError):  # it came through several tasks
            own = exception.innermost().cause
        if link == 0:
            own.__cause__ = before
        elif link == 1:
            own.__context__ = before
        before = exception
    assert before is not None, "an error is at least itself"
    text = "".join(_render(*block[:3]) for block in blocks)
    if attempts > 1:
        task = task.replace(",", f", attempt {attempts},", 1)
    error = errors.RayTaskError(function_name, text, before, task).as_instanceof_cause()
    error.task_id = task_id
    error.__traceback__ = error.remote_traceback = before.__traceback__
    return error


def _exception(last: str, payload: bytes | None) -> BaseException:
    try:
        if payload:
            return errors.unpack_cause(deserialize(payload))
    except Exception:  # its class may not exist in this process; the text does
        return _stand_in(last)
    return _stand_in(last)


def _traceback(frames: list[tuple[Any, ...]], task_id: int) -> types.TracebackType | None:
    return make_traceback([
        (
            RemoteFrame(*frame),
            {name: captured.restored(value, task_id) for name, value in frame[-1].items()},
        )
        for frame in frames
    ])  # fmt: skip


def with_source(text: str) -> str:
    """Return the text of a fault with the source below each line it names, where it is known."""
    lines = []
    for line in text.splitlines():
        lines.append(line)
        named = _NAMED_LINE.fullmatch(line)
        source = _source_line(named["file"], int(named["line"])) if named else ""
        lines += [f"    {source}"] if source else []
    return "\n".join(lines)


def _stand_in(last: str) -> BaseException:
    return RuntimeError(f"{last.strip()} (the exception itself cannot be pickled)")


def _render(link: int, frames: list[tuple[Any, ...]], last: str) -> str:
    summaries = []
    for filename, lineno, name, line, *_ in frames:
        # Without columns: they count in the line as it stands in the file, which may be
        # readable on one side only.
        text = line or _source_line(filename, lineno)
        summaries.append(traceback.FrameSummary(filename, lineno, name, line=text))
    head = "Traceback (most recent call last):\n" if summaries else ""
    head = (_CAUSED[link] if link >= 0 else "") + head
    return head + "".join(traceback.format_list(summaries)) + last


def _source_line(filename: str, lineno: int) -> str:
    line = linecache.getline(filename, lineno)
    if not line and filename == "<string>" and "-c" in sys.orig_argv:
        at = sys.orig_argv.index("-c") + 1
        program = sys.orig_argv[at].splitlines() if at < len(sys.orig_argv) else []
        line = program[lineno - 1] if 0 < lineno <= len(program) else ""
    return line.strip()
