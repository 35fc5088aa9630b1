"""Failed tasks run again when somebody asks: which, with what, and why not."""

from __future__ import annotations

from typing import Any

import pytest

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core import remains
from ray_jupyter.runtime.core.resuming import describe
from ray_jupyter.runtime.protocol.messages import ERROR, FAILED, METHOD


@pytest.fixture
def failed(session: Any) -> Any:
    """Task 10 failed, and 11 and 12 with it; 12 needs 11. 10 was given object 30."""
    session.join(1)
    session(e.Put(0, [(30, b"input", ())]))
    template = session.define()
    session.submit(10, template=template, deps=(30,))
    session.submit(11, template=template, deps=(10,))
    session.submit(12, template=template, deps=(11, 30))
    session.finish(1, 10, b"error", status=ERROR)
    return session


def resume(session: Any, object_id: int, template: int = 0) -> Any:
    """Return the answer."""
    told = session(e.ResumeRequested(0, 7, object_id, template))
    [reply] = [command for command in told if isinstance(command, c.Reply)]
    return reply.answer


def test_all_that_failed_with_it_run_again_in_their_order(failed: Any) -> None:
    assert failed.want(10, 12) == {10: (FAILED, b"error"), 12: (FAILED, b"error")}
    assert resume(failed, 12) == {"tasks": ["work"] * 3, "stuck": 0}
    assert failed.want(10, 11, 12) == {}
    for task, next_task in ((10, 11), (11, 12), (12, None)):
        sent = failed.sent(failed.finish(1, task, b"good %d" % task))
        assert sent == ({1: [next_task]} if next_task else {})
    assert failed.want(10, 11, 12) == {i: b"good %d" % i for i in (10, 11, 12)}
    assert not failed.state.remains


def test_whoever_holds_one_forgets_the_error_first(failed: Any) -> None:
    failed.join(2)
    failed(e.Held(2, [11]))
    told = failed(e.ResumeRequested(0, 7, 10, 0))
    assert [x for x in told if isinstance(x, (c.Retract, c.Reply))] == [
        c.Retract(0, [10, 11, 12]), c.Retract(2, [11]),
        c.Reply(0, 7, {"tasks": ["work"] * 3, "stuck": 0}),
    ]  # fmt: skip


def test_the_first_has_the_new_definition_and_the_old_one_goes(failed: Any) -> None:
    old = failed.state.remains[10].template.id
    new = failed.define()
    failed(e.Undefined(0, [old]))
    resume(failed, 10, new)
    failed(e.Undefined(0, [new]))
    assert failed.state.tasks[10].template.id == new
    assert failed.state.tasks[11].template.id == old
    for task in (10, 11, 12):
        failed.finish(1, task)
    assert not failed.state.templates


def test_the_inputs_stay_while_the_error_is_held_and_no_longer(failed: Any) -> None:
    failed(e.Released(0, [30, 10, 11]))
    assert {10, 11, 12, 30} == set(failed.state.objects)
    failed(e.Released(0, [12]))
    assert not failed.state.objects
    assert not failed.state.remains


def test_who_waits_for_something_else_waits_for_it_as_well(failed: Any) -> None:
    failed.submit(20, template=failed.define())
    failed.submit(21, template=failed.define(), deps=(20, 10, 10))
    resume(failed, 10)
    assert failed.sent(failed.finish(1, 20)) == {1: [10]}
    assert 21 in failed.sent(failed.finish(1, 10, b"good"))[1]


def test_it_may_fail_again_and_be_resumed_again(failed: Any) -> None:
    resume(failed, 11)
    failed.finish(1, 10, b"another error", status=ERROR)
    assert failed.want(12) == {12: (FAILED, b"another error")}
    assert resume(failed, 12)["tasks"] == ["work"] * 3


def test_a_second_failed_input_is_another_failure(failed: Any) -> None:
    template = failed.define()
    failed.submit(20, template=template)
    failed.finish(1, 20, b"second", status=ERROR)
    failed.submit(21, template=template, deps=(10, 20))
    resume(failed, 10)
    failed.finish(1, 10)
    assert failed.want(21) == {21: (FAILED, b"second")}
    resume(failed, 21)
    failed.finish(1, 20)
    assert failed.state.tasks[21].worker == 1


def test_a_dead_worker_can_be_followed_by_another_try(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define(retries=0))
    session.lose(1, running=10)
    session.join(2)
    assert resume(session, 10) == {"tasks": ["work"], "stuck": 0}
    session.finish(2, 10)
    assert session.want(10) == {10: b"v"}


def test_what_has_not_failed_or_is_not_there(failed: Any) -> None:
    assert resume(failed, 30) == "its task has not failed"
    assert resume(failed, 99) == "the object is not there"
    failed.submit(40, template=failed.define(2))
    assert resume(failed, 40) == "its task has not ended"


def test_cancelled_tasks_and_methods_are_not_run_again(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define(2))
    session.submit(11, template=session.define(2))
    session(e.CancelRequested(0, 11, False, False))
    assert "cancelled" in resume(session, 11)
    session.join(2)
    session.submit(5, template=session.define(0, kind="actor"))
    session.finish(2, 5, b"N.")
    session.submit(6, template=session.define(0, kind=METHOD), held=(5,))
    session.finish(2, 6, b"error", status=ERROR)
    assert "method" in resume(session, 6)


def test_another_number_of_results_is_refused(failed: Any) -> None:
    answer = resume(failed, 10, failed.define(returns=2))
    assert "give it the same num_returns" in answer
    assert failed.want(10) == {10: (FAILED, b"error")}


def test_too_many_are_forgotten_oldest_first(failed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remains, "LIMIT_BYTES", 3_000)
    failed.submit(20, template=failed.define())
    failed.finish(1, 20, b"error", status=ERROR)
    assert list(failed.state.remains) == [11, 12, 20]
    assert "forgotten" in resume(failed, 12)


def test_nobody_complains_of_an_error_that_was_mended(failed: Any) -> None:
    resume(failed, 10)
    for task in (10, 11, 12):
        failed.finish(1, task)
    assert not [x for x in failed(e.Released(0, [10, 11, 12])) if isinstance(x, c.Complain)]


def test_what_it_takes_to_run_it_elsewhere(failed: Any) -> None:
    found = describe(failed.state, 12)
    assert found == describe(failed.state, 10)
    assert isinstance(found, dict)
    assert (found["task"], found["deps"], found["dependents"]) == (10, [30], ["work"])
