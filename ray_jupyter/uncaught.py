"""How an error of a task is printed that nobody in the driver catches: a script ends with it.

The user's lines, the task's lines, the exception, and one line that says where it ran. Without
this Python prints the same lines up to three times: of the error, of its cause, and of its text.

Lives here: ``sys.excepthook``, while a session is there and nobody else has one. Does not: what
IPython shows (``notebook.errors_shown``).
"""

from __future__ import annotations

import sys
from types import TracebackType

from ray_jupyter.errors import RayTaskError


def install() -> None:
    """Print tasks' errors so from now on, unless the program prints errors its own way."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = show


def remove() -> None:
    """Leave it to Python again."""
    if sys.excepthook is show:
        sys.excepthook = sys.__excepthook__


def show(cls: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an exception that ends the program."""
    if not isinstance(error, RayTaskError):
        sys.__excepthook__(cls, error, trace)
        return
    import traceback  # as rarely used as an error ends a program: importing us stays light

    from ray_jupyter.runtime.client.tracebacks import without_engine

    cause = error.innermost().cause
    lines = traceback.format_exception(type(cause), cause, without_engine(trace))
    sys.stderr.write("".join(lines) + f"  {error.where()}\n")
