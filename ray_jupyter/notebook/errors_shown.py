"""How IPython shows an error of a task: as if the task had run in the cell.

The frames are the cell's and then the task's, with their source, the exception is the user's own,
and one line says where it ran. What is raised stays a ``RayTaskError``. Other errors of ours, and
a Stop while the cell waited for us, end at the line of the user's that called us.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from ray_jupyter.errors import RayError, RayTaskError
from ray_jupyter.notebook import Shell
from ray_jupyter.runtime.client import interrupts
from ray_jupyter.runtime.client.tracebacks import without_engine

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

    def remove() -> None:
        if RayError.__dict__.get(_HOOK) is render:
            delattr(RayError, _HOOK)
        if interrupts.mark is mark:
            interrupts.mark = None

    return remove


def lines_of(shell: Shell, error: BaseException) -> list[str]:
    """Return the traceback as IPython would print it, without our frames."""
    trace = without_engine(error.__traceback__)
    show = shell.InteractiveTB.structured_traceback
    if not isinstance(error, RayTaskError):
        lines: list[str] = show(type(error), error, trace)
        return lines
    error.__traceback__ = trace
    cause = error.innermost().cause
    lines = show(type(cause), cause, trace)
    return [*lines, f"  {error.where()}"]
