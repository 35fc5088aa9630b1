"""Keeps ``KeyboardInterrupt`` out of the few lines that must run to their end.

A Stop button may strike between any two bytecodes of the main thread: also between
sending half a frame and noting so. Inside ``with shield:`` the interrupt is remembered,
and delivered at the end of the block. Blocking waits and users' code inside such a block
run ``with shield.lifted:``, where interrupts strike at once again.

Rejected: ``pthread_sigmask`` (another thread receives the signal, and Python still runs
the handler in the main one); reading in a helper thread only (a third more latency).
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal.getsignal: 7 µs for an enum, here 0.1
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any

_SIGINT = int(signal.SIGINT)


mark: Callable[[KeyboardInterrupt], object] | None = None
"""Called with each interrupt before it is raised; a notebook says there how to show it."""


class Interrupted(KeyboardInterrupt):
    """Raised in the main thread to end a task that is being cancelled.

    It strikes whatever runs on top, which may be a child in place of the cancelled task.
    """


class InterruptShield:
    """A reusable, reentrant context; does nothing in threads that are not the main one."""

    __slots__ = ("_depth", "_lifts", "_main", "_pending", "_previous")

    def __init__(self) -> None:
        self._main = threading.main_thread().ident
        self._depth = 0
        self._lifts: list[int] = []
        """The depths that lifted blocks will restore, outermost first."""
        self._pending = False
        self._previous: Any = None

    def __enter__(self) -> None:
        if threading.get_ident() == self._main:
            handler = _signal.getsignal(_SIGINT)
            # ipykernel sets its own handler for every cell, so ours is put on top when it
            # is needed. Without a Python handler there is nothing to defer.
            if handler != self._on_interrupt and callable(handler):
                self._previous = handler
                signal.signal(signal.SIGINT, self._on_interrupt)
            self._depth += 1

    def __exit__(self, *exc_info: object) -> None:
        if threading.get_ident() == self._main:
            self._depth -= 1
            if self._pending and not self._depth:
                self._deliver(None)

    @property
    def lifted(self) -> AbstractContextManager[None]:
        """A context in which interrupts strike at once, however deep the shield is.

        It ends with the first interrupt: what strikes on the way out must find the shield
        up again, or the lines after the block would run without it.
        """
        return _Lifted(self)

    def _on_interrupt(self, signum: int, frame: FrameType | None) -> None:
        if self._depth:
            self._pending = True
        else:
            self._deliver(frame)

    def _deliver(self, frame: FrameType | None) -> None:
        self._pending = False
        lifts = self._lifts
        if lifts:
            self._depth = lifts[-1]
            del lifts[-1]
        depth = self._depth
        try:
            self._previous(signal.SIGINT, frame)
        except KeyboardInterrupt as interrupt:
            if mark is not None:
                mark(interrupt)
            raise
        if depth:  # the handler did not raise: the block goes on
            lifts.append(depth)
            self._depth = 0

    def uninstall(self) -> None:
        """Put the former handler back, if ours is still there."""
        if (
            threading.get_ident() == self._main
            and self._previous is not None
            and _signal.getsignal(_SIGINT) == self._on_interrupt
        ):
            signal.signal(signal.SIGINT, self._previous)


class _Lifted:
    """One lifted block of one thread."""

    __slots__ = ("_level", "_shield")

    def __init__(self, shield: InterruptShield) -> None:
        self._shield = shield
        self._level = -1

    def __enter__(self) -> None:
        shield = self._shield
        if threading.get_ident() == shield._main:
            self._level = len(shield._lifts)
            shield._lifts.append(shield._depth)
            shield._depth = 0
            if shield._pending:
                shield._deliver(None)

    def __exit__(self, *exc_info: object) -> None:
        shield = self._shield
        if 0 <= self._level < len(shield._lifts):  # else an interrupt has ended it already
            # Not ``= pop()``: an interrupt after the call would find neither the entry nor
            # the depth, and the shields around us would count from the wrong one.
            shield._depth = shield._lifts[-1]
            del shield._lifts[-1]
