"""What the standard library's pools and executors raise: the user's own exception.

``ray.get`` raises an error that is a ``RayTaskError`` as well. A drop-in for the standard
library raises the very class, and shows the remote traceback as the exception's cause.
"""

from __future__ import annotations

from ray_jupyter.errors import RayTaskError


class RemoteTraceback(Exception):  # noqa: N818 - the standard library's name for the same
    """The traceback of a task, as text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text.rstrip()}\n"""'


def own_exception(error: BaseException) -> BaseException:
    """Return what the task raised, or ``error`` itself if that is no task's.

    What would end the caller, or its loops in silence, stays inside the ``RayTaskError``.
    """
    if not isinstance(error, RayTaskError):
        return error
    cause = error.cause
    while isinstance(cause, RayTaskError):
        cause = cause.cause
    if not isinstance(cause, Exception) or isinstance(cause, (StopIteration, StopAsyncIteration)):
        return error
    cause.__cause__ = RemoteTraceback(error.traceback_str)
    return cause
