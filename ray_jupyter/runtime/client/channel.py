"""Messages out in batches, messages in by whoever waits.

::

    any thread ── post ──▶ outgoing ── flush ──▶ ┐
                                                 ├ transport ◀──▶ scheduler
    waiting thread ("leader") ◀── receive ────── ┘
    other waiting threads ("followers") sleep until the leader has received something
    attendant thread: flushes what was left behind, receives while nobody leads

Rules
    * ``lock`` guards the client's tables and ``outgoing``; nothing slow happens under it.
      ``__del__`` and weak-reference callbacks never take it: they append to deques.
    * Messages leave in the order they were posted, whoever flushes.
    * The one who waits for a message receives it: a helper thread that always reads costs
      a thread switch per message. The attendant reads only when nobody leads. While the
      main thread computes, a switch to the attendant takes up to 5 ms (the GIL), so nothing
      that others wait for may depend on it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ray_jupyter.errors import RaySystemError
from ray_jupyter.runtime.client.attendant import Attendant
from ray_jupyter.runtime.client.interrupts import InterruptShield
from ray_jupyter.runtime.protocol.messages import FINISHED, SUBMIT, Message, Result, Spec
from ray_jupyter.runtime.protocol.wire import Decoder, encode
from ray_jupyter.runtime.transport.base import LOOK_AGAIN_S, Transport

BATCH = 32
"""Specs that leave together at the latest. From 8 on the gain is small."""
PAUSE_NS = 100_000
"""A submission after a pause this long leaves at once; in a burst it waits for others."""


class Channel:
    """The stream between one client and the scheduler.

    Args:
        transport: connected.
        handlers: what to do with each kind of message; called by whichever thread reads.
        collect: called under ``lock`` before each flush, to post what was gathered aside.
        on_closed: called by the attendant when the other side is gone.
        attend: called by the attendant now and then; returns whether it did something.
        eager: send a lone submission at once (the driver). Workers keep theirs until they
            wait: a child that nobody else has seen can run in place.
    """

    def __init__(
        self, transport: Transport, handlers: dict[int, Callable[..., None]], *,
        collect: Callable[[], bool], on_closed: Callable[[], None],
        attend: Callable[[], bool], eager: bool,
    ) -> None:  # fmt: skip
        self.lock = threading.Lock()
        self.shield = InterruptShield()
        self.outgoing: list[Message] = []
        self.specs: list[Spec] | None = None
        """The specs of the last message of ``outgoing`` if that is a SUBMIT."""
        self.results: list[Result] | None = None
        """The same for FINISHED."""
        self.closed = False
        self.spin = False
        """Whether what is waited for next is likely to come at once."""
        self._transport = transport
        self._handlers = handlers
        self._collect = collect
        self._attend = attend
        self._eager = eager
        self._decoder = Decoder()
        self._chunks: list[bytes] = []
        self._send_lock = threading.Lock()
        self.sent_ns = 0
        self._reader = threading.Lock()
        self._arrived = threading.Condition()
        self._followers = 0
        self.receptions = 0
        """How often something was received and handled; see ``turn``."""
        self.attendant = Attendant(
            transport.fileno(), self._serve, receptions=lambda: self.receptions,
            has_unsent=lambda: bool(self.outgoing), is_over=lambda: self.closed,
            on_over=on_closed,
        )  # fmt: skip

    # Out

    def post(self, message: Message) -> None:
        """Append a message; the caller holds ``lock``."""
        self.specs = self.results = None
        self.outgoing.append(message)

    def post_spec(self, spec: Spec) -> None:
        """Append a submission; the caller holds ``lock``."""
        if self.specs is None:
            self.specs, self.results = [spec], None
            self.outgoing.append((SUBMIT, self.specs))
        else:
            self.specs.append(spec)

    def post_result(self, result: Result) -> int:
        """Append a task's result; the caller holds ``lock``. Return how many wait."""
        if self.results is None:
            self.results, self.specs = [result], None
            self.outgoing.append((FINISHED, self.results))
        else:
            self.results.append(result)
        return len(self.results)

    def is_alone(self) -> bool:
        """Return whether the submission just posted should leave at once, by itself."""
        return (
            self._eager
            and len(self.outgoing) == 1
            and self.specs is not None
            and len(self.specs) == 1
            and time.monotonic_ns() - self.sent_ns > PAUSE_NS
        )

    def send_soon(self) -> None:
        """Send now, or leave it to the next flush of anybody."""
        specs = self.specs
        full = specs is not None and len(specs) >= BATCH
        if full or (self._eager and time.monotonic_ns() - self.sent_ns > PAUSE_NS):
            self.flush()
        elif not self.ticking:
            self.wake()

    def flush(self) -> None:
        """Send everything that was posted.

        Raises:
            RaySystemError: the session is over.
        """
        with self.shield, self._send_lock:
            with self.lock:
                self._collect()
                batch = self.outgoing
                if not batch:
                    return
                self.outgoing = []
                self.specs = self.results = None
            self.sent_ns = time.monotonic_ns()
            try:
                self._transport.send(encode(batch))
            except OSError:
                self._close()
        if self.closed:
            raise RaySystemError("the runtime of this session has ended; call init() again")

    # In

    def turn(self, seen: int, timeout_s: float | None) -> None:
        """Wait until something has been received by anybody, at most ``timeout_s``.

        It may return earlier, after ``LOOK_AGAIN_S``: the caller looks, and takes another turn.

        Args:
            seen: ``receptions`` as it was before the caller looked for what it waits for.
                What another thread received since then would be waited for in vain.
            timeout_s: ``None`` is no limit of the caller's.
        """
        if timeout_s is not None:
            timeout_s = min(timeout_s, LOOK_AGAIN_S)
        # The shield is lifted only for the waiting itself: an interrupt between taking the
        # lead and noting so would leave nobody to receive, for ever.
        with self.shield:
            if self._reader.acquire(blocking=False):
                self._lead(seen, timeout_s)
            else:
                self._follow(seen, timeout_s)

    def _lead(self, seen: int, timeout_s: float | None) -> None:
        try:
            if self.receptions == seen:
                self._receive(timeout_s, spin=self.spin)
        finally:
            self._reader.release()
            if self._followers:
                self._tell_followers()

    def _follow(self, seen: int, timeout_s: float | None) -> None:
        with self._arrived:
            # Announce first, then look: the leader looks for followers after it let go.
            self._followers += 1
            try:
                if self.receptions == seen and self._reader.locked():
                    with self.shield.lifted:
                        self._arrived.wait(LOOK_AGAIN_S if timeout_s is None else timeout_s)
            finally:
                self._followers -= 1

    def _tell_followers(self) -> None:
        with self._arrived:
            self._arrived.notify_all()

    def _receive(self, timeout_s: float | None, *, spin: bool = False) -> bool:
        """Receive once; the caller leads. Return whether anything came."""
        if not self._chunks:
            with self.shield.lifted:
                if not self._transport.receive(self._chunks, timeout_s, spin=spin):
                    return False
        with self.shield:
            while self._chunks:
                chunk = self._chunks.pop(0)
                if not chunk:
                    self._close()
                    break
                for message in self._decoder.feed(chunk):
                    self._handlers[message[0]](*message[1:])
            self.receptions += 1
        if self._followers:
            self._tell_followers()
        return True

    def _close(self) -> None:
        self.closed = True

    # What nobody waits for

    @property
    def ticking(self) -> bool:
        """Whether the attendant will flush within milliseconds by itself."""
        return self.attendant.ticking

    def wake(self) -> None:
        """Have the attendant look soon."""
        self.attendant.wake()

    def _serve(self) -> bool:
        """Do one round; return whether there was anything to do."""
        try:
            busy = self._attend()
            with self.lock:
                busy = self._collect() or bool(self.outgoing) or busy
            if busy:
                self.flush()
            if self._reader.acquire(blocking=False):
                try:
                    busy = self._receive(0) or busy
                finally:
                    self._reader.release()
                    if self._followers:
                        self._tell_followers()
        except RaySystemError:
            return False  # the session is over; whoever waits is told by ``on_closed``
        return busy

    def stop(self) -> None:
        """End the attendant and close the stream."""
        self.shield.uninstall()
        self.attendant.stop()
        self.closed = True
        self._transport.close()
