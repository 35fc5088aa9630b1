"""The seam between messages and bytes between processes.

``unix`` is the transport of the local runtime. ``memory`` is a pair in one process, for
tests. What a transport promises: frames arrive whole, in order, once; the end of the other
side is seen as ``b""``.
"""

from __future__ import annotations

from typing import Protocol

LOOK_AGAIN_S = 0.5
"""Nobody sleeps longer. Python handles a signal between two of its own instructions; one that
comes after the last of them and before the system call neither ends the call nor is seen until
that returns: Stop would be pressed in vain (2 of 100 times under load, when the thread that
presses has just asked the scheduler something)."""


class Transport(Protocol):
    """The client's side of a stream: may block."""

    def send(self, frame: bytes) -> None:
        """Send all of ``frame``.

        Raises:
            OSError: the other side is gone.
        """

    def receive(self, chunks: list[bytes], timeout_s: float | None, *, spin: bool = False) -> bool:
        """Append what has arrived to ``chunks``; return False if nothing came in time.

        Without a time that is ``LOOK_AGAIN_S``.

        ``b""`` is appended when the other side is gone. ``spin`` says that something is
        likely to come at once, so that a moment of looking beats going to sleep.
        """

    def fileno(self) -> int:
        """Return the descriptor to poll."""

    def close(self) -> None:
        """End this side."""
