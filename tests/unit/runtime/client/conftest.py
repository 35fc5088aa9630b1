"""A client over an in-memory transport, and a scheduler that answers as the test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ray_jupyter.runtime.client.client import Client
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.protocol.wire import Decoder, encode
from ray_jupyter.runtime.store import segment
from ray_jupyter.runtime.store.segment import Segment
from ray_jupyter.runtime.transport import memory

SEGMENT_BYTES = 64 << 20
STRIDE_BYTES = 4 << 20


class ScriptedScheduler:
    """The other side of a client: keeps every message, answers by kind, in a thread.

    Attributes:
        received: every message, in order.
        answers: kind -> function of the message's fields that returns messages to send.
    """

    def __init__(self, transport: memory.MemoryTransport) -> None:
        self._transport = transport
        self._next_offset = 0
        self._over = False
        self.received: list[m.Message] = []
        self.answers: dict[int, Callable[..., list[m.Message]]] = {
            m.QUERY: lambda request, *_: [(m.REPLY, request, None)],
            m.ALLOCATE: lambda request, *_: [self.grant(request)],
        }
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def grant(self, request: int) -> m.Message:
        offset, self._next_offset = self._next_offset, self._next_offset + STRIDE_BYTES
        return (m.GRANT, request, offset, False, [])

    def send(self, *messages: m.Message) -> None:
        self._transport.send(encode(list(messages)))

    def of_kind(self, *kinds: int) -> list[m.Message]:
        return [message for message in self.received if message[0] in kinds]

    def wait_for(self, kind: int, count: int = 1) -> list[m.Message]:
        """Return the messages of a kind once there are ``count`` of them."""
        with self._news:
            came = self._news.wait_for(lambda: len(self.of_kind(kind)) >= count, 20)
        assert came, f"expected {count} messages of kind {kind}, got {self.received}"
        return self.of_kind(kind)

    def _serve(self) -> None:
        decoder, chunks = Decoder(), [b""]
        while not self._over:
            if not self._transport.receive(chunks, None):
                continue  # it only looked up: nothing comes while a test computes
            if not chunks[-1]:
                return
            for message in decoder.feed(chunks.pop()):
                answer = self.answers.get(message[0])
                with self._news:
                    self.received.append(message)
                    self._news.notify_all()
                if answer is not None and (replies := answer(*message[1:])):
                    self.send(*replies)

    def hang_up(self, *_: Any) -> list[m.Message]:
        """End the session; an answer to any message."""
        self._over = True
        self._transport.close()
        return []

    def join(self) -> None:
        self._thread.join(20)
        self._transport.close()


@pytest.fixture
def ends() -> Iterator[tuple[Client, ScriptedScheduler]]:
    ours, theirs = memory.pair()
    client = Client(
        ours, Segment(segment.create(SEGMENT_BYTES), SEGMENT_BYTES), client_id=0,
        session_id="0" * 16, total={"CPU": 20_000}, spill_dir="/nowhere", inline_max_bytes=1000,
    )  # fmt: skip
    scheduler = ScriptedScheduler(theirs)
    yield client, scheduler
    client.close()
    scheduler.join()


@pytest.fixture
def client(ends: tuple[Client, ScriptedScheduler]) -> Client:
    return ends[0]


@pytest.fixture
def scheduler(ends: tuple[Client, ScriptedScheduler]) -> Any:
    return ends[1]
