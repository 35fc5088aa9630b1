"""``concurrent.futures`` for objects: settled by the channel's attendant."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class Futures:
    """The open futures of one client; of a stream's key too, which gets ``None``.

    Args:
        load: returns the value of an object that is there, or raises its error.
        drop: ends the reference that a future has.
    """

    def __init__(self, load: Callable[[int], Any], drop: Callable[[int], object]) -> None:
        self._load = load
        self._drop = drop
        self._open: dict[int, list[Future[Any]]] = {}
        self._arrived: deque[int] = deque()

    def add(self, object_id: int, *, is_there: bool) -> Future[Any]:
        """Return a new future of an object; the caller holds the client's lock."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self._open.setdefault(object_id, []).append(future)
        if is_there:
            self._arrived.append(object_id)
        return future

    def arrived(self, object_id: int) -> bool:
        """The object is there; return whether a future waits. Under the client's lock."""
        if object_id not in self._open:
            return False
        self._arrived.append(object_id)
        return True

    def settle(self) -> bool:
        """Give futures their values; return whether there were any. Runs users' callbacks."""
        settled = False
        while self._arrived:
            try:
                object_id = self._arrived.popleft()
            except IndexError:  # another thread settles, too
                break
            for future in self._open.pop(object_id, ()):
                settled = True
                try:
                    value = self._load(object_id) if object_id > 0 else None
                except BaseException as error:  # it belongs to whoever waits for the future
                    future.set_exception(error)
                else:
                    future.set_result(value)
                self._drop(object_id)
        return settled

    def fail(self, error: BaseException) -> None:
        """The session is over: no value will come any more."""
        while self._open:
            _, futures = self._open.popitem()
            for future in futures:
                future.set_exception(error)
