"""Questions and answers: nothing that was granted gets lost when nobody waits any more."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest

from ray_jupyter.errors import RaySystemError
from ray_jupyter.runtime.protocol import messages as m


def test_an_answer_reaches_its_question(client: Any, scheduler: Any) -> None:
    scheduler.answers[m.QUERY] = lambda request, question, argument: [
        (m.REPLY, request, [question, argument])
    ]
    assert client.query("events", 5) == ["events", 5]
    assert client.query("ping") == ["ping", None]


def test_answers_out_of_order(client: Any, scheduler: Any) -> None:
    requests = client._requests
    with requests.open() as first, requests.open() as second:
        scheduler.send((m.REPLY, second, "two"), (m.REPLY, first, "one"))
        requests.wait(first)
        requests.wait(second)
        assert (requests.take(first), requests.take(second)) == (("one",), ("two",))


def test_answers_keep_their_order(client: Any, scheduler: Any) -> None:
    requests = client._requests
    with requests.open() as request:
        scheduler.send((m.REPLY, request, 1), (m.REPLY, request, 2))
        requests.wait(request)
        assert [requests.take(request), requests.take(request)] == [(1,), (2,)]


def test_waiting_sends_what_was_posted(client: Any, scheduler: Any) -> None:
    with client.channel.lock:
        client.channel.post((m.RELEASE, [5]))
    client.query("ping")
    assert [message[0] for message in scheduler.received] == [m.RELEASE, m.QUERY]


def test_the_end_of_the_session_ends_the_waiting(client: Any, scheduler: Any) -> None:
    scheduler.answers[m.QUERY] = scheduler.hang_up
    with pytest.raises(RaySystemError, match="has ended"):
        client.query("ping")


@pytest.mark.parametrize(
    ("answer", "given_back"),
    [
        ((m.GRANT, 4096, False, []), (m.ABANDON, 4096)),
        ((m.SPILL, [(7, 0, 100)]), (m.SPILLED_OUT, 1, [])),
    ],
    ids=["grant", "spill"],
)
@pytest.mark.parametrize("when", ["unread", "late"])
def test_what_nobody_takes_is_given_back(
    when: str, answer: Any, given_back: Any, client: Any, scheduler: Any
) -> None:
    kind, *fields = answer
    with client._requests.open() as request:
        if when == "unread":
            client._requests.answered(request, *answer)
    if when == "late":
        scheduler.send((kind, request, *fields))
    client.query("ping")
    client.channel.flush()
    assert scheduler.wait_for(given_back[0]) == [given_back]


def interrupt_main_thread(*_: Any) -> list[Any]:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    return []


def test_an_interrupt_while_waiting_closes_the_question(client: Any, scheduler: Any) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        scheduler.answers[m.QUERY] = interrupt_main_thread
        with pytest.raises(KeyboardInterrupt):
            client.query("ping")
    finally:
        client.channel.shield.uninstall()
        signal.signal(signal.SIGINT, before)
    assert client._requests._answers == {}


def test_an_expected_object_reaches_all_who_expect_it(client: Any, scheduler: Any) -> None:
    requests = client._requests
    with requests.expect(7) as one, requests.expect(7) as two:
        scheduler.send((m.OBJECTS, [(7, b"\x80value")]))
        assert requests.wait_object(one) == requests.wait_object(two) == b"\x80value"
    assert requests.delivered(7, b"") == 0
