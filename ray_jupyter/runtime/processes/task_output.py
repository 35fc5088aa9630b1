"""A worker's ``sys.stdout`` and ``sys.stderr``: text streams that say whose each piece is.

See ``protocol.output``. What code in C or a subprocess writes to the descriptors themselves has no
mark of its own; the scheduler then takes the task that the worker announced.
"""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ray_jupyter.runtime.client.running import RUNNING
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.protocol.output import STDERR, STDOUT, framed, mark

if TYPE_CHECKING:
    from ray_jupyter.runtime.client.client import Client


class TaskStream(io.TextIOWrapper):
    """Writes lines at once, each after the mark of its task if that is another one.

    Args:
        fd: the pipe.
        current_task: returns the id of the task that runs in the calling thread, or 0.
    """

    def __init__(self, fd: int, current_task: Callable[[], int]) -> None:
        # A buffer of our own: the stream must never close the descriptor.
        super().__init__(
            io.BufferedWriter(io.FileIO(fd, "wb", closefd=False)), encoding="utf-8", errors="backslashreplace",
            line_buffering=True,
        )  # fmt: skip
        self._current_task = current_task
        self._marked = 0
        self._lock = threading.RLock()
        self.has_written = False
        """Whether something was written that nobody was told of."""

    def write(self, text: str) -> int:
        """Write text; see ``io.TextIOBase.write``."""
        with self._lock:
            task_id = self._current_task()
            if task_id != self._marked:
                self.flush()
                self._marked = task_id
                self.buffer.write(mark(task_id))
            self.has_written = True
            return super().write(text)

    def publish(self, kind: str, content: dict[str, Any]) -> None:
        """Write a message for front ends, in the order of what is printed."""
        data = json.dumps([kind, content]).encode()  # without control characters: no mark in it
        with self._lock:
            self.write("")
            self.flush()
            self.buffer.write(framed(data))
            self.flush()

    def flush(self) -> None:
        """Write what is buffered into the pipe."""
        with self._lock:
            super().flush()


class Printed:
    """The standard streams of a worker; from now on what its tasks print goes through them."""

    def __init__(self, worker: Client) -> None:
        self._worker = worker
        self.out = TaskStream(STDOUT, self._current_task)
        self.err = TaskStream(STDERR, self._current_task)
        sys.stdout = sys.__stdout__ = self.out  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = self.err  # type: ignore[misc]

    def leave(self) -> None:
        """Have what was printed read before the result of the task that printed it."""
        if not (self.out.has_written or self.err.has_written):
            return
        for stream in (self.out, self.err):
            stream.has_written = False
            stream.flush()
        with self._worker.channel.lock:
            self._worker.channel.post((m.PRINTED,))

    def _current_task(self) -> int:
        running = RUNNING.get()
        return self._worker.parent_task if running is None else running.task_id
