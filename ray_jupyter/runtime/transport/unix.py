"""Unix stream sockets, inherited, or connected through a session's door (``door``).

Measured against the alternatives in docs/design/performance.md: a quarter of the latency
of ZeroMQ per hop, exact end of file, and descriptors can be passed.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from collections import deque

from ray_jupyter.runtime.transport.base import LOOK_AGAIN_S

RECEIVE_BYTES = 1 << 16
"""Room for one read. From 128 KiB on malloc maps fresh pages for the buffer, and gives them back,
each time: 16 µs more per hop, of four in a call (measured)."""
BACKLOG = 16
"""So many may wait at a door until the scheduler has time for them."""
SPIN_NS = 400_000
"""How long to look again before sleeping: waking a sleeping core takes half as long.

Longer than one call at a time takes, or each of the three processes falls asleep just before
it is needed (medians of 7 processes: 252 µs with 0.1 ms, 146 µs with 0.4 ms)."""
_ONE_READ = (RECEIVE_BYTES,)


class UnixTransport:
    """A client's end; see ``Transport``. One thread may send while another receives."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        # The kernel's own timeout: with a timeout of Python's every read would poll first.
        seconds, microseconds = divmod(round(LOOK_AGAIN_S * 1e6), 1_000_000)
        limit = struct.pack("ll", seconds, microseconds)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self._socket = sock
        self._recv = sock.recv
        self._owner_pid = os.getpid()
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def send(self, frame: bytes) -> None:
        """See ``Transport``."""
        self._socket.sendall(frame)

    def receive(self, chunks: list[bytes], timeout_s: float | None, *, spin: bool = False) -> bool:
        """See ``Transport``."""
        if spin:
            limit_ns = time.monotonic_ns() + SPIN_NS
            while not self._poll.poll(0) and time.monotonic_ns() < limit_ns:
                os.sched_yield()
        if timeout_s is not None and not self._poll.poll(max(0, int(timeout_s * 1000 + 0.999))):
            return False
        try:
            # One C call from the socket into the list. In ``chunks.append(recv(n))`` a
            # KeyboardInterrupt could strike between the two and lose what was received.
            chunks.extend(map(self._recv, _ONE_READ))
        except BlockingIOError:
            return False
        except OSError:  # reset, or closed by another thread of ours
            chunks.append(b"")
        return True

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return self._socket.fileno()

    def close(self) -> None:
        """End this side, also for a thread that is receiving right now.

        A forked child has the same stream: its closing must not end its parent's session.
        """
        if os.getpid() == self._owner_pid:
            with contextlib.suppress(OSError):  # the other side was faster
                self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class UnixPeer:
    """The scheduler's end: never blocks; what the other side does not read yet waits here."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._unsent: deque[memoryview] = deque()

    @property
    def is_congested(self) -> bool:
        """Whether something waits to be sent (poll for writing, then ``flush``)."""
        return bool(self._unsent)

    @property
    def unsent_bytes(self) -> int:
        """How much waits."""
        return sum(map(len, self._unsent))

    def send(self, frame: bytes) -> None:
        """Send what fits now; keep the rest. A closed other side is seen by ``receive``."""
        if self._unsent:
            self._unsent.append(memoryview(frame))
            return
        try:
            sent = self._socket.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            return
        if sent < len(frame):
            self._unsent.append(memoryview(frame)[sent:])

    def flush(self) -> None:
        """Send more of what waits."""
        try:
            while self._unsent:
                sent = self._socket.send(self._unsent[0])
                if sent < len(self._unsent[0]):
                    self._unsent[0] = self._unsent[0][sent:]
                    return
                self._unsent.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._unsent.clear()

    def receive(self) -> bytes | None:
        """Return what has arrived, ``None`` for nothing, ``b""`` for the end."""
        try:
            return self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return self._socket.fileno()

    def close(self) -> None:
        """End this side."""
        self._socket.close()


def peer_of(stream: socket.socket) -> tuple[int, int]:
    """Return (pid, uid) of the other side; where the system does not tell, (0, our uid).

    The directory keeps other users out also where this cannot.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return 0, os.getuid()
    size = struct.calcsize("3i")
    pid, uid, _ = struct.unpack(
        "3i", stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    )
    return pid, uid
