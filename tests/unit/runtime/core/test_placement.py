"""Which worker runs what, and when more are started or asked to hand back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core import placement

Pick = Callable[[list[c.Command], type[Any]], list[Any]]
MS = 1_000_000


def measured(session: Any, template: int, client: int = 1) -> None:
    """Run one call, so that the template counts as short."""
    session.submit(1, template=template)
    session.finish(client, 1, took_ns=1000)


def test_workers_are_started_for_free_resources_only(session: Any, pick: Pick) -> None:
    told = session.submit(10, 11, 12, 13, template=session.define())
    assert pick(told, c.StartWorkers) == [c.StartWorkers(2)]


def test_tasks_of_tasks_go_first_and_newest_first(session: Any) -> None:
    template = session.define(2)
    session.join(1)
    session.submit(10, 11, template=template)
    session.submit(20, 21, template=template, parent=10, client=1)
    assert session.sent(session.finish(1, 10)) == {1: [21, 20, 11]}


def test_a_child_of_another_shape_goes_before_older_tasks(session: Any) -> None:
    parent, child = session.define(1), session.define(0.5)
    session.join(1)
    session.submit(*range(10, 30), template=parent)
    session.submit(90, template=child, parent=10, client=1)
    session(e.Blocked(1, [90], []))
    assert session.sent(session.join(2)) == {2: [90]}


def test_what_can_never_run_stops_nobody(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define(3))
    session.now_ns += 2 * placement.PATIENCE_NS
    assert session.sent(session.submit(11, template=session.define(1))) == {1: [11]}


def test_what_an_actor_has_is_not_waited_for(session: Any) -> None:
    session.join(1)
    session.submit(5, template=session.define(1, kind="actor"))
    session.finish(1, 5)
    session.submit(10, template=session.define(2))
    session.now_ns += 2 * placement.PATIENCE_NS
    session.join(2)
    assert session.sent(session.submit(11, template=session.define(1))) == {2: [11]}


def test_tasks_without_demands_pass_those_that_wait_for_cpus(session: Any) -> None:
    session.join(1)
    session.join(2)
    session.submit(9, template=session.define(1))
    session.submit(10, template=session.define(2))
    session.now_ns += 2 * placement.PATIENCE_NS
    assert session.sent(session.submit(11, template=session.define(0))) == {1: [11]}


@pytest.mark.parametrize("before", [0, placement.RETURNS_MAX - 1, placement.RETURNS_MAX])
def test_what_came_back_too_often_is_not_sent_ahead(session: Any, before: int) -> None:
    template = session.define()
    session.join(1)
    measured(session, template)
    session.submit(10, 11, 12, template=template)
    session.state.tasks[12].returns = before
    assert session.sent(session(e.Returned(1, [12]))) == {}
    again = {} if before == placement.RETURNS_MAX else {1: [12]}
    assert session.sent(session.finish(1, 10)) == again
    assert session.sent(session.finish(1, 11)) == ({} if again else {1: [12]})


def test_a_long_function_is_not_sent_ahead(session: Any) -> None:
    template = session.define()
    session.join(1)
    session.submit(1, template=template)
    session.finish(1, 1, took_ns=100 * MS)
    assert session.sent(session.submit(10, 11, template=template)) == {1: [10]}


def test_a_recalled_worker_gets_nothing_until_it_ends_a_task(session: Any, pick: Pick) -> None:
    """Its function is short by the mean, this call is not: it would come back for ever."""
    template = session.define()
    session.join(1)
    measured(session, template)
    session.submit(10, 11, 12, template=template)
    session.join(2)
    assert pick(session.tick(3 * MS), c.Recall) == [c.Recall(1)]
    session.lose(2)
    assert session.sent(session(e.Returned(1, [11, 12]))) == {}
    assert session.sent(session.finish(1, 10)) == {1: [11, 12]}


def test_nothing_is_recalled_when_nobody_could_run_it(session: Any, pick: Pick) -> None:
    template = session.define(2)
    session.join(1)
    measured(session, template)
    session.submit(10, 11, template=template)
    session.join(2)
    assert session.core.next_deadline_ns() is None
    assert pick(session.tick(3 * MS), c.Recall) == []


def test_a_worker_below_a_task_in_place_gets_nothing_ahead(session: Any) -> None:
    """It would hand it back: the task below is still blocked."""
    template = session.define(2)
    session.join(1)
    measured(session, template)
    session.submit(10, 11, 12, template=template)
    session(e.Blocked(1, [12], [11]))
    assert session.sent(session(e.Returned(1, [12]))) == {1: [12]}


def test_templates_reach_a_worker_before_the_tasks_that_need_them(session: Any, pick: Pick) -> None:
    template = session.define()
    session.join(1)
    session.submit(10, template=session.define())
    session.submit(20, 21, template=template, parent=10, client=1)
    dispatched = pick(session(e.Blocked(1, [20], [])), c.Dispatch)
    assert dispatched[0].in_place
    assert [i for i, _ in dispatched[0].definitions] == [template]


def test_the_stack_of_a_worker_is_finite(session: Any) -> None:
    template = session.define()
    session.join(1)
    session.submit(1000, template=template)
    for task in range(1001, 1001 + placement.STACK_LIMIT + 1):
        session.submit(task, template=template, parent=task - 1, client=1)
        told = session(e.Blocked(1, [task], []))
    assert not session.sent(told)
    assert session.sent(session.join(2)) == {2: [task]}


def test_a_task_that_goes_on_may_overdraw(session: Any) -> None:
    template = session.define(2)
    session.join(1)
    session.submit(10, 11, template=template)
    session(e.Blocked(1, [99], []))
    session.join(2)
    session(e.Unblocked(1))
    assert session.state.available["CPU"] == -20_000
    session.finish(2, 11)
    session.finish(1, 10)
    assert session.state.available == session.state.total


def test_spares_are_bounded(session: Any, pick: Pick) -> None:
    template = session.define(0)
    started = pick(session.submit(*range(10, 1000), template=template), c.StartWorkers)
    assert sum(command.number for command in started) == 2 * 2 + 2


@pytest.mark.parametrize("killed", [False, True])
def test_a_dead_worker_is_replaced(session: Any, pick: Pick, killed: bool) -> None:
    session.join(1)
    session.join(2)
    session.submit(10, template=session.define())
    if killed:
        session(e.CancelRequested(0, 10, True, False))
    assert pick(session.lose(2, 10), c.StartWorkers) == [c.StartWorkers(1)]


def test_the_driver_is_not_replaced(session: Any, pick: Pick) -> None:
    assert pick(session.lose(0), c.StartWorkers) == []


def test_who_fetches_what_is_there_does_not_give_its_cpu_away(session: Any, pick: Pick) -> None:
    """As a worker does with a function too large for a message: it goes on at once."""
    session.join(1)
    session.join(2)
    session(e.Put(0, [(90, b"a function", ())]))
    session.submit(10, 11, 12, template=session.define())
    told = session(e.Blocked(1, [90], []))
    assert session.delivered(told) == {90: b"a function"}
    assert pick(told, c.StartWorkers) == pick(told, c.Dispatch) == []
    assert session.state.available["CPU"] == 0
    session(e.Unblocked(1))
    assert pick(session(e.Blocked(1, [90, 99], [])), c.StartWorkers)


def test_who_waited_and_then_asks_for_what_is_there_has_its_cpu_again(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define())
    session(e.Blocked(1, [90], []))
    assert session.state.available["CPU"] == 20_000
    session(e.Put(0, [(90, b"value", ())]))
    session(e.Blocked(1, [90], []))
    assert session.state.available["CPU"] == 10_000
    session(e.Unblocked(1))
    assert session.state.available["CPU"] == 10_000
