"""The scheduler's line to the template: asks for workers, hears of their starts and ends."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from typing import NamedTuple

from ray_jupyter.runtime.processes import template


class Started(NamedTuple):
    """A worker runs."""

    client: int
    pid: int
    stream: socket.socket
    pipes: tuple[int, int]
    """Where its standard output and error are read."""
    words: int
    """The file of its last words; see ``lastwords``."""


class Exited(NamedTuple):
    """A worker has ended."""

    pid: int
    reason: str


class Refused(NamedTuple):
    """A worker could not be started."""

    client: int
    reason: str


News = Started | Exited | Refused


class TemplateLink:
    """See the module docstring; requests and answers are described in ``template.run``."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._lines = b""
        self._fds: list[int] = []

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return self._control.fileno()

    def start(self, clients: Iterable[int]) -> None:
        """Have workers with these ids forked."""
        self._control.sendall(b"".join(b"%d\n" % client for client in clients))

    def receive(self) -> list[News] | None:
        """Return what the template says; ``None`` when it is gone."""
        data, fds, _, _ = socket.recv_fds(self._control, 65536, 64)
        self._fds += fds
        if not data:
            return None
        *lines, self._lines = (self._lines + data).split(b"\n")
        return [self._read(line) for line in lines]

    def _read(self, line: bytes) -> News:
        kind, number, detail = json.loads(line)
        if kind == template.STARTED:
            stream, out, err, words, *self._fds = self._fds
            return Started(number, detail, socket.socket(fileno=stream), (out, err), words)
        return Exited(number, detail) if kind == template.EXITED else Refused(number, detail)
