"""The thread that does what nobody waits for.

It sends what was left behind, receives while nobody leads, and settles futures.

It sleeps until something arrives or somebody wakes it, then looks every few milliseconds
until there has been silence for a while. Nothing that others wait for may depend on it:
while the main thread computes, a switch to it takes up to 5 ms (the GIL).
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable

_TICK_S = 0.002
_QUIET_TICKS = 25
_LOOK_MS = 500
"""How often it looks for dead references when nothing else happens."""


class Attendant:
    """The attendant of one channel.

    Args:
        fd: becomes readable when something arrives.
        serve: does one round; returns whether there was anything to do.
        receptions: grows when anybody receives.
        has_unsent: whether something waits to be sent.
        is_over: whether the session is.
        on_over: called once at the end if it is.
    """

    def __init__(
        self, fd: int, serve: Callable[[], bool], *, receptions: Callable[[], int],
        has_unsent: Callable[[], bool], is_over: Callable[[], bool], on_over: Callable[[], None],
    ) -> None:  # fmt: skip
        self.ticking = False
        """Whether it will look again within milliseconds by itself."""
        self._fd = fd
        self._serve = serve
        self._receptions = receptions
        self._has_unsent = has_unsent
        self._session_is_over = is_over
        self._on_over = on_over
        self._stopping = False
        self._thread: threading.Thread | None = None
        # Sockets, not a pipe: writing to a closed one fails, instead of reaching whatever
        # file got the number since.
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(
            target=self._attend, name="ray_jupyter-attendant", daemon=True
        )
        self._thread.start()

    def wake(self) -> None:
        """Have it look soon."""
        self.ticking = True
        try:
            self._wake_write.send(b"\0")
        except OSError:  # it has enough to read, or the session is over
            return

    def stop(self) -> None:
        """End the thread."""
        self._stopping = True
        if self._thread is not None and self._thread is not threading.current_thread():
            self.wake()
            self._thread.join()
        self._wake_read.close()
        self._wake_write.close()

    def _attend(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        again = False
        while not self._is_over():
            if not again:
                if not poll.poll(_LOOK_MS) and not self._serve():
                    continue  # nothing came and no reference died: stay asleep
                self._drain()
            self.ticking = True
            quiet, seen = 0, -1
            while quiet < _QUIET_TICKS and not self._is_over():
                busy = self._serve()
                # Others receiving is traffic too; only silence lets the attendant sleep.
                quiet = 0 if busy or self._receptions() != seen else quiet + 1
                seen = self._receptions()
                time.sleep(_TICK_S)
            self.ticking = False
            # Something may have been posted since the last look, by somebody who saw us
            # ticking and therefore did not wake us.
            again = self._has_unsent()
        if self._session_is_over():
            self._on_over()  # here, because it runs users' callbacks and we hold no lock

    def _is_over(self) -> bool:
        return self._stopping or self._session_is_over()

    def _drain(self) -> None:
        try:
            while self._wake_read.recv(4096):
                pass
        except BlockingIOError:
            return
