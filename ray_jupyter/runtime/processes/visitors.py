"""Who comes through the door: other processes of the same user that ask, or join.

A visitor sends notes ``[question, argument]`` and gets ``{"answer": …}`` or
``{"error": …}``. The question "attach" makes it a client: the answer brings the segment's
descriptor, and from then on its stream carries frames. Nothing a visitor says can end the
scheduler, except the question "stop".
"""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ray_jupyter._version import __version__
from ray_jupyter.runtime.protocol.notes import NoteDecoder, encode_note
from ray_jupyter.runtime.protocol.specs import RESOURCE_UNITS
from ray_jupyter.runtime.transport.unix import BACKLOG, UnixPeer, peer_of

MOST_VISITORS = 64
_OF_A_CLIENT = (
    "session_id", "segment_bytes", "total", "spill_dir", "inline_max_bytes", "namespace",
)  # fmt: skip


class _Visitor:
    """One connection: what it sends is collected until a note is whole."""

    def __init__(self, stream: socket.socket, pid: int) -> None:
        self.stream = stream
        self.pid = pid
        self.peer = UnixPeer(stream)
        self.decoder = NoteDecoder()


class Visitors:
    """The door and those who came through it and are no clients yet.

    Args:
        settings: of the session; see ``node.main``.
        poll: the scheduler's; visitors are registered there.
        answer: answers a question about the session.
        mint_ids: returns so many ids for new clients.
        join: makes a process a client: its id, pid and stream.
    """

    def __init__(
        self, settings: dict[str, Any], poll: select.poll, answer: Callable[[str, Any], Any],
        mint_ids: Callable[[int], Sequence[int]], join: Callable[[int, int, socket.socket], None],
    ) -> None:  # fmt: skip
        self._settings = settings
        self._poll = poll
        self._answer = answer
        self._mint_ids = mint_ids
        self._join = join
        self._visitors: dict[int, _Visitor] = {}
        self.stop = False
        """Whether one of them asked to end the session."""
        self._listener: socket.socket | None = None
        if settings["door_fd"] is not None:
            self._listener = socket.socket(fileno=settings["door_fd"])
            self._listener.setblocking(False)
            # Again: whoever listens last is whose pid visitors are told.
            self._listener.listen(BACKLOG)
            poll.register(self._listener, select.POLLIN)

    def serve(self, fd: int, mask: int) -> None:
        """Do what the poll says about a descriptor, if it is of a visitor or the door."""
        if self._listener is not None and fd == self._listener.fileno():
            self._open(self._listener)
        elif (visitor := self._visitors.get(fd)) is not None:
            if mask & select.POLLOUT:
                visitor.peer.flush()
            if mask & ~select.POLLOUT:
                self._listen(visitor)
            if fd in self._visitors:
                more = select.POLLOUT if visitor.peer.is_congested else 0
                self._poll.modify(fd, select.POLLIN | more)

    def close(self) -> None:
        """Take the door away and send everybody home."""
        if self._listener is not None:
            self._listener.close()
            if os.path.exists(self._settings["door_path"]):  # else its driver has done it
                from pathlib import Path

                from ray_jupyter.runtime.transport import door  # slow to import

                door.take_away(Path(self._settings["door_path"]))
        for visitor in list(self._visitors.values()):
            self._leave(visitor)

    def _open(self, listener: socket.socket) -> None:
        try:
            stream, _ = listener.accept()
        except OSError:  # it has left again, or there is no descriptor to spare
            return
        pid, uid = peer_of(stream)
        if uid != os.getuid() or len(self._visitors) >= MOST_VISITORS:
            stream.close()
            return
        visitor = _Visitor(stream, pid)
        self._visitors[stream.fileno()] = visitor
        self._poll.register(stream, select.POLLIN)

    def _leave(self, visitor: _Visitor) -> None:
        self._forget(visitor)
        visitor.peer.close()

    def _forget(self, visitor: _Visitor) -> None:
        fd = visitor.peer.fileno()
        self._poll.unregister(fd)
        del self._visitors[fd]

    def _listen(self, visitor: _Visitor) -> None:
        chunk = visitor.peer.receive()
        if chunk is None:
            return
        try:
            notes = visitor.decoder.feed(chunk)
        except ValueError:  # not one of us
            notes, chunk = [], b""
        if not chunk:
            self._leave(visitor)
            return
        for note in notes:
            if not self._reply(visitor, note):
                return

    def _reply(self, visitor: _Visitor, note: Any) -> bool:
        """Answer a note; return whether its sender is still a visitor."""
        try:
            question, argument = note
            if question == "attach":
                return self._attach(visitor, argument)
            said = encode_note({"answer": self._ask(question, argument)})
        except Exception as error:  # of another version, or a mistake: the session goes on
            said = encode_note({"error": f"{type(error).__name__}: {error}"})
        visitor.peer.send(said)
        return True

    def _ask(self, question: str, argument: Any) -> Any:
        if question == "hello":
            return self._facts()
        if question == "stop":
            self.stop = True
            return None
        return self._answer(question, argument)

    def _facts(self) -> dict[str, Any]:
        names = ("session_id", "driver_pid")
        facts = self._settings["facts"]
        # The core changes the very dictionary that it was given, when the session is resized.
        num_cpus = self._settings["total"]["CPU"] // RESOURCE_UNITS
        config = {**facts["config"], "num_cpus": num_cpus}
        return {**facts, "config": config, **{name: self._settings[name] for name in names},
            "version": __version__, "hexversion": sys.hexversion,
            "python": sys.version.split()[0],
        }  # fmt: skip

    def _attach(self, visitor: _Visitor, theirs: dict[str, Any]) -> bool:
        """Make the visitor a client, if its Python and its version are those of the session."""
        for name, mine in (("hexversion", sys.hexversion), ("version", __version__)):
            if theirs[name] != mine:
                raise ValueError(f"{name}: the session has {mine!r}, the visitor {theirs[name]!r}")
        [client_id] = self._mint_ids(1)
        settings = {name: self._settings[name] for name in _OF_A_CLIENT} | {"client_id": client_id}
        said = encode_note({"answer": settings})
        self._forget(visitor)
        try:
            sent = socket.send_fds(visitor.stream, [said], [self._settings["segment_fd"]])
        except OSError:  # gone, or it asked much and read nothing
            sent = 0
        if sent < len(said):
            visitor.peer.close()
        else:
            self._join(client_id, visitor.pid or int(theirs["pid"]), visitor.stream)
        return False
