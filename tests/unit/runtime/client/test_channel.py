"""Messages leave in order and in batches; whoever waits receives for all."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ray_jupyter.errors import RaySystemError
from ray_jupyter.runtime.client.channel import BATCH, Channel
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.protocol.wire import Decoder, encode
from ray_jupyter.runtime.transport import memory


class Ends:
    """A channel, the other end of its stream, and what its hooks were told."""

    def __init__(self, *, eager: bool) -> None:
        ours, self.other = memory.pair()
        self.handled: list[Any] = []
        self.over = threading.Event()
        self.gathered: list[m.Message] = []
        self.channel = Channel(
            ours, {m.REPLY: lambda *fields: self.handled.append(fields)},
            collect=self._collect, on_closed=self._on_closed, attend=lambda: False, eager=eager,
        )  # fmt: skip

    def _collect(self) -> bool:
        gathered, self.gathered = self.gathered, []
        for message in gathered:
            self.channel.post(message)
        return bool(gathered)

    def _on_closed(self) -> None:
        assert not self.over.is_set(), "told twice"
        self.over.set()

    def post(self, *messages: m.Message) -> None:
        with self.channel.lock:
            for message in messages:
                self.channel.post(message)

    def post_spec(self, number: int) -> None:
        with self.channel.lock:
            self.channel.post_spec((number, 1, b"", (), (), 0))

    def sent(self, timeout_s: float = 0) -> list[list[Any]]:
        """Return the frames that have left, each as its messages."""
        chunks: list[bytes] = []
        while self.other.receive(chunks, timeout_s) and chunks[-1]:
            timeout_s = 0
        return [Decoder().feed(chunk) for chunk in chunks if chunk]

    def answer(self, number: int) -> None:
        self.other.send(encode([(m.REPLY, number)]))


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends(eager=True)
    yield made
    made.channel.stop()
    made.other.close()


def test_one_flush_is_one_frame_in_order(ends: Ends) -> None:
    ends.post((m.RELEASE, [1]), (m.HOLD, [2]), (m.RELEASE, [3]))
    ends.channel.flush()
    ends.channel.flush()
    assert ends.sent() == [[(m.RELEASE, [1]), (m.HOLD, [2]), (m.RELEASE, [3])]]


def test_specs_in_a_row_are_one_message_and_others_keep_their_place(ends: Ends) -> None:
    ends.post_spec(1)
    ends.post_spec(2)
    ends.post((m.RELEASE, [9]))
    ends.post_spec(3)
    ends.channel.flush()
    (frame,) = ends.sent()
    assert [message[0] for message in frame] == [m.SUBMIT, m.RELEASE, m.SUBMIT]
    assert [spec[0] for spec in frame[0][1]] == [1, 2]


def test_results_in_a_row_are_one_message(ends: Ends) -> None:
    with ends.channel.lock:
        counts = [ends.channel.post_result((i, m.OK, b"", 0, 0, 0)) for i in range(3)]
    ends.channel.flush()
    assert counts == [1, 2, 3]
    ((message,),) = ends.sent()
    assert [result[0] for result in message[1]] == [0, 1, 2]


def test_what_was_gathered_aside_leaves_with_the_next_flush(ends: Ends) -> None:
    ends.gathered = [(m.RELEASE, [5])]
    ends.channel.flush()
    assert ends.sent() == [[(m.RELEASE, [5])]]


def test_a_full_batch_leaves_at_once() -> None:
    ends = Ends(eager=False)
    for number in range(BATCH):
        assert ends.sent() == []
        ends.post_spec(number)
        ends.channel.send_soon()
    ((message,),) = ends.sent()
    assert len(message[1]) == BATCH
    ends.channel.stop()
    ends.other.close()


def test_what_is_left_behind_is_sent_by_the_attendant(ends: Ends) -> None:
    ends.channel.attendant.start()
    ends.post((m.RELEASE, [1]))
    ends.channel.wake()
    assert ends.sent(20) == [[(m.RELEASE, [1])]]


def test_the_one_who_waits_handles_what_arrives(ends: Ends) -> None:
    ends.answer(1)
    ends.answer(2)
    while len(ends.handled) < 2:
        ends.channel.turn(ends.channel.receptions, 20)
    assert ends.handled == [(1,), (2,)]


def test_what_came_since_the_last_look_is_not_waited_for(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = ends.channel.receptions
    ends.answer(1)
    ends.channel.turn(seen, 20)
    monkeypatch.setattr(ends.channel, "_receive", lambda *_, **__: pytest.fail("it waits"))
    ends.channel.turn(seen, None)


@pytest.mark.parametrize("follows", [False, True])
@pytest.mark.parametrize("timeout_s", [None, 3600.0])
def test_no_turn_sleeps_for_long(ends: Ends, timeout_s: float | None, follows: bool) -> None:
    seen = ends.channel.receptions
    turn = threading.Thread(target=ends.channel.turn, args=(seen, timeout_s), daemon=True)
    with ends.channel._reader if follows else contextlib.nullcontext():
        turn.start()
        turn.join(20)
        assert not turn.is_alive(), "a signal that came just before it slept would not be heard"
    assert ends.handled == []


def test_a_turn_in_vain_ends_in_time(ends: Ends) -> None:
    ends.channel.turn(ends.channel.receptions, 0.001)
    assert ends.handled == []


def test_many_waiting_threads_all_hear(ends: Ends) -> None:
    heard: list[int] = []

    def wait(number: int) -> None:
        while True:
            seen = ends.channel.receptions
            if (number,) in ends.handled:
                heard.append(number)
                return
            ends.channel.turn(seen, 20)

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for number in reversed(range(8)):
        ends.answer(number)
    for thread in threads:
        thread.join(20)
    assert sorted(heard) == list(range(8))


def test_after_the_end_nothing_more_is_sent(ends: Ends) -> None:
    ends.other.close()
    ends.channel.turn(ends.channel.receptions, 20)
    assert ends.channel.closed
    ends.post((m.RELEASE, [1]))
    with pytest.raises(RaySystemError, match="has ended"):
        ends.channel.flush()


def test_the_attendant_tells_of_the_end(ends: Ends) -> None:
    ends.channel.attendant.start()
    ends.other.close()
    assert ends.over.wait(20)


def test_sending_to_nobody_is_the_end(ends: Ends) -> None:
    ends.other.close()
    ends.post((m.RELEASE, [1]))
    with pytest.raises(RaySystemError, match=r"call init\(\)"):
        ends.channel.flush()


def test_stopping_ends_the_attendant(ends: Ends) -> None:
    made = Ends(eager=True)
    made.channel.attendant.start()
    made.channel.stop()
    assert "ray_jupyter-attendant" not in [thread.name for thread in threading.enumerate()]
    made.other.close()
