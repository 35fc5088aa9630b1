"""How IPython shows an error of a task: as if the task had run in the cell.

The frames are the cell's and then the task's, with their source, the exception is the user's own,
and one line says where it ran. What is raised stays a ``RayTaskError``.
"""

from __future__ import annotations

from collections.abc import Callable

from ray_jupyter.errors import RayTaskError
from ray_jupyter.notebook import Shell
from ray_jupyter.runtime.client.tracebacks import without_engine

_HOOK = "_render_traceback_"
"""What IPython asks an exception for that shows itself."""


def install(shell: Shell) -> Callable[[], None]:
    """Have tasks' errors shown so; return what undoes it."""

    def render(error: RayTaskError) -> list[str]:
        return lines_of(shell, error)

    setattr(RayTaskError, _HOOK, render)

    def remove() -> None:
        if RayTaskError.__dict__.get(_HOOK) is render:
            delattr(RayTaskError, _HOOK)

    return remove


def lines_of(shell: Shell, error: RayTaskError) -> list[str]:
    """Return the traceback as IPython would print it of the user's exception."""
    error.__traceback__ = without_engine(error.__traceback__)
    cause = error.innermost().cause
    lines: list[str] = shell.InteractiveTB.structured_traceback(
        type(cause), cause, error.__traceback__
    )
    return [*lines, f"  {error.where()}"]
