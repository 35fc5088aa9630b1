"""A visit at the door of a running session: questions, and becoming a client of it."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

from ray_jupyter._version import __version__
from ray_jupyter.runtime.protocol.notes import HEADER_BYTES, decode_note, encode_note, note_bytes
from ray_jupyter.runtime.transport import door

TIMEOUT_S = 10.0


class Visit:
    """An open connection to a session.

    Attributes:
        path: the door.
        facts: what the session tells about itself: ``session_id``, ``version``, ``python``,
            ``hexversion``, ``driver_pid``, ``program``, ``started_s``, ``config``.

    Raises:
        OSError: see ``door.connect``; also when it does not answer in time.
    """

    def __init__(self, path: Path, timeout_s: float = TIMEOUT_S) -> None:
        self.path = path
        self._stream = door.connect(path, timeout_s)
        try:
            self.facts: dict[str, Any] = self.ask("hello")
        except BaseException:
            self.close()
            raise

    def ask(self, question: str, argument: Any = None, timeout_s: float | None = None) -> Any:
        """Return the answer to a question (see ``core.queries``).

        Raises:
            ValueError: the session does not know it.
            OSError: the session ended, or does not answer in time (``TimeoutError``).
        """
        if timeout_s is not None:
            self._stream.settimeout(timeout_s)
        self._stream.sendall(encode_note([question, argument]))
        return self._answer([])

    def attach(self) -> tuple[dict[str, Any], int, socket.socket]:
        """Become a client: return (its settings, the segment's descriptor, its stream).

        Raises:
            ValueError: the session refuses: another Python, another version.
            OSError: the session ended, or does not answer in time.
        """
        mine = {"hexversion": sys.hexversion, "version": __version__, "pid": os.getpid()}
        self._stream.sendall(encode_note(["attach", mine]))
        descriptors: list[int] = []
        try:
            settings = self._answer(descriptors)
            [descriptor] = descriptors
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise
        self._stream.settimeout(None)
        return settings, descriptor, socket.socket(fileno=self._stream.detach())

    def _answer(self, descriptors: list[int]) -> Any:
        header, descriptors[:], _, _ = socket.recv_fds(self._stream, HEADER_BYTES, 1)
        if not header:
            raise self._ended()
        header += self._receive(HEADER_BYTES - len(header))
        said = decode_note(self._receive(note_bytes(header)))
        if "error" in said:
            raise ValueError(said["error"])
        return said["answer"]

    def _receive(self, size_bytes: int) -> bytes:
        received = bytearray()
        while len(received) < size_bytes:
            chunk = self._stream.recv(min(size_bytes - len(received), 1 << 20))
            if not chunk:
                raise self._ended()
            received += chunk
        return bytes(received)

    def _ended(self) -> ConnectionError:
        return ConnectionError(f"the session behind {self.path} has ended")

    def close(self) -> None:
        """End the visit; a client that came of it goes on."""
        self._stream.close()

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
