"""A user's exception on its way from the worker to whoever calls ``get``.

The traceback travels as frames, not as text: the driver knows the source of notebook cells
and of ``python -c``, which a worker cannot read from a file.
"""

from __future__ import annotations

import io
import linecache
import os
import pickle
import re
import sys
import traceback
from typing import Any

from ray_jupyter import errors
from ray_jupyter.runtime.store.serialization import deserialize, serialize

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_CAUSED = (
    "\nThe above exception was the direct cause of the following exception:\n\n",
    "\nDuring handling of the above exception, another exception occurred:\n\n",
)
_TEXT_MAX = 2_000
_NAMED_LINE = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d+) in .*')
Block = tuple[str, list[tuple[Any, ...]], str]


def dump_task_error(function_name: str, task: str, error: BaseException) -> bytes:
    """Return a task's exception as bytes that ``load_task_error`` always understands.

    The exception itself is pickled apart and tried at once: a class whose pickle cannot be
    loaded (a constructor with other arguments, say) must not hide what happened.
    """
    try:
        payload: bytes | None = serialize(errors.pack_cause(error)).to_bytes()
        errors.unpack_cause(deserialize(payload or b""))
    except Exception:  # a user's class may break in any way; its text is kept below
        payload = None
    blocks = _blocks(traceback.TracebackException.from_exception(error), "")
    # What it says comes first, apart: whoever keeps only the beginning can still tell.
    return pickle.dumps(blocks[-1][2].strip()[:_TEXT_MAX]) + pickle.dumps(
        (function_name, task, blocks, payload)
    )


def _blocks(shown: traceback.TracebackException, link: str) -> list[Block]:
    """Return the chain of exceptions, first cause first: (link, frames, last lines)."""
    blocks: list[Block] = []
    if shown.__cause__ is not None:
        blocks, link_here = _blocks(shown.__cause__, link), _CAUSED[0]
    elif shown.__context__ is not None and not shown.__suppress_context__:
        blocks, link_here = _blocks(shown.__context__, link), _CAUSED[1]
    else:
        link_here = link
    frames = [_frame(frame) for frame in shown.stack if not frame.filename.startswith(_HERE)]
    last = "".join(shown.format_exception_only())
    for index, inner in enumerate(getattr(shown, "exceptions", None) or (), start=1):
        last += f"  +- {index} " + "-" * 32 + "\n"
        last += "".join(f"  | {line}\n" for line in "".join(inner.format()).splitlines())
    blocks.append((link_here, frames, last))
    return blocks


def _frame(frame: traceback.FrameSummary) -> tuple[Any, ...]:
    return (frame.filename, frame.lineno, frame.name, frame.line)


def text_of_task_error(data: bytes) -> str:
    """Return what the error says, without its traceback; needs only the first 8 kB."""
    text: str = pickle.loads(data)
    return text


def load_task_error(data: bytes) -> errors.RayTaskError:
    """Return the error of ``dump_task_error``, as an instance of its cause's class too."""
    stream = io.BytesIO(data)
    pickle.load(stream)
    function_name, task, blocks, payload = pickle.load(stream)
    cause: BaseException
    try:
        cause = errors.unpack_cause(deserialize(payload)) if payload else _stand_in(blocks)
    except Exception:  # its class may not exist in this process; the text does
        cause = _stand_in(blocks)
    text = "".join(_render(*block) for block in blocks)
    return errors.RayTaskError(function_name, text, cause, task).as_instanceof_cause()


def with_source(text: str) -> str:
    """Return the text of a fault with the source below each line it names, where it is known."""
    lines = []
    for line in text.splitlines():
        lines.append(line)
        named = _NAMED_LINE.fullmatch(line)
        source = _source_line(named["file"], int(named["line"])) if named else ""
        lines += [f"    {source}"] if source else []
    return "\n".join(lines)


def _stand_in(blocks: list[Block]) -> BaseException:
    return RuntimeError(f"{blocks[-1][2].strip()} (the exception itself cannot be pickled)")


def _render(link: str, frames: list[tuple[Any, ...]], last: str) -> str:
    summaries = []
    for filename, lineno, name, line in frames:
        # Without columns: they count in the line as it stands in the file, which may be
        # readable on one side only.
        text = line or _source_line(filename, lineno)
        summaries.append(traceback.FrameSummary(filename, lineno, name, line=text))
    head = "Traceback (most recent call last):\n" if summaries else ""
    return link + head + "".join(traceback.format_list(summaries)) + last


def _source_line(filename: str, lineno: int) -> str:
    line = linecache.getline(filename, lineno)
    if not line and filename == "<string>" and "-c" in sys.orig_argv:
        at = sys.orig_argv.index("-c") + 1
        program = sys.orig_argv[at].splitlines() if at < len(sys.orig_argv) else []
        line = program[lineno - 1] if 0 < lineno <= len(program) else ""
    return line.strip()
