"""The calls that an actor runs at once: what ``thread_calls`` and ``loop_calls`` have in common.

The worker's main thread receives and hands calls over here; it runs none itself. So whatever a
call waits for, the next ones arrive.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ray_jupyter.runtime.processes.own_methods import TERMINATE

if TYPE_CHECKING:
    from ray_jupyter.runtime.processes.executor import Executor
    from ray_jupyter.runtime.processes.nesting import Frame

DEFAULT_GROUP = ""
ENDED = "ended, as __ray_terminate__ asked"


class Host(Protocol):
    """What calls need of their worker; all of it may be called from any thread."""

    executor: Executor
    whose: str

    def report_call(
        self, frame: Frame, status: int, outputs: Any, start_ns: int, cpu_ns: int
    ) -> bool:
        """Post a result; return whether it is time to send."""

    def drop_call(self, frame: Frame) -> None:
        """Report that a call was cancelled before it began, and let go of its arguments."""

    def send(self) -> None:
        """Send what was posted."""

    def send_soon(self) -> None:
        """Send what was posted within milliseconds."""

    def say_exit(self, how: str) -> None:
        """Tell the scheduler that the actor ends: it fails what has not been started."""

    def exit(self) -> None:
        """End the process, after what the actor does last."""


class Calls(ABC):
    """Runs the calls of one actor."""

    @abstractmethod
    def submit(self, frame: Frame) -> None:
        """Take a call, in the order of each caller."""

    @abstractmethod
    def kick(self) -> None:
        """Start what was submitted; called when nothing more is there to submit now."""

    @abstractmethod
    def cancel(self, task_id: int) -> bool:
        """Cancel a call; return whether it was dropped before it began."""


def limits_of(options: Mapping[str, Any]) -> dict[str, int]:
    """Return how many calls run at once, by concurrency group."""
    return {DEFAULT_GROUP: options["max_concurrency"], **dict(options.get("groups", ()))}


def group_of(frame: Frame) -> str:
    """Return the concurrency group of a call."""
    extras = frame.definition[8]
    return dict(extras).get("concurrency_group", DEFAULT_GROUP) if extras else DEFAULT_GROUP


def asks_to_end(frame: Frame) -> bool:
    """Return whether a call is the graceful stop."""
    return frame.definition[7] == TERMINATE
