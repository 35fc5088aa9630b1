"""The scheduler's end of a stream: it never blocks, and loses nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ray_jupyter.runtime.transport.unix import RECEIVE_BYTES, UnixPeer, UnixTransport

FRAME = bytes(range(256)) * 40_000
"""More than a socket's buffers hold."""


@pytest.fixture
def ends() -> Iterator[tuple[UnixPeer, UnixTransport]]:
    ours, theirs = socket.socketpair()
    peer, client = UnixPeer(ours), UnixTransport(theirs)
    yield peer, client
    peer.close()
    client.close()


def test_receiving_nothing_something_and_the_end(ends: tuple[UnixPeer, UnixTransport]) -> None:
    peer, client = ends
    assert peer.receive() is None
    client.send(b"hello")
    assert peer.receive() == b"hello"
    client.close()
    assert peer.receive() == b""


def test_what_is_not_read_waits_and_keeps_its_order(ends: tuple[UnixPeer, UnixTransport]) -> None:
    peer, client = ends
    frames = [FRAME, b"second", FRAME[::-1]]
    for frame in frames:
        peer.send(frame)
    assert peer.is_congested
    received: list[bytes] = []
    while peer.is_congested:
        assert client.receive(received, 20)
        peer.flush()
    while client.receive(received, 0):
        pass
    assert b"".join(received) == b"".join(frames)
    assert max(map(len, received)) <= RECEIVE_BYTES


def test_a_small_frame_is_sent_at_once(ends: tuple[UnixPeer, UnixTransport]) -> None:
    peer, client = ends
    peer.send(b"small")
    assert not peer.is_congested
    chunks: list[bytes] = []
    assert client.receive(chunks, 0)
    assert chunks == [b"small"]


def test_flush_without_room_changes_nothing(ends: tuple[UnixPeer, UnixTransport]) -> None:
    peer, _ = ends
    peer.send(FRAME)
    peer.flush()
    assert peer.is_congested


def test_a_closed_other_side_ends_the_congestion(ends: tuple[UnixPeer, UnixTransport]) -> None:
    peer, client = ends
    peer.send(FRAME)
    client.close()
    peer.flush()
    assert not peer.is_congested
    peer.send(b"to nobody")  # seen by ``receive``
    assert peer.receive() == b""


def test_data_sent_before_a_reset_is_not_an_error_of_the_receiver() -> None:
    ours, theirs = socket.socketpair()
    client = UnixTransport(ours)
    client.send(b"never read")
    theirs.close()  # with unread data: the kernel says "reset" rather than "end"
    chunks: list[bytes] = []
    assert client.receive(chunks, 20)
    assert chunks == [b""]
    client.close()
