"""Reading streams against a scripted scheduler: what is held, told, and forgotten."""

from __future__ import annotations

from pickle import dumps
from typing import Any

import pytest

from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.protocol.ids import pause_key, stream_key

TASK = 1000


def same(item: int) -> int:
    return item


def arrive(client: Any, *ids: int, state: int = m.OPEN, value: bytes | None = dumps(None)) -> None:
    client.streams.on_stream(TASK, [(i, value) for i in ids], state)


@pytest.fixture
def streams(client: Any) -> Any:
    client._counts.begin(TASK)
    client.streams.open(TASK, 0)
    return client.streams


def test_keys_are_no_ids_and_differ() -> None:
    keys = {f(task) for task in range(1, 100) for f in (stream_key, pause_key)}
    assert len(keys) == 198
    assert max(keys) < 0


def test_items_come_in_order_then_the_end(client: Any, streams: Any) -> None:
    arrive(client, 7, 8)
    arrive(client, 9, state=m.ENDED)
    assert [streams.next_item(TASK, None, same) for _ in range(3)] == [7, 8, 9]
    assert streams.is_over(TASK)
    for _ in range(2):
        with pytest.raises(StopIteration):
            streams.next_item(TASK, None, same)


def test_small_values_need_no_question(client: Any, scheduler: Any, streams: Any) -> None:
    arrive(client, 7)
    assert client.get([streams.next_item(TASK, None, same)], None) == [None]
    assert not scheduler.of_kind(m.WANT)


def test_a_bad_end_gives_the_completion_once(client: Any, streams: Any) -> None:
    arrive(client, 7, state=m.ENDED_BADLY)
    assert streams.next_item(TASK, None, same) == 7
    assert not streams.is_over(TASK)
    assert streams.next_item(TASK, None, same) == TASK
    assert streams.is_over(TASK)
    assert client._counts._counts[TASK] == 2


def test_nothing_in_time(scheduler: Any, streams: Any) -> None:
    assert streams.next_item(TASK, 0, same) is None
    assert len(scheduler.of_kind(m.QUERY)) == 1, "it must ask whether something is on its way"


def test_what_arrives_before_it_is_opened_is_kept(client: Any) -> None:
    arrive(client, 7)
    client.streams.open(TASK, 0)
    assert client.streams.next_item(TASK, None, same) == 7


def test_an_item_stays_if_its_reference_could_not_be_made(client: Any, streams: Any) -> None:
    arrive(client, 7)

    def interrupted(item: int) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        streams.next_item(TASK, None, interrupted)
    assert streams.next_item(TASK, None, same) == 7


@pytest.mark.parametrize("limit", [0, 2])
def test_consumption_is_told_with_back_pressure_only(
    client: Any, scheduler: Any, limit: int
) -> None:
    client.streams.open(TASK, limit)
    arrive(client, 7, 8)
    for _ in range(2):
        client.streams.next_item(TASK, None, same)
    client.query("ping")
    told = [(m.CONSUMED, TASK, 1), (m.CONSUMED, TASK, 2)] if limit else []
    assert scheduler.of_kind(m.CONSUMED) == told


def test_closing_releases_what_was_not_taken(client: Any, scheduler: Any, streams: Any) -> None:
    arrive(client, 7, 8)
    streams.next_item(TASK, None, same)
    streams.close(TASK)
    client.query("ping")
    assert scheduler.of_kind(m.CLOSED) == [(m.CLOSED, [TASK])]
    assert scheduler.of_kind(m.RELEASE) == [(m.RELEASE, [8])]
    arrive(client, 9)  # it was on its way
    arrive(client, state=m.ENDED)
    client.query("ping")
    assert scheduler.of_kind(m.RELEASE)[1:] == [(m.RELEASE, [9])]
    assert not streams._streams
    assert stream_key(TASK) not in client._descriptors


def test_closing_what_has_ended_tells_nobody(client: Any, scheduler: Any, streams: Any) -> None:
    arrive(client, state=m.ENDED)
    streams.close(TASK)
    client.query("ping")
    assert not scheduler.of_kind(m.CLOSED)
    assert not streams._streams


def test_waiting_for_streams_and_objects_together(client: Any, streams: Any) -> None:
    key = stream_key(TASK)
    client._counts.begin(5)
    client._on_objects([(5, b"N.")])
    assert client.wait([key, 5], 2, 0) == ([5], [key])
    arrive(client, 7)
    assert client.wait([key, 5], 2, 0) == ([key, 5], [])
    streams.next_item(TASK, None, same)
    assert client.wait([key], 1, 0) == ([], [key])
    arrive(client, state=m.ENDED)
    assert client.wait([key], 1, None) == ([key], []), "the end is something to take"


def test_a_future_of_a_stream_says_when_to_look(client: Any, streams: Any) -> None:
    future = client.future(stream_key(TASK))
    assert not future.done()
    arrive(client, 7)
    client._attend()
    assert future.result(timeout=20) is None
    assert streams.next_item(TASK, None, same) == 7
