"""Actors: order of calls, and every way to die."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.protocol.messages import ACTOR_ERROR, ERROR, RETRYABLE_ERROR

Pick = Callable[[list[c.Command], type[Any]], list[Any]]
ACTOR = 5


@pytest.fixture
def method(session: Any) -> int:
    """An actor is submitted; nobody runs it yet."""
    session.submit(ACTOR, template=session.define(1, kind="actor"))
    template: int = session.define(0, kind="method", retries=0)
    return template


def test_a_call_waits_for_the_actor_and_does_not_go_to_the_driver(
    session: Any, method: int
) -> None:
    assert session.sent(session.submit(10, template=method, held=(ACTOR,))) == {}
    assert session.sent(session.join(1)) == {1: [ACTOR]}
    assert session.sent(session.finish(1, ACTOR)) == {1: [10]}


def test_killing_an_actor_without_a_process_kills_nobody(
    session: Any, method: int, pick: Pick
) -> None:
    session.submit(10, template=method, held=(ACTOR,))
    assert not pick(session(e.KillActorRequested(0, ACTOR)), c.KillWorker)
    assert session.want(10) == {10: (ACTOR_ERROR, "actor work was killed by ray.kill", None)}
    assert not session.state.clients[0].stopping


def test_two_calls_that_need_the_same_value_both_run_in_order(session: Any, method: int) -> None:
    session.join(1)
    session.finish(1, ACTOR)
    session.join(2)
    session.submit(20, template=session.define())
    session.submit(10, 11, template=method, deps=(20,), held=(ACTOR,))
    session.submit(12, template=method, held=(ACTOR,))
    assert session.sent(session.finish(2, 20)) == {1: [10, 11, 12]}


def test_a_cancelled_call_lets_the_next_ones_pass(session: Any, method: int) -> None:
    session.join(1)
    session.finish(1, ACTOR)
    session.submit(20, template=session.define())
    session.submit(10, template=method, deps=(20,), held=(ACTOR,))
    session.submit(11, template=method, held=(ACTOR,))
    assert session.sent(session(e.CancelRequested(0, 10, False, False))) == {1: [11]}


def test_callers_do_not_wait_for_each_other(session: Any, method: int) -> None:
    """The driver's call needs what a task makes that calls the actor, too."""
    session.join(1)
    session.finish(1, ACTOR)
    session.join(2)
    session.submit(20, template=session.define(), held=(ACTOR,))
    session.submit(10, template=method, deps=(20,), held=(ACTOR,))
    told = session.submit(30, template=method, held=(ACTOR,), parent=20, client=2)
    assert session.sent(told) == {1: [30]}


def test_a_blocked_actor_gets_what_it_handed_back_first(session: Any, method: int) -> None:
    session.join(1)
    session.finish(1, ACTOR)
    session.submit(10, 11, 12, template=method, held=(ACTOR,))
    session(e.Blocked(1, [], [11, 12]))
    assert session.sent(session.submit(13, template=method, held=(ACTOR,))) == {}
    assert session.sent(session(e.Unblocked(1))) == {1: [11, 12, 13]}


def test_a_failed_constructor_fails_the_calls(session: Any, method: int, pick: Pick) -> None:
    session.join(1)
    session.submit(10, template=method, held=(ACTOR,))
    told = session.finish(1, ACTOR, b"boom", status=ERROR)
    assert pick(told, c.StopWorker) == [c.StopWorker(1)]
    session.submit(11, template=method, held=(ACTOR,))
    cause = (ACTOR_ERROR, "actor work: its constructor failed", b"boom")
    assert session.want(10, 11) == {10: cause, 11: cause}


@pytest.mark.parametrize("status", [ERROR, RETRYABLE_ERROR])
def test_a_constructor_is_not_repeated(session: Any, method: int, status: int) -> None:
    session.join(1)
    session.join(2)
    assert session.sent(session.finish(2, ACTOR, b"boom", status=status)) == {}


def test_death_in_the_constructor_has_a_cause(session: Any, method: int) -> None:
    session.join(1)
    session.submit(10, template=method, held=(ACTOR,))
    session.lose(1, running=ACTOR)
    cause = (ACTOR_ERROR, "actor work died: worker was killed by SIGKILL", None)
    assert session.want(10) == {10: cause}
    session.submit(11, template=method, held=(ACTOR,))
    assert session.want(11) == {11: cause}


def test_an_actor_ends_after_the_calls_that_hold_it(session: Any, method: int, pick: Pick) -> None:
    session.join(1)
    session.finish(1, ACTOR)
    session.submit(10, template=method, held=(ACTOR,))
    assert not pick(session(e.Released(0, [ACTOR])), c.StopWorker)
    assert pick(session.finish(1, 10), c.StopWorker) == [c.StopWorker(1)]
    session.lose(1)
    assert not session.state.actors
    assert session.state.available == session.state.total


def test_a_killed_actor_is_not_stopped_as_well(session: Any, method: int, pick: Pick) -> None:
    session.join(1)
    session.finish(1, ACTOR)
    assert pick(session(e.KillActorRequested(0, ACTOR)), c.KillWorker) == [c.KillWorker(1)]
    assert session(e.KillActorRequested(0, ACTOR)) == []
    assert session(e.Released(0, [ACTOR])) == []
