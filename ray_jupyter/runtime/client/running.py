"""Which call of an actor the running code belongs to, where that is not the whole process.

A worker that runs one task at a time knows it (``Client.parent_task``), and so do threads that
user code starts there. An actor that runs several calls at once sets ``RUNNING`` in the thread
or the coroutine of each; what a coroutine starts inherits it.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol


class Running(Protocol):
    """A call that runs."""

    @property
    def task_id(self) -> int:
        """The call."""


RUNNING: ContextVar[Running | None] = ContextVar("RUNNING", default=None)
