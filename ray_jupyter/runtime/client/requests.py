"""Questions to the scheduler whose answers somebody waits for."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ray_jupyter.runtime.protocol.messages import QUERY, Descriptor

if TYPE_CHECKING:
    from ray_jupyter.runtime.client.channel import Channel


class Requests:
    """Open questions of one client, by number.

    Args:
        check: raises when the session is over.
        collect: posts what has died, under the channel's lock.
        unread: told of answers that nobody took, because the waiting was interrupted.
    """

    def __init__(
        self,
        channel: Channel,
        check: Callable[[], None],
        collect: Callable[[], object],
        unread: Callable[[int, tuple[Any, ...]], None],
    ) -> None:
        self._channel = channel
        self._check = check
        self._collect = collect
        self._unread = unread
        self._ids = itertools.count(1)
        self._answers: dict[int, deque[tuple[Any, ...]]] = {}
        self._expected: dict[int, list[list[Descriptor]]] = {}

    @contextmanager
    def open(self) -> Iterator[int]:
        """Give the number of a new question, valid inside the block."""
        request = next(self._ids)
        answers: deque[tuple[Any, ...]] = deque()
        self._answers[request] = answers
        try:
            yield request
        finally:
            with self._channel.shield:
                del self._answers[request]
                for answer in answers:
                    self._unread(request, answer)

    def ask(self, question: str, argument: Any = None, timeout_s: float | None = None) -> Any:
        """Ask the scheduler (see ``core.queries``) and return its answer.

        Raises:
            RaySystemError: the session is over.
            TimeoutError: it did not answer in time.
        """
        with self.open() as request:
            with self._channel.lock:
                self._collect()  # the answer shall count without what has died already
                self._channel.post((QUERY, request, question, argument))
            self.wait(request, timeout_s)
            return self.take(request)[0]

    def send(self, kind: int, *fields: object) -> Any:
        """Send a message that begins with a request id, and return the answer.

        Raises:
            RaySystemError: the session is over.
        """
        with self.open() as request:
            with self._channel.lock:
                self._channel.post((kind, request, *fields))
            self.wait(request)
            return self.take(request)[0]

    def answered(self, request: int, *answer: Any) -> None:
        """An answer came."""
        waiting = self._answers.get(request)
        if waiting is None:
            self._unread(request, answer)
        else:
            waiting.append(answer)

    def wait(self, request: int, timeout_s: float | None = None) -> None:
        """Return when there is an answer to ``take``; sends what was posted.

        Raises:
            RaySystemError: the session is over.
            TimeoutError: no answer came in time.
        """
        answers = self._answers[request]
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self._channel.flush()
        while True:
            seen = self._channel.receptions
            if answers:
                return
            self._check()
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError(f"the runtime did not answer within {timeout_s} s")
            self._channel.turn(seen, left)

    def take(self, request: int) -> tuple[Any, ...]:
        """Return the next answer; what it grants is the caller's from now on."""
        return self._answers[request].popleft()

    @contextmanager
    def expect(self, object_id: int) -> Iterator[list[Descriptor]]:
        """Have the next delivery of this object come into the given list, inside the block."""
        arrived: list[Descriptor] = []
        waiting = self._expected.setdefault(object_id, [])
        waiting.append(arrived)
        try:
            yield arrived
        finally:
            waiting.remove(arrived)
            if not waiting:
                self._expected.pop(object_id, None)

    def delivered(self, object_id: int, descriptor: Descriptor) -> int:
        """An object came; return how many expected it here."""
        waiting = [arrived for arrived in self._expected.get(object_id, ()) if not arrived]
        for arrived in waiting:
            arrived.append(descriptor)
        return len(waiting)

    def wait_object(self, arrived: list[Descriptor]) -> Descriptor:
        """Return the expected object's descriptor; sends what was posted."""
        self._channel.flush()
        while True:
            seen = self._channel.receptions
            if arrived:
                return arrived[0]
            self._check()
            self._channel.turn(seen, None)
