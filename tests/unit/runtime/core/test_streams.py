"""What tasks yield: whose it is, what is dropped, who is told of the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.protocol import messages as m

Pick = Callable[[list[c.Command], type[Any]], list[Any]]


@pytest.fixture
def stream(session: Any) -> Any:
    """Worker 1 runs task 10, which yields to the driver, at most two items ahead."""
    session.join(1)
    session.submit(10, template=session.define(yields=2))
    return session


def yields(session: Any, place: int, *ids: int, task: int = 10, client: int = 1) -> Any:
    return session(e.Yielded(client, task, place, [(i, b"v", ()) for i in ids]))


def test_items_are_the_reader_s(stream: Any, pick: Pick) -> None:
    told = yields(stream, 0, 101, 102)
    assert pick(told, c.Stream) == [c.Stream(0, 10, [(101, b"v"), (102, b"v")], m.OPEN)]
    assert stream.state.clients[0].held == {10, 101, 102}
    stream(e.Released(0, [101]))
    assert set(stream.state.objects) == {10, 102}


def test_references_inside_items_count(stream: Any) -> None:
    stream(e.Put(1, [(90, b"inner", ())]))
    stream(e.Yielded(1, 10, 0, [(101, b"v", (90,))]))
    stream(e.Released(1, [90]))
    assert set(stream.state.objects) == {10, 90, 101}
    stream(e.Released(0, [101]))
    assert set(stream.state.objects) == {10}


def test_large_items_are_announced_without_their_value(stream: Any, pick: Pick) -> None:
    [grant] = pick(stream(e.AllocationRequested(1, 1, 5000)), c.Grant)
    told = stream(e.Yielded(1, 10, 0, [(101, (m.STORED, grant.offset, 5000), ())]))
    assert pick(told, c.Stream)[0].items == [(101, None)]
    assert stream.want(101) == {101: (m.STORED, grant.offset, 5000)}


def test_another_attempt_yields_the_first_items_in_vain(stream: Any, pick: Pick) -> None:
    yields(stream, 0, 101, 102)
    stream(e.Consumed(0, 10, 1))
    stream.join(2)
    stream.lose(1, running=10)
    [grant] = pick(stream(e.AllocationRequested(2, 1, 5000)), c.Grant)
    again = [(201, (m.STORED, grant.offset, 5000), ()), (202, b"v", ()), (203, b"v", ())]
    told = stream(e.Yielded(2, 10, 0, again))
    assert pick(told, c.Stream) == [c.Stream(0, 10, [(203, b"v")], m.OPEN)]
    assert pick(told, c.Resume) == [c.Resume(2, 10, 1)]
    assert not stream.state.allocator.allocated, "the memory of a dropped item is in use"
    assert set(stream.state.objects) == {10, 101, 102, 203}


def test_what_a_worker_without_the_task_yields_is_dropped(stream: Any) -> None:
    stream.join(2)
    assert yields(stream, 0, 201, client=2) == []
    stream.finish(1, 10)
    assert yields(stream, 0, 101) == []
    assert set(stream.state.objects) == {10}


@pytest.mark.parametrize(
    ("status", "state"), [(m.OK, m.ENDED), (m.ERROR, m.ENDED_BADLY), (m.CANCELLED, m.ENDED_BADLY)]
)
def test_the_reader_hears_of_the_end_once(stream: Any, pick: Pick, status: int, state: int) -> None:
    told = stream.finish(1, 10, status=status)
    assert pick(told, c.Stream) == [c.Stream(0, 10, [], state)]
    assert stream(e.StreamsClosed(0, [10])) == []


def test_a_dependency_that_fails_ends_the_stream(session: Any, pick: Pick) -> None:
    session.join(1)
    session.submit(5, template=session.define())
    session.submit(10, template=session.define(yields=0), deps=(5,))
    told = session.finish(1, 5, b"error", status=m.ERROR)
    assert pick(told, c.Stream) == [c.Stream(0, 10, [], m.ENDED_BADLY)]


def test_consumption_is_told_to_the_worker_that_has_the_task(stream: Any, pick: Pick) -> None:
    yields(stream, 0, 101, 102)
    assert pick(stream(e.Consumed(0, 10, 2)), c.Resume) == [c.Resume(1, 10, 2)]
    assert stream(e.Consumed(1, 10, 2)) == [], "only the reader consumes"
    stream.lose(1, running=10)
    assert stream(e.Consumed(0, 10, 2)) == []


def test_a_reader_that_closes_cancels_who_would_pause(stream: Any, pick: Pick) -> None:
    told = stream(e.StreamsClosed(0, [10]))
    assert told == [c.Stream(0, 10, [], m.ENDED), c.InterruptTask(1, 10)]
    assert yields(stream, 0, 101) == []
    assert stream.finish(1, 10, status=m.CANCELLED) == []


def test_a_task_without_a_limit_runs_on(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define(yields=0))
    assert session(e.StreamsClosed(0, [10])) == [c.Stream(0, 10, [], m.ENDED)]
    assert yields(session, 0, 101) == []
    assert session.finish(1, 10) == []


def test_somebody_else_cannot_close(stream: Any) -> None:
    assert stream(e.StreamsClosed(1, [10, 99])) == []
    assert 10 in stream.state.streams


def test_a_reader_that_dies_closes(session: Any, pick: Pick) -> None:
    session.join(1)
    session.join(2)
    session.submit(5, template=session.define(retries=0))
    [reader] = [w.id for w in session.state.clients.values() if 5 in w.inflight]
    template = session.define(yields=1, client=reader)
    session.submit(10, template=template, parent=5, client=reader)
    [writer] = [w.id for w in session.state.clients.values() if 10 in w.inflight]
    yields(session, 0, 101, client=writer)
    told = session.lose(reader, running=5)
    assert pick(told, c.InterruptTask) == [c.InterruptTask(writer, 10)]
    assert 101 not in session.state.objects
    assert not session.state.streams


def test_it_never_runs_on_the_stack_of_its_reader(session: Any, pick: Pick) -> None:
    session.join(1)
    session.submit(5, template=session.define(2))
    child = session.define(2, yields=1, client=1)
    session.submit(10, template=child, parent=5, client=1)
    told = session(e.Blocked(1, [10], []))
    assert not any(dispatch.in_place for dispatch in pick(told, c.Dispatch))
