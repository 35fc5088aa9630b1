"""The objects of one process: which are known, waiting for them, loading them.

Lives here: ids, which descriptors are known, and waiting. Does not: moving messages
(``channel``), counting references (``counting``), copying (``values``), calls (``client``).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from typing import Any

from ray_jupyter.errors import GetTimeoutError, RaySystemError
from ray_jupyter.runtime.client.channel import Channel
from ray_jupyter.runtime.client.counting import Counts
from ray_jupyter.runtime.client.futures import Futures
from ray_jupyter.runtime.client.mappings import Mappings
from ray_jupyter.runtime.client.requests import Requests
from ray_jupyter.runtime.client.streams import Signals, Streams
from ray_jupyter.runtime.client.values import LostValueError, Values
from ray_jupyter.runtime.client.waiting import Missing
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.protocol.ids import first_id
from ray_jupyter.runtime.store.segment import Segment
from ray_jupyter.runtime.transport.base import Transport

_ENDED = (
    "the runtime of this session has ended; its objects are gone. Call init() "
    "(%ray_start in a notebook) to start again"
)
_RECLAIMED = ("reclaimed",)
"""In place of a descriptor: the object is there, but where has to be asked again."""


class Objects:
    """See the module docstring; the public methods are those of ``Backend``."""

    eager = True

    def __init__(
        self, transport: Transport, segment: Segment, *, client_id: int, session_id: str,
        spill_dir: str, inline_max_bytes: int,
    ) -> None:  # fmt: skip
        self.session_id = session_id
        self.client_id = client_id
        self._next_id = first_id(client_id)
        self._counts = Counts()
        self.drop = self._counts.drop
        self._descriptors: dict[int, m.Descriptor] = {}
        self._wanted: set[int] = set()
        self._futures = Futures(lambda object_id: self.get([object_id], None)[0], self.drop)
        self.signals = Signals(self._descriptors, self._futures)
        self._inline_max_bytes = inline_max_bytes
        self._segment = segment
        self.channel = Channel(
            transport, self._handlers(), collect=self._collect, on_closed=self._lost,
            attend=self._attend, eager=self.eager,
        )  # fmt: skip
        self._requests = Requests(self.channel, self._check, self._collect, self._unread)
        self.query = self._requests.ask
        self.streams = Streams(self.channel, self._counts, self.signals, self.await_objects)
        self._mappings = Mappings(segment)
        self.values = Values(
            self.channel, self._requests, segment, self._mappings, self._collect, self.end_use,
            spill_dir,
        )  # fmt: skip

    def _handlers(self) -> dict[int, Any]:
        return {
            m.OBJECTS: self._on_objects,
            m.GRANT: lambda request, *answer: self._requests.answered(request, m.GRANT, *answer),
            m.DENY: lambda request, text: self._requests.answered(request, m.DENY, text),
            m.SPILL: lambda request, victims: self._requests.answered(request, m.SPILL, victims),
            m.REPLY: lambda request, answer: self._requests.answered(request, answer),
            m.RECLAIM: self._on_reclaim,
            m.STREAM: lambda *message: self.streams.on_stream(*message),
        }

    # Loading and waiting

    def hold(self, object_id: int) -> None:
        """See ``Backend.hold``."""
        with self.channel.shield, self.channel.lock:
            if object_id > 0 and self._counts.add(object_id):  # not the key of a stream
                self.channel.post((m.HOLD, [object_id]))

    def get(self, ids: Sequence[int], timeout_s: float | None) -> list[Any]:
        """See ``Backend.get``."""
        descriptors = self._descriptors
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        for object_id in ids:
            if object_id not in descriptors:
                self.await_objects(ids, len(ids), timeout_s)
                break
        values = []
        for object_id in ids:
            descriptor = descriptors.get(object_id)
            if type(descriptor) is bytes:
                values.append(self.values.load(object_id, descriptor))
                continue
            found = self._load_late(object_id, deadline, ids)
            if not found:
                raise GetTimeoutError(
                    f"{len(ids) - len(values)} of {len(ids)} objects were not ready within "
                    f"{timeout_s} s; their tasks go on, and get can be called again"
                )
            values += found
        return values

    def _load_late(self, object_id: int, deadline: float | None, asked: Sequence[int]) -> list[Any]:
        """Return the value, in a list, which is empty if it does not come in time."""
        while True:
            # Shielded, so that what begins to be used ends to be: unpickling lifts.
            with self.channel.shield:
                descriptor = self._use(object_id)
                if descriptor is not None:
                    try:
                        return [self.values.load(object_id, descriptor, asked)]
                    except LostValueError:
                        continue  # it moved, or is made again, or an error says why not
                    finally:
                        self._end_use_of(object_id, descriptor)
            left_s = None if deadline is None else deadline - time.monotonic()
            if left_s is not None and left_s <= 0:
                return []
            self.await_objects([object_id], 1, left_s)  # it moved meanwhile

    def _use(self, object_id: int) -> m.Descriptor:
        """Return the descriptor if it is known; a stored one stays where it is until ended."""
        descriptor = self._descriptors.get(object_id)
        if type(descriptor) is bytes or descriptor is None:
            return descriptor
        with self.channel.shield, self.channel.lock:
            descriptor = self._descriptors.get(object_id)
            if type(descriptor) is tuple:
                if descriptor[0] == m.STORED:
                    self._mappings.begin_use(object_id)
                elif descriptor[0] == m.SPILLED:  # not remembered: its file goes when restored
                    del self._descriptors[object_id]
                elif descriptor is _RECLAIMED:
                    del self._descriptors[object_id]
                    return None
        return descriptor

    def _end_use_of(self, object_id: int, descriptor: m.Descriptor) -> None:
        if type(descriptor) is tuple and descriptor[0] == m.STORED:
            self.end_use(object_id)

    def end_use(self, object_id: int) -> None:
        """A stored object has been loaded; views of it keep it in place from now on."""
        with self.channel.shield, self.channel.lock:
            self._mappings.end_use(object_id)

    def wait(
        self, ids: Sequence[int], num_returns: int, timeout_s: float | None
    ) -> tuple[list[int], list[int]]:
        """See ``Backend.wait``."""
        descriptors = self._descriptors
        ready = [i for i in ids if i in descriptors][:num_returns]
        if len(ready) < num_returns:
            self.await_objects(ids, num_returns, timeout_s)
            ready = [i for i in ids if i in descriptors][:num_returns]
        chosen = set(ready)
        return ready, [i for i in ids if i not in chosen]

    def await_objects(self, ids: Sequence[int], needed: int, timeout_s: float | None) -> None:
        """Return when ``needed`` of ``ids`` are there, or the time is over.

        Raises:
            RaySystemError: the session ended meanwhile.
        """
        self._want(ids)
        if timeout_s is not None and timeout_s <= 0:
            self.query("ping")  # whatever is there has been delivered when this is answered
            return
        self._wait_for(ids, needed, timeout_s)

    def _want(self, ids: Sequence[int]) -> None:
        with self.channel.lock:
            fresh = self._unknown(ids, self._wanted)
            if fresh:
                # In this order: an interrupt between the two may ask twice, never not at all.
                self.channel.post((m.WANT, fresh))
                self._wanted.update(fresh)
        if self.channel.outgoing:
            self.channel.flush()

    def _unknown(self, ids: Sequence[int], wanted: Collection[int] = ()) -> list[int]:
        """Return, once each, objects neither there nor in ``wanted``, no keys; under the lock."""
        there = self._descriptors
        return [i for i in dict.fromkeys(ids) if i > 0 and i not in there and i not in wanted]

    def _wait_for(self, ids: Sequence[int], needed: int, timeout_s: float | None) -> None:
        """Receive until ``needed`` of ``ids`` are there."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        missing = Missing(ids, needed, self._descriptors)
        while True:
            seen = self.channel.receptions
            if missing.is_over():
                return
            self._check()
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return
            self.channel.turn(seen, left)

    def future(self, object_id: int) -> Future[Any]:
        """See ``Backend.future``."""
        self.hold(object_id)
        with self.channel.lock:
            future = self._futures.add(object_id, is_there=object_id in self._descriptors)
        self._want([object_id])
        self.channel.wake()
        return future

    # What arrives

    def _on_objects(self, objects: list[tuple[int, m.Descriptor]]) -> None:
        settles = False
        with self.channel.lock:
            for object_id, descriptor in objects:
                stored = type(descriptor) is tuple and descriptor[0] == m.STORED
                if stored:
                    self._mappings.delivered(object_id)
                self._wanted.discard(object_id)
                expected = self._requests.delivered(object_id, descriptor)
                for _ in range(expected if stored else 0):
                    self._mappings.begin_use(object_id)
                if object_id in self._counts:
                    self._descriptors[object_id] = descriptor
                    if stored:
                        self._mappings.keep(object_id)
                elif stored:
                    self._mappings.forget(object_id)
                settles = self._futures.arrived(object_id) or settles
        if settles:
            self.channel.wake()

    def _on_reclaim(self) -> None:
        with self.channel.lock:
            for object_id in self._mappings.reclaimable():
                # Still known to be there: somebody may be about to see that he waited for it.
                self._descriptors[object_id] = _RECLAIMED
                self._mappings.forget(object_id)
        self.channel.wake()

    # The channel's hooks

    def _collect(self) -> bool:
        """Post what died since the last time; under the lock. Return whether it was much."""
        posted = self.streams.collect()
        released = self._counts.collect()
        if released:
            for object_id in released:
                descriptor = self._descriptors.pop(object_id, None)
                if type(descriptor) is tuple and descriptor[0] == m.STORED:
                    self._mappings.forget(object_id)
            self.channel.post((m.RELEASE, released))
            posted = True
        if self._mappings.has_ended and (unpinned := self._mappings.collect()):
            self.channel.post((m.UNPIN, unpinned))
            posted = True
        return posted

    def _attend(self) -> bool:
        """Settle futures whose value came; in the attendant."""
        return self._futures.settle()

    def _unread(self, request: int, answer: tuple[Any, ...]) -> None:
        """An answer came that nobody waits for any more."""
        self.values.give_back(request, answer)

    def _check(self) -> None:
        if self.channel.closed:
            raise RaySystemError(_ENDED)

    def _lost(self) -> None:
        self._futures.fail(RaySystemError(_ENDED))

    def close(self) -> None:
        """Leave the session."""
        self.channel.stop()
        self._segment.close()
        self._lost()
