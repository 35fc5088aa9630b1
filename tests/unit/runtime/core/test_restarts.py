"""Actors that are made again, found by name, or leave of their own will."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core import queries
from ray_jupyter.runtime.protocol.messages import (
    ACTOR_ERROR,
    ERROR,
    FOUND,
    RETRYABLE_ERROR,
    SYSTEM_ERROR,
)

Pick = Callable[[list[c.Command], type[Any]], list[Any]]
ACTOR = 5
NAMED = {"name": "one", "namespace": "here", "handle": b"h"}


class Life:
    """An actor that lives in worker 1, and templates of calls that are repeated 0 times or 1."""

    def __init__(self, session: Any, **options: Any) -> None:
        self.session = session
        self.once = session.define(0, kind="method", retries=0)
        self.twice = session.define(0, kind="method", retries=1)
        self.create(ACTOR, **options)
        session.join(1)
        session.finish(1, ACTOR)

    def create(self, actor: int, deps: tuple[int, ...] = (), **options: Any) -> None:
        template = self.session.define(1, kind="actor", extras=tuple(options.items()))
        self.session.submit(actor, template=template, deps=deps)

    def call(self, *tasks: int, template: int | None = None, **more: Any) -> Any:
        return self.session.submit(*tasks, template=template or self.once, held=(ACTOR,), **more)

    def dies(self, worker: int = 1, running: int = 0) -> Any:
        return self.session.lose(worker, running)


def test_what_was_not_started_waits_for_the_restart_in_its_order(session: Any) -> None:
    life = Life(session, max_restarts=1)
    life.call(10, 11, 12)
    life.dies(running=10)
    life.call(13)
    assert session.want(10)[10][:2] == (SYSTEM_ERROR, "ActorUnavailableError")
    assert session.sent(session.join(2)) == {2: [ACTOR]}
    assert session.sent(session.finish(2, ACTOR)) == {2: [11, 12, 13]}


def test_what_may_be_repeated_is_and_comes_first(session: Any) -> None:
    life = Life(session, max_restarts=-1)
    life.call(10, 11, template=life.twice)
    life.dies(running=10)
    session.join(2)
    assert session.sent(session.finish(2, ACTOR)) == {2: [10, 11]}
    life.dies(2, running=10)
    assert "may have run" in session.want(10)[10][2]
    session.join(3)
    assert session.sent(session.finish(3, ACTOR)) == {3: [11]}
    assert session.state.retries == 1


def test_restarts_are_counted(session: Any) -> None:
    life = Life(session, max_restarts=1)
    life.dies()
    session.join(2)
    session.finish(2, ACTOR)
    assert queries.restarts(session.state, ACTOR) == 1
    assert session.state.actors[ACTOR].creation is None  # no other restart: nothing is kept
    life.call(10)
    life.dies(2, running=10)
    [cause] = session.want(10).values()
    assert cause[0] == ACTOR_ERROR
    assert "after all 1 restarts" in cause[1]
    life.call(11)
    assert session.want(11)[11] == cause


def test_death_in_the_constructor_uses_up_a_restart(session: Any) -> None:
    life = Life(session)
    life.create(7, max_restarts=1)
    session.join(2)
    session.lose(2, running=7)
    assert session.sent(session.join(3)) == {3: [7]}
    session.lose(3, running=7)
    assert session.state.actors[7].cause is not None
    assert not session.state.tasks


def test_arguments_are_kept_while_a_restart_may_come(session: Any) -> None:
    life = Life(session)
    session(e.Put(0, [(20, b"argument", ())]))
    life.create(7, deps=(20,), max_restarts=1)
    session.join(2)
    session.finish(2, 7)
    session(e.Released(0, [20]))
    told = session.lose(2)
    assert 20 in session.state.objects
    told = session.join(3)
    assert [a[3] for d in told if isinstance(d, c.Dispatch) for a in d.assignments] == [
        ((20, b"argument"),)
    ]
    session.finish(3, 7)
    assert 20 not in session.state.objects


def test_the_last_handle_goes_while_it_is_made_again(session: Any, pick: Pick) -> None:
    life = Life(session, max_restarts=1)
    life.dies()
    session(e.Released(0, [ACTOR]))
    assert ACTOR in session.state.objects  # the restart holds it
    session.join(2)
    assert pick(session.finish(2, ACTOR), c.StopWorker) == [c.StopWorker(2)]
    assert not session.state.actors


def test_a_failed_constructor_ends_restarts(session: Any) -> None:
    life = Life(session, max_restarts=-1)
    life.dies()
    life.call(10)
    session.join(2)
    session.finish(2, ACTOR, b"boom", status=ERROR)
    cause = (ACTOR_ERROR, "actor work: its constructor failed", b"boom")
    assert session.want(10) == {10: cause}
    assert session.sent(session.join(3)) == {}


def test_a_kill_may_allow_a_restart(session: Any, pick: Pick) -> None:
    life = Life(session, max_restarts=1)
    life.call(10)
    assert pick(session(e.KillActorRequested(0, ACTOR, False)), c.KillWorker) == [c.KillWorker(1)]
    assert session(e.KillActorRequested(0, ACTOR, False)) == []
    life.dies(running=10)
    assert "was killed by ray.kill(no_restart=False)" in session.want(10)[10][2]
    assert session.sent(session.join(2)) == {2: [ACTOR]}
    session(e.KillActorRequested(0, ACTOR, True))
    session.lose(2, running=ACTOR)
    life.call(11)
    assert session.want(11) == {11: (ACTOR_ERROR, "actor work was killed by ray.kill", None)}


def test_a_call_that_raised_is_repeated_if_it_says_so(session: Any) -> None:
    life = Life(session)
    life.call(10, template=life.twice)
    told = session.finish(1, 10, b"boom", status=RETRYABLE_ERROR)
    assert session.sent(told) == {1: [10]}
    session.finish(1, 10, b"boom", status=RETRYABLE_ERROR)
    assert session.want(10) == {10: ("failed", b"boom", 2)}


def test_an_actor_exits(session: Any) -> None:
    life = Life(session, max_restarts=-1)
    session.submit(20, template=session.define())
    life.call(10)
    life.call(11, deps=(20,))
    session(e.ActorExited(1, "exited"))
    cause = (ACTOR_ERROR, "actor work exited", None)
    assert session.want(11) == {11: cause}  # it had not been sent
    life.dies(running=10)
    assert session.want(10) == {10: cause}
    assert session.sent(session.join(2)) == {2: [20]}


def test_several_calls_at_once_all_count_as_started(session: Any) -> None:
    life = Life(session, max_restarts=1, max_concurrency=2, unordered=True)
    life.call(10, 11)
    life.call(12, template=life.twice)
    life.dies(running=0)
    assert {i: v[1] for i, v in session.want(10, 11).items()} == {
        10: "ActorUnavailableError", 11: "ActorUnavailableError",
    }  # fmt: skip
    session.join(2)
    assert session.sent(session.finish(2, ACTOR)) == {2: [12]}


def test_calls_may_overtake_one_that_waits_for_its_arguments(session: Any) -> None:
    life = Life(session, max_concurrency=2, unordered=True)
    session.join(2)
    session.submit(20, template=session.define())
    life.call(10, deps=(20,))
    assert session.sent(life.call(11)) == {1: [11]}
    session(e.Blocked(1, [], []))
    assert session.sent(life.call(12)) == {1: [12]}  # also while one of its calls waits
    assert session.sent(session.finish(2, 20)) == {1: [10]}


def test_names(session: Any, pick: Pick) -> None:
    life = Life(session, **NAMED)
    assert session(e.ActorSought(0, 1, "here", "one")) == [c.Reply(0, 1, (FOUND, ACTOR, b"h"))]
    assert session(e.ActorSought(0, 2, "there", "one")) == [c.Reply(0, 2, None)]
    assert queries.named_actors(session.state) == [("here", "one")]
    life.create(7, **NAMED)
    assert session.state.actors[7].cause == (
        ACTOR_ERROR, "actor work: the name 'one' is taken", None,
    )  # fmt: skip
    session(e.KillActorRequested(0, ACTOR, True))
    life.create(8, **NAMED)
    assert session(e.ActorSought(0, 3, "here", "one")) == [c.Reply(0, 3, (FOUND, 8, b"h"))]


def test_who_found_an_actor_holds_it(session: Any, pick: Pick) -> None:
    Life(session, **NAMED)
    session.join(2)
    session(e.ActorSought(2, 1, "here", "one"))
    assert not pick(session(e.Released(0, [ACTOR])), c.StopWorker)
    assert pick(session(e.Released(2, [ACTOR])), c.StopWorker) == [c.StopWorker(1)]
    assert session(e.ActorSought(0, 2, "here", "one")) == [c.Reply(0, 2, None)]


def test_a_detached_actor_holds_itself(session: Any, pick: Pick) -> None:
    Life(session, **NAMED, detached=True)
    assert not pick(session(e.Released(0, [ACTOR])), c.StopWorker)
    session(e.KillActorRequested(0, ACTOR, True))
    assert not session.state.names
    assert not session.state.actors
    session.lose(1)
    assert session.state.available == session.state.total


@pytest.mark.parametrize("waits", [False, True])
def test_pending_calls_are_those_of_one_process(session: Any, waits: bool) -> None:
    life = Life(session)
    if waits:
        session(e.Blocked(1, [], []))
    life.call(10, 11)
    session.join(2)
    life.call(12, client=2)
    assert queries.pending_calls(session.state, (ACTOR, 0)) == 2
    assert queries.pending_calls(session.state, (ACTOR, 2)) == 1
    assert queries.pending_calls(session.state, (99, 0)) == 0
    assert queries.is_actor_call(session.state, 10)
    assert not queries.is_actor_call(session.state, ACTOR)
