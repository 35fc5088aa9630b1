"""Who holds what, and when it goes."""

from __future__ import annotations

from typing import Any

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.protocol.messages import STORED


def test_an_object_goes_with_its_last_holder(session: Any) -> None:
    session(e.Put(0, [(10, b"ten", ())]))
    session.join(1)
    session(e.Held(1, [10]))
    session(e.Released(0, [10]))
    assert 10 in session.state.objects
    session(e.Released(1, [10]))
    assert not session.state.objects


def test_a_reference_counts_once_per_process(session: Any) -> None:
    session(e.Put(0, [(10, b"ten", ())]))
    session.join(1)
    session(e.Held(1, [10, 10]))
    session(e.Held(1, [10]))
    session(e.Released(1, [10]))
    assert session.state.objects[10].holders == 1


def test_what_an_object_contains_lives_as_long(session: Any) -> None:
    session(e.Put(0, [(10, b"ten", ())]))
    session(e.Put(0, [(11, b"eleven", (10, 10))]))
    session(e.Released(0, [10]))
    assert set(session.state.objects) == {10, 11}
    session(e.Released(0, [11]))
    assert not session.state.objects


def test_a_long_chain_of_objects_goes_at_once(session: Any) -> None:
    for i in range(10, 5000):
        session.core.handle(e.Put(0, [(i, b"", (i - 1,) if i > 10 else ())]), session.now_ns)
    session(e.Released(0, list(range(10, 4999))))
    assert len(session.state.objects) == 4990
    session(e.Released(0, [4999]))
    assert not session.state.objects


def test_memory_outlives_its_reference_while_somebody_looks(session: Any) -> None:
    session.store(10)
    session.want(10)
    session.want(10)
    session(e.Released(0, [10]))
    session(e.Unpinned(0, [10]))
    assert set(session.state.unreferenced) == {10}
    session(e.Unpinned(0, [10]))
    assert not session.state.allocator.allocated


def test_what_is_inside_stays_while_somebody_looks(session: Any) -> None:
    session(e.Put(0, [(20, b"inside", ())]))
    [granted] = session(e.AllocationRequested(0, 1, 4096))
    stored = (STORED, granted.offset, 4096)
    session(e.Put(0, [(30, stored, (20,))]))
    session.want(30)
    session(e.Released(0, [20, 30]))
    assert 20 in session.state.objects
    session(e.Held(0, [30]))  # from what it looks at, it had a reference to it
    assert session.want(20, 30) == {20: b"inside", 30: stored}
    session(e.Released(0, [30]))
    session(e.Unpinned(0, [30, 30]))
    assert not session.state.objects
    assert not session.state.allocator.allocated


def test_a_process_looks_at_nothing_when_it_is_dead(session: Any) -> None:
    session.store(10)
    session.join(1)
    session(e.Wanted(1, [10]))
    session(e.Released(0, [10]))
    session.lose(1)
    assert not session.state.allocator.allocated


def test_whoever_asked_is_told_once(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define())
    session(e.Wanted(0, [10]))
    session(e.Wanted(0, [10]))
    told = session.finish(1, 10)
    assert [command for command in told if isinstance(command, c.Deliver)] == [
        c.Deliver(0, [(10, b"v")])
    ]


def test_nobody_tells_the_dead(session: Any) -> None:
    session.join(1)
    session.join(2)
    session.submit(10, template=session.define())
    session(e.Wanted(1, [10]))
    session.lose(1)
    assert session.delivered(session.finish(2, 10)) == {}
