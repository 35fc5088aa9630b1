"""How IPython shows an error of a task: as if the task had run in the cell.

The frames are the cell's and then the task's, with their source, the exception is the user's own,
and one line says where it ran. What is raised stays a ``RayTaskError``. Other errors of ours, what we
raise of Python's own, and a Stop while the cell waited for us, end at the line of the user's that called
us; causes without a line of the user's are left out. Errors that we did not mean to raise keep all frames.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from ray_jupyter.errors import RayError, RayTaskError
from ray_jupyter.notebook import Shell
from ray_jupyter.runtime.client import interrupts
from ray_jupyter.runtime.client.modules import is_of_user
from ray_jupyter.runtime.client.tracebacks import is_engine, without_engine

_ON_PURPOSE = ("raise ", "return self.__wrapped__(")
"""How lines of ours begin that raise an error for the user: the second calls her function, in vain."""
_HOOK = "_render_traceback_"
"""What IPython asks an exception for that shows itself."""


def install(shell: Shell) -> Callable[[], None]:
    """Have our errors and interrupts shown so; return what undoes it."""

    def render(error: RayError) -> list[str]:
        return lines_of(shell, error)

    def render_interrupt() -> list[str]:
        error = sys.exc_info()[1] or sys.last_value
        assert error is not None, "one is being shown"
        return lines_of(shell, error)

    def mark(interrupt: KeyboardInterrupt) -> None:
        # The function finds the interrupt by itself: one that held it, held by it, would keep
        # the frames, and all that is in them, until the next garbage collection.
        setattr(interrupt, _HOOK, render_interrupt)

    setattr(RayError, _HOOK, render)
    interrupts.mark = mark
    printer = shell.InteractiveTB
    show = printer.structured_traceback

    def structured_traceback(
        kind: Any = None, error: Any = None, trace: Any = None, *args: Any, **options: Any
    ) -> list[str]:
        kept = without_engine(trace) if is_refusal(trace) else trace
        lines: list[str] = show(kind, error, kept, *args, **options)
        return lines

    printer.structured_traceback = structured_traceback

    def remove() -> None:
        if RayError.__dict__.get(_HOOK) is render:
            delattr(RayError, _HOOK)
        if interrupts.mark is mark:
            interrupts.mark = None
        if vars(printer).get("structured_traceback") is structured_traceback:
            del printer.structured_traceback

    return remove


def is_refusal(trace: TracebackType | None) -> bool:
    """Return whether we raised the error on purpose."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or not is_engine(trace.tb_frame.f_code.co_filename):
        return False
    line = linecache.getline(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
    return line.strip().startswith(_ON_PURPOSE)


def lines_of(shell: Shell, error: BaseException) -> list[str]:
    """Return the traceback as IPython would print it, without our frames."""
    trace = without_engine(error.__traceback__)
    show = shell.InteractiveTB.structured_traceback
    if not isinstance(error, RayTaskError):
        with _without_causes_of_ours(error):
            lines: list[str] = show(type(error), error, trace)
        return lines
    error.__traceback__ = trace
    cause = error.innermost().cause
    lines = show(type(cause), cause, trace)
    return [*lines, f"  {error.where()}"]


@contextmanager
def _without_causes_of_ours(error: BaseException) -> Iterator[None]:
    """Have the causes of an error left out, if none of them has a line of the user's."""
    cause, context, suppressed = error.__cause__, error.__context__, error.__suppress_context__
    before = cause if cause is not None or suppressed else context
    if before is None or _has_line_of_user(before):
        yield
        return
    error.__cause__, error.__suppress_context__ = None, True
    try:
        yield
    finally:
        error.__cause__, error.__context__ = cause, context
        error.__suppress_context__ = suppressed


def _has_line_of_user(error: BaseException | None) -> bool:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        trace = error.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if is_of_user(file) or file.startswith("<ipython"):
                return True
            trace = trace.tb_next
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False
