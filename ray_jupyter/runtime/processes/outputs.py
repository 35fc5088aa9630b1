"""The scheduler's ends of the workers' standard streams: read, attributed, handed on."""

from __future__ import annotations

import os
import select
from collections.abc import Callable

from ray_jupyter.runtime.protocol.output import STDERR, STDOUT, Output, Splitter

_READ_BYTES = 1 << 16


class _Pipe:
    __slots__ = ("client", "pid", "splitter", "stream")

    def __init__(self, client: int, pid: int, stream: int) -> None:
        self.client = client
        self.pid = pid
        self.stream = stream
        self.splitter = Splitter()


class Outputs:
    """All pipes of a session.

    Args:
        poll: the scheduler's. Register a worker's stream before its pipes: ``poll`` looks at
            descriptors in that order, so when it has seen a result, it sees what was printed
            before.
        running: returns the task that a client has announced, or 0.
        origin: see ``core.queries.origin``.
    """

    def __init__(
        self, poll: select.poll, running: Callable[[int], int],
        origin: Callable[[int, tuple[int, ...]], tuple[int, int, str]],
    ) -> None:  # fmt: skip
        self._poll = poll
        self._running = running
        self._origin = origin
        self._pipes: dict[int, _Pipe] = {}

    def add(self, client: int, pid: int, fds: tuple[int, int]) -> None:
        """Read a new worker's standard output and error from now on."""
        for fd, stream in zip(fds, (STDOUT, STDERR), strict=True):
            os.set_blocking(fd, False)
            self._pipes[fd] = _Pipe(client, pid, stream)
            self._poll.register(fd, select.POLLIN)

    def read(self, ready: list[tuple[int, int]]) -> list[Output]:
        """Return what came through those of the ready descriptors that are pipes."""
        outputs: list[Output] = []
        for fd, _ in ready:
            pipe = self._pipes.get(fd)
            if pipe is not None and not self._read(fd, pipe, outputs):
                self._close(fd)
        return outputs

    def end(self, client: int) -> list[Output]:
        """The worker is gone: return its last words.

        A process that it started may have its streams still, and write in vain from now on.
        """
        outputs: list[Output] = []
        for fd, pipe in list(self._pipes.items()):
            if pipe.client == client:
                self._read(fd, pipe, outputs)
                outputs += (self._output(pipe, *piece) for piece in pipe.splitter.end())
                self._close(fd)
        return outputs

    def _read(self, fd: int, pipe: _Pipe, outputs: list[Output]) -> bool:
        """Take what is there; return False when nothing more can come."""
        while True:
            try:
                data = os.read(fd, _READ_BYTES)
            except BlockingIOError:
                return True
            outputs += (self._output(pipe, *piece) for piece in pipe.splitter.feed(data))
            if len(data) < _READ_BYTES:
                return bool(data)

    def _output(self, pipe: _Pipe, task_id: int, text: bytes) -> Output:
        # If the marked task has ended, this came without a mark: from what runs now.
        candidates = (task_id, self._running(pipe.client))
        root, task_id, name = self._origin(pipe.client, candidates)
        return root, task_id, name, pipe.pid, pipe.stream, text

    def _close(self, fd: int) -> None:
        self._poll.unregister(fd)
        del self._pipes[fd]
        os.close(fd)
