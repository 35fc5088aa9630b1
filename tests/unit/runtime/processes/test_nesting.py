"""What runs on top of a task that waits: only what it waits for."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

import pytest

from ray_jupyter.runtime.processes.nesting import Frame, NestingClient
from ray_jupyter.runtime.protocol import messages as m

DEFINITION = (m.TASK, "work", b"", (), (), 2, 3, "", ())


class Channel:
    """Takes what is posted; nothing is received by itself."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.shield = threading.RLock()
        self.posted: list[tuple[Any, ...]] = []
        self.closed = self.ticking = False
        self.receptions = 0

    def post(self, message: tuple[Any, ...]) -> None:
        self.posted.append(message)

    def flush(self) -> None:
        """There is no scheduler."""

    def wake(self) -> None:
        """There is no attendant."""

    def turn(self, seen: int, timeout_s: float | None) -> None:
        raise AssertionError("nothing is left to run, and nothing will come")


class Waiting(NestingClient):
    """A worker's stack, without a process around it. What runs makes its objects."""

    def __init__(self, *offered: int) -> None:
        self._prepare_stack()
        self.channel: Any = Channel()
        self._descriptors = {}
        self._wanted = set()
        self._in_place = deque((task, 1, b"", (), 0) for task in offered)
        self.ran: list[int] = []

    def _frame(self, assignment: m.Assignment) -> Frame:
        return Frame(assignment, DEFINITION)

    def _run(self, frame: Frame) -> None:
        self.ran.append(frame.task_id)
        self._descriptors.update({frame.task_id: b"", frame.task_id + 1: b""})

    def _must_say_that_it_waits(self) -> bool:
        return False


def test_what_is_waited_for_runs_on_top() -> None:
    client = Waiting(10)
    client._block([11], 1, None)
    assert client.ran == [10]


def test_what_another_task_below_waits_for_goes_back() -> None:
    """It could wait for what the top makes: neither would go on."""
    client = Waiting(30, 10)
    client._block([11], 1, None)
    assert client.ran == [10]
    assert (m.RETURNED, [30]) in client.channel.posted


def test_when_nothing_is_for_it_it_waits() -> None:
    client = Waiting(30)
    with pytest.raises(AssertionError, match="nothing will come"):
        client._block([11], 1, None)
    assert client.ran == []
