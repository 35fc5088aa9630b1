"""The scheduler's ends of the workers' standard streams: read, attributed, handed on."""

from __future__ import annotations

import os
import pickle
import select
import time
from collections.abc import Mapping
from typing import Protocol, TypeVar

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core.queries import origin
from ray_jupyter.runtime.core.state import FAILURE_BYTES, ClusterState
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.protocol.ids import COUNTER_BITS, DRIVER_ID
from ray_jupyter.runtime.protocol.output import (
    FAILURE,
    RICH,
    STDERR,
    STDOUT,
    Output,
    Piece,
    Splitter,
)
from ray_jupyter.runtime.transport.unix import UnixPeer

LIMIT_BYTES = 32_000_000
"""More than this is not kept for a driver that does not read: what is printed then is lost."""

SHOW_NS = 50_000_000
"""Printed text without a result waits this long for more."""

_READ_BYTES = 1 << 16
"""As much as fits into a pipe: one read gets all that was written before."""


class _Client(Protocol):
    is_worker: bool
    outgoing: list[m.Message]
    peer: UnixPeer


_C = TypeVar("_C", bound=_Client)


class _Pipe:
    __slots__ = ("client", "pid", "splitter", "stream")

    def __init__(self, client: int, pid: int, stream: int) -> None:
        self.client = client
        self.pid = pid
        self.stream = stream
        self.splitter = Splitter()


class Outputs:
    """All pipes of a session, and what the drivers have not been sent of it.

    Args:
        poll: the scheduler's.
        slots: the task that each worker has announced, or 0.
        state: of the core.
        is_wanted: whether drivers are sent anything.
    """

    def __init__(
        self, poll: select.poll, slots: memoryview, state: ClusterState, is_wanted: bool
    ) -> None:
        self._poll = poll
        self._slots = slots
        self._state = state
        self._is_wanted = is_wanted
        self._pipes: dict[int, _Pipe] = {}
        self._fds: dict[int, list[int]] = {}
        """The open ones of each worker."""
        self._unsent: dict[int, list[Output]] = {}
        """By driver."""
        self._since_ns = 0
        """Since when something waits."""

    def add(self, client: int, pid: int, fds: tuple[int, int]) -> None:
        """Read a new worker's standard output and error from now on."""
        self._fds[client] = list(fds)
        for fd, stream in zip(fds, (STDOUT, STDERR), strict=True):
            os.set_blocking(fd, False)
            self._pipes[fd] = _Pipe(client, pid, stream)
            self._poll.register(fd, select.POLLIN)

    def read(self, fd: int) -> bool:
        """Read a ready descriptor; return whether it is one of ours."""
        pipe = self._pipes.get(fd)
        if pipe is not None and not self._read(fd, pipe):
            self._close(fd)
        return pipe is not None

    def read_all(self, client: int) -> None:
        """Read what the worker has written: it says so, and that something follows."""
        for fd in self._fds[client]:
            self._read(fd, self._pipes[fd])

    def end(self, client: int) -> None:
        """The worker is gone: read what it wrote last.

        A process that it started may have its streams still, and write in vain from now on.
        """
        for fd in self._fds[client]:
            pipe = self._pipes[fd]
            self._read(fd, pipe)
            self._keep(pipe, pipe.splitter.end())
            self._close(fd)
        del self._fds[client]

    def complain(self, told: c.Complain) -> None:
        """Pass on an error that nobody asked for; the driver knows how to read it."""
        value = told.value
        text = value[1][:FAILURE_BYTES] if value[0] == m.FAILED else pickle.dumps(value[2])
        output = (told.root, told.task, told.name, 0, FAILURE, text)
        if self._is_wanted:
            self._unsent.setdefault(told.root >> COUNTER_BITS, []).append(output)

    def timeout_ms(self, deadline_ns: int | None) -> int | None:
        """Return how long to sleep: until the deadline, or until it is time to deliver."""
        now_ns = time.monotonic_ns()
        if self._unsent:
            due_ns = max(self._since_ns + SHOW_NS, now_ns)
            deadline_ns = due_ns if deadline_ns is None else min(deadline_ns, due_ns)
        return None if deadline_ns is None else max(0, (deadline_ns - now_ns) // 1_000_000 + 1)

    def deliver(self, clients: Mapping[int, _C]) -> dict[int, _C]:
        """Put what was printed before everything else that leaves; return who gets something.

        Alone it waits a little for more: a front end's server drops messages beyond a
        thousand a second.
        """
        if not self._unsent:
            return {}
        for client in list(self._unsent):
            # A root may be unknown, or of a driver that has left: the session's own takes those.
            if client != DRIVER_ID and (client not in clients or clients[client].is_worker):
                self._unsent.setdefault(DRIVER_ID, []).extend(self._unsent.pop(client))
        now_ns = time.monotonic_ns()
        is_time = now_ns - self._since_ns >= SHOW_NS
        getting = {}
        for client, outputs in list(self._unsent.items()):
            driver = clients[client]
            if is_time or driver.outgoing:
                del self._unsent[client]
                if driver.peer.unsent_bytes < LIMIT_BYTES:
                    driver.outgoing.insert(0, (m.OUTPUT, outputs))
                    getting[client] = driver
        return getting

    def _read(self, fd: int, pipe: _Pipe) -> bool:
        """Take what is there; return False when nothing more can come."""
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return True
        self._keep(pipe, pipe.splitter.feed(data))
        return bool(data)

    def _keep(self, pipe: _Pipe, pieces: list[Piece]) -> None:
        if pieces and not self._unsent:
            self._since_ns = time.monotonic_ns()
        for marked, is_rich, data in pieces if self._is_wanted else ():
            # If the marked task has ended, this came without a mark: from what runs now.
            candidates = (marked, self._slots[pipe.client % len(self._slots)])
            root, task_id, name = origin(self._state, pipe.client, candidates)
            stream = RICH if is_rich else pipe.stream
            output = (root, task_id, name, pipe.pid, stream, data)
            self._unsent.setdefault(root >> COUNTER_BITS, []).append(output)

    def _close(self, fd: int) -> None:
        self._poll.unregister(fd)
        client = self._pipes.pop(fd).client
        self._fds[client] = [other for other in self._fds.get(client, ()) if other != fd]
        os.close(fd)
