"""What every transport promises: frames whole, in order, once; the end of the other side."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from ray_jupyter.runtime.transport import memory
from ray_jupyter.runtime.transport.base import Transport
from ray_jupyter.runtime.transport.unix import UnixTransport

Pair = tuple[Transport, Transport]


def unix_pair() -> Pair:
    ours, theirs = socket.socketpair()
    return UnixTransport(ours), UnixTransport(theirs)


@pytest.fixture(params=[unix_pair, memory.pair], ids=["unix", "memory"])
def ends(request: pytest.FixtureRequest) -> Iterator[Pair]:
    make: Callable[[], Pair] = request.param
    pair = make()
    yield pair
    for end in pair:
        end.close()


def receive_all(end: Transport, size_bytes: int) -> bytes:
    chunks: list[bytes] = []
    while sum(map(len, chunks)) < size_bytes:
        assert end.receive(chunks, 20), f"{sum(map(len, chunks))} of {size_bytes} bytes came"
        assert chunks[-1], "the other side ended"
    return b"".join(chunks)


def test_frames_arrive_in_order_both_ways(ends: Pair) -> None:
    for here, there in (ends, ends[::-1]):
        for frame in (b"one", b"two", b"three"):
            here.send(frame)
        assert receive_all(there, 11) == b"onetwothree"


def test_nothing_in_time_is_false(ends: Pair) -> None:
    chunks: list[bytes] = []
    assert not ends[0].receive(chunks, 0)
    assert not ends[0].receive(chunks, 0.001)
    assert chunks == []


def test_nobody_sleeps_for_ever(ends: Pair) -> None:
    chunks: list[bytes] = []
    said: list[bool] = []
    waiting = threading.Thread(
        target=lambda: said.append(ends[0].receive(chunks, None)), daemon=True
    )
    waiting.start()
    waiting.join(20)
    assert (said, chunks) == ([False], [])


def test_chunks_are_appended(ends: Pair) -> None:
    ends[0].send(b"new")
    chunks = [b"old"]
    assert ends[1].receive(chunks, None)
    assert chunks == [b"old", b"new"]


def test_a_waiting_receiver_is_woken(ends: Pair) -> None:
    received: list[bytes] = []
    waiting = threading.Thread(target=ends[1].receive, args=(received, None))
    waiting.start()
    ends[0].send(b"late")
    waiting.join(20)
    assert received == [b"late"]


def test_the_descriptor_can_be_polled(ends: Pair) -> None:
    poll = select.poll()
    poll.register(ends[1].fileno(), select.POLLIN)
    assert poll.poll(0) == []
    ends[0].send(b"x")
    assert [fd for fd, _ in poll.poll(20_000)] == [ends[1].fileno()]


def test_the_end_comes_after_what_was_sent_and_stays(ends: Pair) -> None:
    ends[0].send(b"last")
    ends[0].close()
    chunks: list[bytes] = []
    for _ in range(3):
        assert ends[1].receive(chunks, 20)
    assert chunks == [b"last", b"", b""]


def test_sending_to_nobody_is_an_error(ends: Pair) -> None:
    ends[1].close()
    with pytest.raises(OSError):
        ends[0].send(b"x")


def test_a_frame_larger_than_any_buffer_arrives_whole(ends: Pair) -> None:
    frame = bytes(range(256)) * 20_000
    sender = threading.Thread(target=ends[0].send, args=(frame,))
    sender.start()
    assert receive_all(ends[1], len(frame)) == frame
    sender.join(20)


def test_closing_twice_is_allowed(ends: Pair) -> None:
    ends[0].close()
    ends[0].close()
