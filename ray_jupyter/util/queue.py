"""``Queue``: a queue that tasks, actors and the driver share. The interface is Ray's.

The items live in an actor, which answers at once, always: whoever has to wait looks again
after a pause. A ``get`` that waited inside the actor would keep every ``put`` out.

Rules
    * A pause is an eighth of the time waited so far, within limits: an item is noticed late
      by an eighth at most, and a long wait costs 20 looks a second.
    * A task that waits has given its CPU back: it may wait for a task that needs it.
    * An item that was taken for somebody who was interrupted goes back to where it was.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ray_jupyter import api, session
from ray_jupyter.checks import check_timeout
from ray_jupyter.errors import ActorDiedError, StaleRefError
from ray_jupyter.refs import ObjectRef
from ray_jupyter.remote import remote

if TYPE_CHECKING:
    from ray_jupyter.actors import ActorHandle

__all__ = ["Empty", "Full", "Queue"]

PAUSE_MIN_S, PAUSE_MAX_S = 0.003, 0.05
_PAUSE_PART = 8


class Empty(queue.Empty):
    """There was nothing to get, or not in time."""


class Full(queue.Full):
    """There was no room to put, or not in time."""


class Queue:
    """First in, first out; may be passed to tasks and actors.

    Args:
        maxsize: how many items it holds at most; 0 for any number.
        actor_options: options of the actor that holds the items, such as ``num_cpus``.
    """

    actor: ActorHandle | None

    def __init__(self, maxsize: int = 0, actor_options: dict[str, Any] | None = None) -> None:
        if isinstance(maxsize, bool) or not isinstance(maxsize, int):
            raise TypeError(f"maxsize must be a whole number, got {maxsize!r}")
        self.maxsize = maxsize
        self.actor = remote(_Items).options(**(actor_options or {})).remote(maxsize)

    def __len__(self) -> int:
        return self.size()

    def size(self) -> int:
        """Return how many items are in it; the next moment it may be another number."""
        return int(api.get(self._actor().size.remote()))

    def qsize(self) -> int:
        """Return ``size()``."""
        return self.size()

    def empty(self) -> bool:
        """Return whether nothing is in it."""
        return self.size() == 0

    def full(self) -> bool:
        """Return whether it has no room."""
        return 0 < self.maxsize <= self.size()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add an item; wait for room. An ``ObjectRef`` puts its value.

        Raises:
            Full: no room, or none within ``timeout`` seconds.
            ValueError: a negative timeout.
        """
        patience, stored = _Patience(block, timeout), self._stored(item)
        while not api.get(self._actor().put.remote([], stored)):
            _rest(patience.pause_s() or _raise(self._full_text()))

    async def put_async(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add an item as ``put`` does, in a coroutine.

        Raises:
            Full: no room, or none within ``timeout`` seconds.
            ValueError: a negative timeout.
        """
        import asyncio

        patience, stored = _Patience(block, timeout), self._stored(item)
        while not await self._actor().put.remote([], stored):
            await asyncio.sleep(patience.pause_s() or _raise(self._full_text()))

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Remove the oldest item and return it; wait for one.

        Raises:
            Empty: nothing in it, or nothing within ``timeout`` seconds.
            ValueError: a negative timeout.
        """
        patience = _Patience(block, timeout)
        while True:
            taken = self._take(1)
            if taken:
                return taken[0]
            _rest(patience.pause_s() or _raise(None))

    async def get_async(self, block: bool = True, timeout: float | None = None) -> Any:
        """Return the oldest item as ``get`` does, in a coroutine.

        Raises:
            Empty: nothing in it, or nothing within ``timeout`` seconds.
            ValueError: a negative timeout.
        """
        import asyncio

        patience = _Patience(block, timeout)
        while True:
            ref = self._actor().take.remote(1)
            try:
                taken = await ref
            except asyncio.CancelledError:
                self._actor().give_back.remote(ref)
                raise
            if taken:
                return taken[0]
            await asyncio.sleep(patience.pause_s() or _raise(None))

    def put_nowait(self, item: Any) -> None:
        """Add an item now.

        Raises:
            Full: no room.
        """
        self.put(item, block=False)

    def put_nowait_batch(self, items: Iterable[Any]) -> None:
        """Add all items in order, or none of them.

        Raises:
            Full: they do not all fit.
            TypeError: ``items`` is not iterable.
        """
        if not isinstance(items, Iterable):
            raise TypeError(f"put_nowait_batch() needs an iterable of items, got {items!r}")
        batch = list(items)
        if not api.get(self._actor().put.remote(self._stored(batch))):
            raise Full(f"{len(batch)} items do not fit: {self._full_text()}")

    def get_nowait(self) -> Any:
        """Remove the oldest item and return it now.

        Raises:
            Empty: nothing in it.
        """
        return self.get(block=False)

    def get_nowait_batch(self, num_items: int) -> list[Any]:
        """Remove the ``num_items`` oldest items and return them in order, or remove none.

        Raises:
            Empty: there are not so many.
            TypeError, ValueError: not a whole number, or negative.
        """
        if not isinstance(num_items, int):
            raise TypeError(f"num_items must be a whole number, got {num_items!r}")
        if num_items < 0:
            raise ValueError(f"num_items must be at least 0, got {num_items!r}")
        taken = self._take(num_items)
        if taken is None:
            raise Empty(f"the queue does not hold {num_items} items")
        return taken

    def shutdown(self, force: bool = False, grace_period_s: float = 5) -> None:
        """End the actor that holds the items; what is still in the queue is lost.

        Args:
            force: at once, and not after the calls that are under way.
            grace_period_s: how long to wait for those.
        """
        if self.actor is None:
            return
        with suppress(StaleRefError):  # its session has ended, and the actor with it
            if not force:
                api.wait([self.actor.size.remote()], timeout=grace_period_s)
            api.kill(self.actor)
        self.actor = None

    def _actor(self) -> ActorHandle:
        if self.actor is None:
            raise ActorDiedError("this queue was shut down; make another one with Queue()")
        session.owner_of(self.actor._ref)  # or storing an item would start another session
        return self.actor

    def _stored(self, item: Any) -> ObjectRef[Any]:
        """Return a ref of ``item``: however often we ask for room, it is pickled once."""
        self._actor()
        return item if isinstance(item, ObjectRef) else api.put(item)

    def _take(self, count: int) -> list[Any] | None:
        ref = self._actor().take.remote(count)
        try:
            taken: list[Any] | None = api.get(ref)
        except KeyboardInterrupt:  # a Stop button, or this task is being cancelled
            self._actor().give_back.remote(ref)
            raise
        return taken

    def _full_text(self) -> str:
        return f"the queue holds at most {self.maxsize} items"


class _Items:
    """The actor. The lock is for the inline backend, where callers may be threads."""

    def __init__(self, maxsize: int) -> None:
        self._items: deque[Any] = deque()
        self._maxsize = maxsize
        self._lock = threading.Lock()

    def size(self) -> int:
        return len(self._items)

    def put(self, batch: list[Any], *one: Any) -> bool:
        """Add all of it and return True, or nothing.

        A single item is an argument of its own: so a ref becomes its value.
        """
        with self._lock:
            if 0 < self._maxsize < len(self._items) + len(batch) + len(one):
                return False
            self._items.extend((*batch, *one))
            return True

    def take(self, count: int) -> list[Any] | None:
        with self._lock:
            if count > len(self._items):
                return None
            return [self._items.popleft() for _ in range(count)]

    def give_back(self, taken: list[Any] | None) -> None:
        with self._lock:
            self._items.extendleft(reversed(taken or ()))


class _Patience:
    """How long to pause before the next look, while there is time."""

    def __init__(self, block: bool, timeout_s: float | None) -> None:
        if block:
            check_timeout(timeout_s)
        self._begin_s = time.monotonic()
        self._timeout_s = timeout_s if block else 0.0

    def pause_s(self) -> float | None:
        """Return the next pause, ``None`` when the time is over."""
        waited_s = time.monotonic() - self._begin_s
        pause_s = min(max(waited_s / _PAUSE_PART, PAUSE_MIN_S), PAUSE_MAX_S)
        if self._timeout_s is None:
            return pause_s
        left_s = self._timeout_s - waited_s
        return min(pause_s, left_s) if left_s > 0 else None


def _rest(duration_s: float) -> None:
    """Wait; in a task, without the task's resources."""
    session.require().wait((), 1, duration_s)


def _raise(full_text: str | None) -> Any:
    raise Empty("the queue is empty") if full_text is None else Full(full_text)
