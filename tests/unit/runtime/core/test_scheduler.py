"""Events as a whole: templates, deadlines, claims, processes that come and go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core import workers
from ray_jupyter.runtime.protocol import messages as m

Pick = Callable[[list[c.Command], type[Any]], list[Any]]


def test_every_event_is_handled(session: Any) -> None:
    assert set(session.core._handlers) == set(e.Event.__args__)  # type: ignore[attr-defined]


def test_a_client_that_is_gone_may_be_lost_again(session: Any) -> None:
    session.join(1)
    session.lose(1)
    assert session.lose(1) == []
    assert session.finish(1, 10) == []


def test_a_template_travels_once_to_each_worker(session: Any, pick: Pick) -> None:
    template = session.define()
    session.join(1)
    session.join(2)
    first = session.submit(10, 11, template=template)
    again = session.finish(2, 10) + session.submit(12, template=template)
    dispatched = pick(first + again, c.Dispatch)
    assert [len(d.definitions) for d in dispatched] == [1, 1, 0]


def test_a_template_is_forgotten_after_its_last_call(session: Any, pick: Pick) -> None:
    template = session.define(closure=(9,))
    session.join(1)
    session.submit(10, template=template)
    assert not pick(session(e.Undefined(0, [template, template])), c.Forget)
    assert pick(session.finish(1, 10), c.Forget) == [c.Forget(1, [template])]
    assert not session.state.templates
    assert list(session.state.objects) == [10]


def test_the_templates_of_a_dead_worker_go(session: Any) -> None:
    session.join(1)
    session.define(client=1)
    session.lose(1)
    assert not session.state.templates


def test_there_is_no_deadline_when_only_events_matter(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define())
    assert session.core.next_deadline_ns() is None


def test_a_tick_always_moves_its_deadline(session: Any) -> None:
    """One idle spare is older than the other: the younger one goes first, in its own time."""
    for client in (1, 2):
        session.join(client)
    session.now_ns += 900_000_000
    session.join(3)
    deadline = session.core.next_deadline_ns()
    assert deadline is not None
    session.tick(deadline - session.now_ns)
    assert session.state.clients[3].stopping
    assert session.core.next_deadline_ns() is None


def test_a_claimed_task_ends_like_any_other(session: Any) -> None:
    session.join(1)
    template = session.define()
    session.submit(10, template=template)
    session(e.Claimed(1, [(20, template, b"", (), (), 10)]))
    session.finish(1, 20, b"twenty")
    assert session.want(20) == {20: b"twenty"}


def test_what_is_not_there_is_lost_not_waited_for(session: Any) -> None:
    assert session.want(99)[99][1] == "ObjectLostError"


@pytest.mark.parametrize("outputs", [b"small", [(b"small", ())]])
def test_outputs_have_two_forms(session: Any, outputs: object) -> None:
    session.join(1)
    session.submit(10, template=session.define())
    session.finish(1, 10, outputs)
    assert session.want(10) == {10: b"small"}


def test_with_more_cpus_more_runs_at_once(session: Any, pick: Pick) -> None:
    session.state.starting = 2  # as at the start
    template = session.define()
    for worker_id in (1, 2):
        session.join(worker_id)
    session.submit(10, 11, 12, template=template)
    told = session(e.ResizeRequested(0, 77, 3))
    assert pick(told, c.Reply) == [c.Reply(0, 77, "")]
    assert [command.client for command in pick(told, c.Total)] == [0, 1, 2]
    assert pick(told, c.StartWorkers) == [c.StartWorkers(1)]
    told = session.join(3)
    assert session.sent(told) == {3: [12]}
    assert pick(told, c.Total) == [c.Total(3, {"CPU": 30_000, "GPU": 20_000})]


def test_with_fewer_what_runs_goes_on_and_idle_workers_end(session: Any, pick: Pick) -> None:
    template = session.define()
    for worker_id in (1, 2):
        session.join(worker_id)
    session.submit(10, 11, template=template)
    assert pick(session(e.ResizeRequested(0, 77, 1)), c.Reply) == [c.Reply(0, 77, "")]
    assert session.sent(session.submit(12, template=template)) == {}
    [first, second] = (session.state.tasks[task].worker for task in (10, 11))
    assert session.sent(session.finish(first, 10)) == {}
    assert session.sent(session.finish(second, 11)) == {second: [12]}
    session.now_ns += workers.SPARE_IDLE_NS
    assert pick(session(e.Tick()), c.StopWorker) == [c.StopWorker(first)]


def test_not_fewer_than_somebody_needs(session: Any, pick: Pick) -> None:
    session.join(1)
    session.submit(10, template=session.define(2))
    [reply] = pick(session(e.ResizeRequested(0, 77, 1)), c.Reply)
    assert reply.answer == "work has not ended and asks for 2 CPU"
    assert session.state.total["CPU"] == 20_000
    session.finish(1, 10)
    assert pick(session(e.ResizeRequested(0, 78, 1)), c.Reply) == [c.Reply(0, 78, "")]


def test_not_fewer_than_actors_keep(session: Any, pick: Pick) -> None:
    for worker_id in (1, 2):
        session.join(worker_id)
        creation = 10 * worker_id
        session.submit(creation, template=session.define(kind=m.ACTOR))
        session.finish(session.state.tasks[creation].worker, creation)
    [reply] = pick(session(e.ResizeRequested(0, 77, 1)), c.Reply)
    assert reply.answer == "living actors have 2 CPU"


def test_idle_workers_are_renewed_and_busy_ones_are_not(session: Any, pick: Any) -> None:
    template = session.define()
    session.join(1)
    session.join(2)
    session.submit(10, template=template)
    (busy,) = [worker for worker in (1, 2) if session.state.clients[worker].inflight]
    told = session(e.RenewalRequested(0))
    assert [command.client for command in pick(told, c.StopWorker)] == [3 - busy]
    assert pick(told, c.StartWorkers) == [c.StartWorkers(1)]
    assert session.sent(session.submit(11, template=template)) == {}
    assert pick(session.lose(3 - busy), c.StartWorkers) == []
    assert session.sent(session.join(3)) == {3: [11]}
