"""The seam between messages and bytes between processes.

``unix`` is the transport of the local runtime. ``memory`` is a pair in one process, for
tests. What a transport promises: frames arrive whole, in order, once; the end of the other
side is seen as ``b""``.
"""

from __future__ import annotations

from typing import Protocol


class Transport(Protocol):
    """The client's side of a stream: may block."""

    def send(self, frame: bytes) -> None:
        """Send all of ``frame``.

        Raises:
            OSError: the other side is gone.
        """

    def receive(
        self, chunks: list[bytes], timeout_s: float | None, *, spin: bool = False
    ) -> bool:  # fmt: skip
        """Append what has arrived to ``chunks``; return False if nothing came in time.

        ``b""`` is appended when the other side is gone. ``spin`` says that something is
        likely to come at once, so that a moment of looking beats going to sleep.
        """

    def fileno(self) -> int:
        """Return the descriptor to poll."""

    def close(self) -> None:
        """End this side."""
