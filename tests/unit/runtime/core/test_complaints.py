"""Errors that nobody asked for, and nobody can any more, are told; once, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.protocol.messages import CANCELLED, ERROR

Complaints = Callable[[], list[tuple[int, int, str]]]


@pytest.fixture
def complaints(session: Any, pick: Any) -> Complaints:
    session.join(1)
    return lambda: [(x.root, x.task, x.name) for x in pick(session.commands, c.Complain)]


def test_of_a_task_whose_result_nobody_kept(session: Any, complaints: Complaints) -> None:
    session.submit(10, template=session.define())
    session(e.Released(0, [10]))
    session.finish(1, 10, b"boom", status=ERROR)
    assert complaints() == [(10, 10, "work")]


def test_not_while_somebody_may_ask(session: Any, complaints: Complaints) -> None:
    session.submit(10, template=session.define())
    session.finish(1, 10, b"boom", status=ERROR)
    assert complaints() == []
    session(e.Released(0, [10]))
    assert complaints() == [(10, 10, "work")]


def test_not_of_what_was_asked_for(session: Any, complaints: Complaints) -> None:
    session.submit(10, 20, template=session.define(returns=2))
    for task in (10, 20):
        session.finish(1, task, b"boom", status=ERROR)
    session(e.Seen(0, [11, 20, 99]))
    session(e.Released(0, [10, 11, 20, 21]))
    assert complaints() == []


def test_once_for_all_that_fails_with_it(session: Any, complaints: Complaints) -> None:
    template = session.define()
    session.submit(10, template=template)
    session.submit(11, 12, template=template, deps=(10,))
    session(e.Released(0, [10]))
    session.finish(1, 10, b"boom", status=ERROR)
    session(e.Released(0, [11]))
    assert complaints() == []
    session(e.Released(0, [12]))
    assert complaints() == [(10, 10, "work")]


def test_not_when_what_failed_with_it_was_asked_for(session: Any, complaints: Complaints) -> None:
    template = session.define()
    session.submit(10, template=template)
    session.submit(11, template=template, deps=(10,))
    session.finish(1, 10, b"boom", status=ERROR)
    session(e.Seen(0, [11]))
    session(e.Released(0, [10, 11]))
    assert complaints() == []


def test_the_root_is_the_driver_s_task(session: Any, complaints: Complaints) -> None:
    session.submit(10, template=session.define())
    session.submit(1 << 33, template=session.define(), client=1, parent=10)
    session(e.Released(1, [1 << 33]))
    assert session.sent(session.finish(1, 10)) == {1: [1 << 33]}
    session.finish(1, 1 << 33, b"boom", status=ERROR)
    assert complaints() == [(10, 1 << 33, "work")]


def test_not_of_what_was_cancelled(session: Any, complaints: Complaints) -> None:
    session.submit(10, template=session.define())
    session(e.CancelRequested(0, 10, False, False))
    session(e.Released(0, [10]))
    session.finish(1, 10, b"", status=CANCELLED)
    assert complaints() == []


def test_of_a_worker_that_died(session: Any, complaints: Complaints) -> None:
    session.submit(10, template=session.define(retries=0))
    session(e.Released(0, [10]))
    session.lose(1, running=10)
    assert complaints() == [(10, 10, "work")]


def test_an_actor_s_constructor_is_seen_in_its_calls(session: Any, complaints: Complaints) -> None:
    session.submit(10, 20, template=session.define(kind="actor"))
    method = session.define(0, kind="method")
    session.submit(11, template=method, held=(10,))
    session.finish(1, 10, b"boom", status=ERROR)
    session.submit(12, template=method, held=(10,))
    session(e.Released(0, [10, 11]))
    session(e.Seen(0, [12]))
    session(e.Released(0, [12]))
    assert complaints() == []
    session.join(2)
    session.finish(session.state.tasks[20].worker, 20, b"boom", status=ERROR)
    session(e.Released(0, [20]))
    assert complaints() == [(20, 20, "work")]
