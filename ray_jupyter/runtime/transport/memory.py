"""Two ends in one process, for tests: frames cross in a queue, a pipe carries one byte each.

The pipe makes an end pollable, and its end of file says that the other side is gone.
"""

from __future__ import annotations

import os
import select
from collections import deque

from ray_jupyter.runtime.transport.base import LOOK_AGAIN_S


class MemoryTransport:
    """One end of ``pair``. One thread may send while another receives."""

    def __init__(
        self, arrived: deque[bytes], sent: deque[bytes], readable: int, writable: int
    ) -> None:
        self._arrived = arrived
        self._sent = sent
        self._readable = readable
        self._writable = writable
        self._poll = select.poll()
        self._poll.register(readable, select.POLLIN)

    def send(self, frame: bytes) -> None:
        """See ``Transport``."""
        self._sent.append(frame)
        os.write(self._writable, b"\0")

    def receive(self, chunks: list[bytes], timeout_s: float | None, *, spin: bool = False) -> bool:
        """See ``Transport``."""
        if not self._poll.poll((LOOK_AGAIN_S if timeout_s is None else timeout_s) * 1000):
            return False
        chunks.append(self._arrived.popleft() if os.read(self._readable, 1) else b"")
        return True

    def fileno(self) -> int:
        """See ``Transport``."""
        return self._readable

    def close(self) -> None:
        """See ``Transport``."""
        if self._readable >= 0:
            os.close(self._readable)
            os.close(self._writable)
            self._readable = self._writable = -1


def pair() -> tuple[MemoryTransport, MemoryTransport]:
    """Return two connected ends."""
    there: deque[bytes] = deque()
    back: deque[bytes] = deque()
    first_readable, second_writable = os.pipe()
    second_readable, first_writable = os.pipe()
    return (
        MemoryTransport(back, there, first_readable, first_writable),
        MemoryTransport(there, back, second_readable, second_writable),
    )
