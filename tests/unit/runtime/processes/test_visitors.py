"""Visitors: whatever they say, the scheduler goes on; one of the same Python may join."""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ray_jupyter._version import __version__
from ray_jupyter.runtime.processes import visitors
from ray_jupyter.runtime.protocol.notes import HEADER_BYTES, decode_note, encode_note, note_bytes
from ray_jupyter.runtime.transport import door

MINE = {"hexversion": sys.hexversion, "version": __version__, "pid": 1}


class Scheduler:
    """As much of one as visitors need: a poll loop, answers, a place for clients."""

    def __init__(self) -> None:
        self.poll = select.poll()
        self.joined: list[tuple[int, int, socket.socket]] = []
        self.door = door.Door.open("0" * 16)
        self.settings = {
            "session_id": "0" * 16, "driver_pid": 5, "facts": {"program": "test", "config": {}},
            "segment_bytes": 1 << 20, "total": {"CPU": 10_000}, "spill_dir": "nowhere",
            "inline_max_bytes": 100, "namespace": "room", "segment_fd": self.door.socket.fileno(),
            "door_fd": os.dup(self.door.socket.fileno()), "door_path": str(self.door.path),
        }  # fmt: skip
        self.visitors = visitors.Visitors(
            self.settings, self.poll, self.answer, lambda number: [7] * number,
            lambda *client: self.joined.append(client),
        )  # fmt: skip

    def answer(self, question: str, argument: Any) -> Any:
        return {"echo": argument, "large": "x" * 3_000_000}[question]

    def run(self) -> None:
        """Serve until nothing is left to do."""
        while ready := self.poll.poll(0):
            for fd, mask in ready:
                self.visitors.serve(fd, mask)


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Scheduler]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    one = Scheduler()
    yield one
    one.visitors.close()
    one.door.close()
    for _, _, stream in one.joined:
        stream.close()


@pytest.fixture
def visitor(scheduler: Scheduler) -> Iterator[socket.socket]:
    with door.connect(scheduler.door.path, 5) as stream:
        yield stream


def ask(scheduler: Scheduler, stream: socket.socket, *note: Any) -> Any:
    stream.sendall(encode_note(note))
    scheduler.run()
    return hear(scheduler, stream)


def hear(scheduler: Scheduler, stream: socket.socket) -> Any:
    size = note_bytes(stream.recv(HEADER_BYTES))
    body = b""
    while len(body) < size:
        scheduler.run()  # what did not fit follows when there is room
        body += stream.recv(size - len(body))
    return decode_note(body)


def test_questions_are_answered(scheduler: Scheduler, visitor: socket.socket) -> None:
    facts = ask(scheduler, visitor, "hello", None)["answer"]
    assert (facts["session_id"], facts["driver_pid"], facts["program"]) == ("0" * 16, 5, "test")
    assert (facts["hexversion"], facts["version"]) == (sys.hexversion, __version__)
    assert ask(scheduler, visitor, "echo", [1]) == {"answer": [1]}
    assert len(ask(scheduler, visitor, "large", None)["answer"]) == 3_000_000
    assert not scheduler.visitors.stop


@pytest.mark.parametrize("note", [["what?", None], [], 5, ["attach", None], ["attach", {}]])
def test_a_question_that_makes_no_sense_is_answered_with_an_error(
    scheduler: Scheduler, visitor: socket.socket, note: Any
) -> None:
    visitor.sendall(encode_note(note))
    scheduler.run()
    assert "Error" in hear(scheduler, visitor)["error"]
    assert ask(scheduler, visitor, "echo", 1) == {"answer": 1}


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\n", struct.pack("<I", 1) + b"]", b"\xff" * 9])
def test_noise_ends_the_visit(scheduler: Scheduler, visitor: socket.socket, noise: bytes) -> None:
    visitor.sendall(noise)
    scheduler.run()
    assert visitor.recv(1) == b""


def test_visitors_beyond_the_limit_are_sent_away(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitors, "MOST_VISITORS", 1)
    with door.connect(scheduler.door.path, 5) as one:
        scheduler.run()
        with door.connect(scheduler.door.path, 5) as two:
            scheduler.run()
            assert two.recv(1) == b""
        assert ask(scheduler, one, "echo", 1) == {"answer": 1}
    scheduler.run()
    with door.connect(scheduler.door.path, 5) as three:
        assert ask(scheduler, three, "echo", 3) == {"answer": 3}


def test_stop_is_noted_and_answered(scheduler: Scheduler, visitor: socket.socket) -> None:
    assert ask(scheduler, visitor, "stop", None) == {"answer": None}
    assert scheduler.visitors.stop


def test_attaching_gets_settings_and_a_descriptor(
    scheduler: Scheduler, visitor: socket.socket
) -> None:
    visitor.sendall(encode_note(["attach", MINE]))
    scheduler.run()
    header, descriptors, _, _ = socket.recv_fds(visitor, HEADER_BYTES, 1)
    settings = decode_note(visitor.recv(note_bytes(header)))["answer"]
    assert (settings["client_id"], settings["total"]) == (7, {"CPU": 10_000})
    assert os.path.sameopenfile(descriptors[0], scheduler.door.socket.fileno())
    os.close(descriptors[0])
    [(client_id, pid, stream)] = scheduler.joined
    assert (client_id, pid) == (7, os.getpid())
    visitor.sendall(b"frames from here on")
    scheduler.run()
    assert stream.recv(100) == b"frames from here on"


@pytest.mark.parametrize("differs", [{"hexversion": 1}, {"version": "0.0.1"}])
def test_attaching_needs_the_same_python_and_version(
    scheduler: Scheduler, visitor: socket.socket, differs: dict[str, Any]
) -> None:
    [name] = differs
    answer = ask(scheduler, visitor, "attach", MINE | differs)
    assert name in answer["error"]
    assert repr(differs[name]) in answer["error"]
    assert not scheduler.joined


def test_closing_sends_everybody_home(scheduler: Scheduler, visitor: socket.socket) -> None:
    ask(scheduler, visitor, "echo", 1)
    scheduler.visitors.close()
    assert visitor.recv(1) == b""
    assert not scheduler.door.path.exists()


def test_without_a_door_there_are_no_visitors() -> None:
    refuse = pytest.fail
    one = visitors.Visitors({"door_fd": None}, select.poll(), refuse, refuse, refuse)
    one.serve(0, select.POLLIN)
    one.close()
    assert not one.stop
