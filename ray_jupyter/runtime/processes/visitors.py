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
from collections.abc import Callable
from typing import Any

from ray_jupyter._version import __version__
from ray_jupyter.runtime.protocol.notes import NoteDecoder, encode_note
from ray_jupyter.runtime.transport.door import Door, peer_of
from ray_jupyter.runtime.transport.unix import UnixPeer

MOST_VISITORS = 64


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
        door: open.
        poll: the scheduler's; visitors are registered there.
        facts: what the session tells about itself.
        answer: answers a question about the session.
        admit: makes a process with this pid a client; returns its settings, the descriptor
            to pass and what to call when both have been sent.
    """

    def __init__(
        self, door: Door, poll: select.poll, facts: dict[str, Any],
        answer: Callable[[str, Any], Any],
        admit: Callable[[int], tuple[dict[str, Any], int, Callable[[socket.socket], None]]],
    ) -> None:  # fmt: skip
        self._door = door
        self._poll = poll
        self._facts = facts
        self._answer = answer
        self._admit = admit
        self._visitors: dict[int, _Visitor] = {}
        self.stop = False
        """Whether one of them asked to end the session."""
        poll.register(door.socket, select.POLLIN)

    def serve(self, fd: int, mask: int) -> None:
        """Do what the poll says about a descriptor, if it is of a visitor or the door."""
        if fd == self._door.socket.fileno():
            self._open()
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
        self._door.close()
        for visitor in list(self._visitors.values()):
            self._leave(visitor)

    def _open(self) -> None:
        try:
            stream, _ = self._door.socket.accept()
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
            return self._facts
        if question == "stop":
            self.stop = True
            return None
        return self._answer(question, argument)

    def _attach(self, visitor: _Visitor, theirs: dict[str, Any]) -> bool:
        """Make the visitor a client, if its Python and its version are those of the session."""
        for name, mine in (("hexversion", sys.hexversion), ("version", __version__)):
            if theirs[name] != mine:
                raise ValueError(f"{name}: the session has {mine!r}, the visitor {theirs[name]!r}")
        settings, descriptor, join = self._admit(visitor.pid or int(theirs["pid"]))
        said = encode_note({"answer": settings})
        self._forget(visitor)
        try:
            sent = socket.send_fds(visitor.stream, [said], [descriptor])
        except OSError:  # gone, or it asked much and read nothing
            sent = 0
        if sent < len(said):
            visitor.peer.close()
        else:
            join(visitor.stream)
        return False
