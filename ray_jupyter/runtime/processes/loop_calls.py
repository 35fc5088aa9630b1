"""Calls of an actor with ``async def`` methods: coroutines on one event loop, in its thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from ray_jupyter.errors import ActorExit, RaySystemError
from ray_jupyter.runtime.client.running import RUNNING
from ray_jupyter.runtime.processes.calls import ENDED, Calls, Host, asks_to_end, group_of

if TYPE_CHECKING:
    from ray_jupyter.runtime.processes.nesting import Frame


class _Group:
    """One concurrency group: so many calls at once, the others wait in their order."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.running = 0
        self.waiting: deque[Frame] = deque()


class LoopCalls(Calls):
    """See the module docstring. All but ``Calls``' methods run in the loop's thread."""

    def __init__(self, host: Host, limits: dict[str, int]) -> None:
        self._host = host
        self._groups = {name: _Group(limit) for name, limit in limits.items()}
        self._arrived: deque[Frame] = deque()
        self._kicked = False
        self._sends = False
        self._closed = False
        self._cancelled: set[int] = set()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._leaving: set[int] = set()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._serve, daemon=True, name="ray_jupyter-loop").start()

    def submit(self, frame: Frame) -> None:
        """See ``Calls``."""
        self._arrived.append(frame)

    def kick(self) -> None:
        """See ``Calls``."""
        if self._arrived and not self._kicked:
            self._kicked = True
            self._loop.call_soon_threadsafe(self._admit)

    def cancel(self, task_id: int) -> bool:
        """See ``Calls``. The loop drops or cancels it, later."""
        self._loop.call_soon_threadsafe(self._cancel, task_id)
        return False

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _admit(self) -> None:
        self._kicked = False
        while self._arrived:
            frame = self._arrived.popleft()
            if self._closed:
                continue  # it fails when the process has ended
            if asks_to_end(frame):
                self._closed = True
                self._begin(frame, self._terminate(frame))
                continue
            group = self._groups[group_of(frame)]
            if group.running < group.limit:
                group.running += 1
                self._begin(frame, self._call(frame, group))
            else:
                group.waiting.append(frame)

    def _begin(self, frame: Frame, coroutine: object) -> None:
        self._running[frame.task_id] = self._loop.create_task(coroutine)  # type: ignore[arg-type]

    def _cancel(self, task_id: int) -> None:
        self._admit()  # it may be among what has just arrived
        for group in self._groups.values():
            for frame in group.waiting:
                if frame.task_id == task_id:
                    group.waiting.remove(frame)
                    self._host.drop_call(frame)
                    return
        task = self._running.get(task_id)
        if task is not None:
            self._cancelled.add(task_id)
            # Not before its first step: a task that never began could not report its end.
            self._loop.call_soon(task.cancel)

    async def _call(self, frame: Frame, group: _Group) -> None:
        host = self._host
        RUNNING.set(frame)
        start_ns = time.monotonic_ns()
        if frame.task_id in self._cancelled:
            host.drop_call(frame)
        else:
            try:
                status, outputs, value = await host.executor.run_async(
                    frame.assignment, frame.definition, host.whose
                )
            except ActorExit as leaving:
                await self._leave(frame, leaving.how)
                return
            self._report(frame, status, outputs, start_ns)
            del value  # references inside may be released from here on: see ``Executor.run``
        del self._running[frame.task_id]
        self._cancelled.discard(frame.task_id)
        if group.waiting:
            following = group.waiting.popleft()
            self._begin(following, self._call(following, group))
        else:
            group.running -= 1

    def _report(self, frame: Frame, status: int, outputs: object, start_ns: int) -> None:
        if self._host.report_call(frame, status, outputs, start_ns, 0):
            self._send()
        elif not self._sends:  # together with what ends in the same round of the loop
            self._sends = True
            self._loop.call_soon(self._send)

    def _send(self) -> None:
        self._sends = False
        try:
            self._host.send()
        except RaySystemError:
            return  # the session is over, and the main thread ends the process

    async def _leave(self, frame: Frame, how: str) -> None:
        """End the process once the calls that run have ended; those queued do not begin."""
        self._closed = True
        self._leaving.add(frame.task_id)
        for group in self._groups.values():
            group.waiting.clear()
        self._host.say_exit(how)
        await self._others()
        self._host.exit()

    async def _terminate(self, frame: Frame) -> None:
        self._leaving.add(frame.task_id)
        await self._others()
        self._host.say_exit(ENDED)
        self._host.exit()

    async def _others(self) -> None:
        while others := [t for i, t in self._running.items() if i not in self._leaving]:
            await asyncio.wait(others)
