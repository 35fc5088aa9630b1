"""Calls of an actor with ``max_concurrency``: each in a thread, so many at once per group."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING

from ray_jupyter.errors import ActorExit, RaySystemError
from ray_jupyter.runtime.client.interrupts import Interrupted
from ray_jupyter.runtime.client.running import RUNNING
from ray_jupyter.runtime.processes.calls import ENDED, Calls, Host, asks_to_end, group_of
from ray_jupyter.runtime.protocol import messages as m

if TYPE_CHECKING:
    from ray_jupyter.runtime.processes.nesting import Frame


class _Group:
    """The threads of one concurrency group; they are started when they are needed."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.threads = 0
        self.pending = 0
        """Calls that are queued or run."""
        self.queue: SimpleQueue[Frame] = SimpleQueue()


class ThreadCalls(Calls):
    """See the module docstring."""

    def __init__(self, host: Host, limits: dict[str, int]) -> None:
        self._host = host
        self._groups = {name: _Group(limit) for name, limit in limits.items()}
        self._changed = threading.Condition()
        self._queued: dict[int, Frame] = {}
        self._running = 0
        self._leaving = 0
        """Running calls that wait for the others, to end the process."""
        self._closed = False

    def submit(self, frame: Frame) -> None:
        """See ``Calls``."""
        if self._closed:
            return  # it fails when the process has ended
        if asks_to_end(frame):
            self._closed = True
            self._start(self._terminate)
            return
        group = self._groups[group_of(frame)]
        with self._changed:
            self._queued[frame.task_id] = frame
            group.pending += 1
            starts = group.threads < min(group.pending, group.limit)
            group.threads += starts
        group.queue.put(frame)
        if starts:
            self._start(self._work, group)

    def kick(self) -> None:
        """See ``Calls``; here they start at once."""

    def cancel(self, task_id: int) -> bool:
        """See ``Calls``. What runs may ask whether it was cancelled; generators end."""
        with self._changed:
            frame = self._queued.pop(task_id, None)
        if frame is None:
            return False
        self._host.drop_call(frame)
        return True

    def _start(self, target: object, *args: object) -> None:
        threading.Thread(target=target, args=args, daemon=True, name="ray_jupyter-call").start()  # type: ignore[arg-type]

    def _work(self, group: _Group) -> None:
        while True:
            frame = group.queue.get()
            with self._changed:
                mine = self._queued.pop(frame.task_id, None) is not None
                self._running += mine
            if mine:
                self._run(frame)
            with self._changed:
                group.pending -= 1
                self._running -= mine
                self._changed.notify_all()
            if group.queue.empty():
                self._send()

    def _run(self, frame: Frame) -> None:
        host = self._host
        RUNNING.set(frame)
        start_ns, cpu_ns = time.monotonic_ns(), time.thread_time_ns()
        try:
            status, outputs, value = host.executor.run(
                frame.assignment, frame.definition, host.whose
            )
        except Interrupted:  # a generator was asked to end: see ``Streaming.interrupt``
            status, outputs, value = m.CANCELLED, b"", None
        except ActorExit as leaving:
            self._leave(leaving.how)
            return
        cpu_ns = time.thread_time_ns() - cpu_ns
        if host.report_call(frame, status, outputs, start_ns, cpu_ns):
            self._send()
        else:
            host.send_soon()
        del value  # references inside may be released from here on: see ``Executor.run``

    def _send(self) -> None:
        try:
            self._host.send()
        except RaySystemError:
            return  # the session is over, and the main thread ends the process

    def _leave(self, how: str) -> None:
        """End the process once the calls that run have ended; those queued do not begin."""
        with self._changed:
            self._closed = True
            self._queued.clear()
            self._leaving += 1
            self._changed.notify_all()
        self._host.say_exit(how)
        with self._changed:
            self._changed.wait_for(lambda: self._running == self._leaving)
        self._host.exit()

    def _terminate(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not (self._queued or self._running))
        self._host.say_exit(ENDED)
        self._host.exit()
