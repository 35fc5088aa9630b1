"""Actors whose arguments are lost: restarts and calls wait until those are made again."""

from __future__ import annotations

from typing import Any

import pytest

from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.protocol.messages import ACTOR_ERROR, STORED

ACTOR = 5


@pytest.fixture
def session(session: Any) -> Any:
    """Worker 2 has made object 10, which is in a file now."""
    session.join(2)
    session.submit(10, template=session.define())
    session.finish_large(2, 10)
    session.spill(10)
    return session


def start_actor(session: Any, **options: Any) -> None:
    """Have worker 1 be an actor that was given object 10."""
    extras = (("max_restarts", 1), *options.items())
    session.submit(ACTOR, template=session.define(1, kind="actor", extras=extras), deps=(10,))
    session.join(1)
    worker = session.state.tasks[ACTOR].worker
    session.finish(worker, ACTOR)


def test_a_restart_waits_for_its_argument(session: Any) -> None:
    start_actor(session)
    actor = session.state.actors[ACTOR]
    session.lose_file(10)
    session.lose(actor.worker)
    assert session.state.tasks[ACTOR].missing == 1
    made_by = session.state.tasks[10].worker
    session.finish_large(made_by, 10)
    session.join(3)
    assert session.state.tasks[ACTOR].worker
    session.finish(session.state.tasks[ACTOR].worker, ACTOR)
    assert actor.restarts == 1


def test_a_restart_without_its_argument_ends_the_actor(session: Any) -> None:
    session.store(30)
    session.spill(30)
    extras = (("max_restarts", 1),)
    session.submit(ACTOR, template=session.define(1, kind="actor", extras=extras), deps=(30,))
    session.finish(session.state.tasks[ACTOR].worker, ACTOR)
    session.lose_file(30)
    session.lose(session.state.actors[ACTOR].worker)
    session.submit(40, template=session.define(0, kind="method"), held=(ACTOR,))
    kind, text, _ = session.want(40)[40]
    assert kind == ACTOR_ERROR
    assert "is lost (gone)" in text


def test_a_call_that_comes_back_holds_up_those_of_its_caller_only(session: Any) -> None:
    extras = (("max_restarts", 1),)
    session.submit(ACTOR, template=session.define(1, kind="actor", extras=extras))
    worker = session.state.tasks[ACTOR].worker
    session.finish(worker, ACTOR)
    method = session.define(0, kind="method", retries=1)
    session.submit(20, template=method, deps=(10,), held=(ACTOR,))
    session.submit(21, template=method, held=(ACTOR,))
    session.lose_file(10)
    session.join(3)
    session.submit(22, template=method, held=(ACTOR,), parent=30)
    session.lose(worker, running=20)
    session.join(4)
    again = session.state.tasks[ACTOR].worker
    assert session.sent(session.finish(again, ACTOR)) == {again: [22]}
    maker = session.state.tasks[10].worker
    told = session(e.AllocationRequested(maker, 10, 4096))
    [offset] = [command.offset for command in told if hasattr(command, "offset")]
    result = (10, 0, [((STORED, offset, 4096), ())], 0, 1, 1)
    assert session.sent(session(e.Finished(maker, [result]))) == {again: [20, 21]}
