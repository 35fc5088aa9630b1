"""What the calls of a pool return at once: ``AsyncResult`` and ``IMapIterator``.

A call is done in chunks. The lane that has run one calls ``_settle``, in any order and from
any thread; whoever waits, waits on a condition of the standard library.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections import deque
from multiprocessing import TimeoutError  # noqa: A004 - what the standard library raises
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class AsyncResult:
    """The result of ``apply_async``, ``map_async`` and ``starmap_async``.

    Args:
        chunks: how many there are; 0 is done at once.
        single: the result is the one value of the only chunk, not a list.
        callback: called with the result.
        error_callback: called with the exception.
        calling: held while a callback runs: those of one pool run one after another.
    """

    def __init__(
        self, chunks: int, *, single: bool, callback: Callable[[Any], object] | None,
        error_callback: Callable[[BaseException], object] | None, calling: threading.Lock,
    ) -> None:  # fmt: skip
        self._left = chunks
        self._single = single
        self._callback = callback
        self._error_callback = error_callback
        self._calling = calling
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._parts: dict[int, list[Any]] = {}
        self._error: BaseException | None = None
        if not chunks:
            self._done.set()

    def ready(self) -> bool:
        """Return whether the call is over."""
        return self._done.is_set()

    def successful(self) -> bool:
        """Return whether it ended without an exception.

        Raises:
            ValueError: it is not over.
        """
        if not self.ready():
            raise ValueError(f"{self!r} not ready")
        return self._error is None

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the call is over, at most ``timeout`` seconds."""
        self._done.wait(timeout)

    def get(self, timeout: float | None = None) -> Any:
        """Return the result, or raise what the call raised.

        Raises:
            multiprocessing.TimeoutError: not over within ``timeout`` seconds.
        """
        self.wait(timeout)
        if not self.ready():
            raise TimeoutError(f"no result within {timeout} s")
        if self._error is not None:
            raise self._error
        return self._value()

    def _value(self) -> Any:
        values = [value for number in sorted(self._parts) for value in self._parts[number]]
        return values[0] if self._single else values

    def _settle(self, number: int, values: list[Any] | None, error: BaseException | None) -> None:
        """Chunk ``number`` has been run; the first error is the call's."""
        with self._lock:
            if error is None:
                self._parts[number] = values or []
            elif self._error is None:
                self._error = error
            self._left -= 1
            if self._left:
                return
        try:
            if self._error is None:
                self._call(self._callback, self._value)
            else:
                self._call(self._error_callback, lambda: self._error)
        finally:
            self._done.set()

    def _call(self, callback: Callable[[Any], object] | None, value: Callable[[], Any]) -> None:
        if callback is None:
            return
        with self._calling:
            try:
                callback(value())
            except Exception:  # the user's, and nobody waits for it: it must be seen, no more
                print(f"in the callback of {self!r}:", file=sys.stderr)
                traceback.print_exc()

    def _end(self, count: int) -> None:
        """All chunks have been taken."""

    def _abandon(self, error: BaseException) -> None:
        """The pool has been terminated: what is not there does not come."""
        with self._lock:
            if self._left:
                self._left, self._error = -1, error
        self._done.set()


class IMapIterator:
    """The result of ``imap`` and ``imap_unordered``.

    Args:
        ordered: results come in the order of the items.
        run_next: runs the next chunk in this thread; returns whether there was one. ``None``
            where others run them.
    """

    def __init__(self, *, ordered: bool, run_next: Callable[[], bool] | None) -> None:
        self._ordered = ordered
        self._run_next = run_next
        self._changed = threading.Condition()
        self._early: dict[int, list[tuple[bool, Any]]] = {}
        self._items: deque[tuple[bool, Any]] = deque()
        self._settled = 0
        self._count: int | None = None

    def __iter__(self) -> IMapIterator:
        return self

    def __next__(self) -> Any:
        return self.next()

    def next(self, timeout: float | None = None) -> Any:
        """Return the next result, or raise what its call raised.

        Raises:
            StopIteration: there is no further one.
            multiprocessing.TimeoutError: it did not come within ``timeout`` seconds.
        """
        while self._run_next is not None and not self._items and self._run_next():
            continue
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._is_over(), timeout)
            if self._items:
                succeeded, value = self._items.popleft()
            elif self._is_over():
                raise StopIteration
            else:
                raise TimeoutError(f"no result within {timeout} s")
        if succeeded:
            return value
        raise value

    def _is_over(self) -> bool:
        return self._settled == self._count

    def _settle(self, number: int, values: list[Any] | None, error: BaseException | None) -> None:
        """Chunk ``number`` has been run."""
        outcomes = [(True, value) for value in values or ()]
        if error is not None:
            outcomes = [(False, error)]
        with self._changed:
            if not self._ordered:
                self._items.extend(outcomes)
                self._settled += 1
            else:
                self._early[number] = outcomes
                self._line_up()
            self._changed.notify_all()

    def _line_up(self) -> None:
        """Move what is next in order to the items; under the lock."""
        while self._settled in self._early:
            self._items.extend(self._early.pop(self._settled))
            self._settled += 1

    def _end(self, count: int) -> None:
        """All ``count`` chunks have been taken."""
        with self._changed:
            self._count = count
            self._changed.notify_all()

    def _abandon(self, error: BaseException) -> None:
        """The pool has been terminated: what is not there does not come."""
        with self._changed:
            if not self._is_over():
                self._early.clear()
                self._items.append((False, error))
                self._settled = self._count = -1
            self._changed.notify_all()
