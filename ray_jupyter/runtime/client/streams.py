"""The streams that this process reads: items that have come and nobody has taken yet.

Lives here: ``Signals`` (what can be waited for like an object, and is none) and ``Streams``.
Does not: what users see (``ray_jupyter.generators``), the other end (``processes.streaming``).

Rules
    * An item is a counted reference of this process from the moment the scheduler tells of it.
    * A stream is forgotten when both ends are done: it was closed here, and the scheduler has
      said that it ended.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.protocol.ids import stream_key

if TYPE_CHECKING:
    from ray_jupyter.runtime.client.channel import Channel
    from ray_jupyter.runtime.client.counting import Counts
    from ray_jupyter.runtime.client.futures import Futures

T = TypeVar("T")


class Signals:
    """Keys among the ids of objects (see ``protocol.ids``): waited for in the same way.

    All methods need the client's lock.

    Args:
        there: descriptors by id.
        futures: told of what is fulfilled.
    """

    def __init__(self, there: dict[int, m.Descriptor], futures: Futures) -> None:
        self.there = there
        self._futures = futures

    def fulfil(self, key: int) -> bool:
        """Whoever waits for ``key`` may go on; return whether a future waits."""
        self.there[key] = b""
        return self._futures.arrived(key)

    def revoke(self, key: int) -> None:
        """From now on whoever waits for ``key`` has to wait."""
        self.there.pop(key, None)


class _Stream:
    __slots__ = ("closed", "items", "limit", "state", "taken")

    def __init__(self) -> None:
        self.items: deque[int] = deque()
        self.state = m.OPEN
        self.closed = False
        self.limit = 0
        self.taken = 0


class Streams:
    """The streams of one client.

    Args:
        await_objects: waits for ids and keys; see ``Client.await_objects``.
    """

    def __init__(
        self, channel: Channel, counts: Counts, signals: Signals,
        await_objects: Callable[[Sequence[int], int, float | None], None],
    ) -> None:  # fmt: skip
        self._channel = channel
        self._counts = counts
        self._signals = signals
        self._await = await_objects
        self._streams: dict[int, _Stream] = {}
        self._closing: deque[int] = deque()
        self.close = self._closing.append
        """Tells that nobody will read a task's stream any more: once, and from anywhere."""

    def open(self, task_id: int, limit: int) -> None:
        """The stream of a task just submitted will be read; see ``Backend.open_stream``."""
        with self._channel.shield, self._channel.lock:
            self._stream(task_id).limit = limit

    def _stream(self, task_id: int) -> _Stream:
        stream = self._streams.get(task_id)
        if stream is None:
            stream = self._streams[task_id] = _Stream()
        return stream

    def next_item(
        self, task_id: int, timeout_s: float | None, make: Callable[[int], T]
    ) -> T | None:  # fmt: skip
        """See ``Backend.next_item``."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        looked = False
        while True:
            item = self._take(task_id, make)
            if item is not None:
                return item
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if looked and left == 0:
                return None
            self._await([stream_key(task_id)], 1, left)
            looked = True

    def _take(self, task_id: int, make: Callable[[int], T]) -> T | None:
        channel = self._channel
        with channel.shield:  # until the item belongs to what ``make`` made
            with channel.lock:
                stream = self._streams.get(task_id)
                if stream is None:
                    raise StopIteration  # closed
                if not stream.items:
                    return self._last(stream, task_id, make)
                item = make(stream.items[0])
                stream.items.popleft()
                if not stream.items and stream.state == m.OPEN:
                    self._signals.revoke(stream_key(task_id))
                if not stream.limit:
                    return item
                stream.taken += 1
                channel.post((m.CONSUMED, task_id, stream.taken))
            channel.send_soon()
            return item

    def _last(self, stream: _Stream, task_id: int, make: Callable[[int], T]) -> T | None:
        """Return what follows the last item: nothing yet, or the completion with its error."""
        if stream.state == m.OPEN:
            return None
        if stream.state == m.ENDED:
            raise StopIteration
        stream.state = m.ENDED
        if self._counts.add(task_id):
            self._channel.post((m.HOLD, [task_id]))
        return make(task_id)

    def is_over(self, task_id: int) -> bool:
        """See ``Backend.is_stream_over``."""
        with self._channel.shield, self._channel.lock:
            stream = self._streams.get(task_id)
            return stream is None or (stream.state == m.ENDED and not stream.items)

    # The client's hooks

    def on_stream(self, task_id: int, items: list[tuple[int, bytes | None]], state: int) -> None:
        """Items came, or the end."""
        settles = False
        with self._channel.lock:
            stream = self._stream(task_id)
            stream.state = state
            self._count(stream, items)
            if not stream.closed:
                settles = self._signals.fulfil(stream_key(task_id))
            elif state != m.OPEN:
                self._forget(task_id)
        if settles:
            self._channel.wake()

    def _count(self, stream: _Stream, items: list[tuple[int, bytes | None]]) -> None:
        for object_id, value in items:
            self._counts.begin(object_id)
            if stream.closed:
                self._counts.drop(object_id)
                continue
            if value is not None:
                self._signals.there[object_id] = value
            stream.items.append(object_id)

    def collect(self) -> bool:
        """Post what has been closed; under the lock. Return whether there was anything."""
        closed: list[int] = []
        while self._closing:
            task_id = self._closing.popleft()
            stream = self._stream(task_id)
            stream.closed = True
            for object_id in stream.items:
                self._counts.drop(object_id)
            stream.items.clear()
            if stream.state == m.OPEN:
                closed.append(task_id)
            else:
                self._forget(task_id)
        if closed:
            self._channel.post((m.CLOSED, closed))
        return bool(closed)

    def _forget(self, task_id: int) -> None:
        del self._streams[task_id]
        self._signals.revoke(stream_key(task_id))
