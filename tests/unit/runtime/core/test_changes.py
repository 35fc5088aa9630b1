"""What the dashboard is told by the core."""

from __future__ import annotations

from typing import Any

from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core.queries import ANSWERS
from ray_jupyter.runtime.protocol.messages import ACTOR, STORED
from ray_jupyter.runtime.protocol.messages import ERROR as TASK_FAILED


def ask(session: Any, since: int = 0, most: int = 100) -> dict[str, Any]:
    question = {"watch": "", "since": since, "most": most}
    answer: dict[str, Any] = ANSWERS["changes"](session.state, question)
    return answer


def test_ended_tasks_are_told_once(session: Any) -> None:
    template = session.define()
    session.join(1)
    session.submit(10, template=template)
    session.finish(1, 10, took_ns=50)
    answer = ask(session)
    [task] = answer["tasks"]
    assert (task[0], task[2], task[3], task[4], task[11]) == (10, "work", "FINISHED", 101, 1)
    assert ask(session, answer["cursor"])["tasks"] == []


def test_what_has_not_ended_is_counted_by_function_and_shown_with_its_edges(session: Any) -> None:
    template = session.define(2)
    session.join(1)
    session.submit(10, 11, template=template)
    session.submit(12, template=template, deps=(10, 11))
    answer = ask(session)
    assert answer["live"] == [("work", "task", 3, 0)]
    assert answer["totals"]["live"] == 3
    waiting = {row[0]: row for row in answer["waiting"]}
    assert waiting[12][5] == (10, 11)
    [worker] = answer["workers"]
    assert worker[:3] == (1, 101, "RUNNING")
    assert [task[0] for task in worker[5]] == [10]


def test_an_actor_is_counted_while_it_lives(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define(kind=ACTOR))
    session.finish(1, 10)
    assert ask(session)["live"] == [("work", ACTOR, 1, 0)]
    assert ask(session)["workers"][0][3] == "work"
    session(e.KillActorRequested(0, 10))
    assert ask(session)["live"] == []


def test_a_blocked_worker_says_so(session: Any) -> None:
    template = session.define()
    session.join(1)
    session.submit(10, template=template)
    session(e.Blocked(1, [99], []))
    assert ask(session)["workers"][0][2] == "BLOCKED"


def test_an_error_of_user_code_comes_with_the_beginning_of_its_pickle(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define(retries=0))
    session.finish(1, 10, b"pickled", status=TASK_FAILED)
    answer = ask(session)
    assert answer["failures"] == {10: b"pickled"}


def test_forgotten_records_are_counted(session: Any) -> None:
    template = session.define()
    session.join(1)
    for task_id in (10, 11, 12):
        session.submit(task_id, template=template)
        session.finish(1, task_id)
    session.state.records.popleft()
    answer = ask(session)
    assert (answer["forgotten"], [task[0] for task in answer["tasks"]]) == (1, [11, 12])


def test_each_task_is_told_with_its_cell_whenever_it_was_submitted(session: Any) -> None:
    template = session.define()
    session.join(1)
    session(e.CellBegan(0, 5))
    session.submit(10, template=template)
    session(e.CellBegan(0, 20))
    session.submit(21, 22, template=template)
    session.submit(50, template=template, parent=10, client=1)  # while the second cell runs
    assert sorted(ask(session)["live"]) == [("work", "task", 2, 5), ("work", "task", 2, 20)]
    assert {row[0]: row[3] for row in ask(session)["waiting"]} == {10: 5, 21: 20, 22: 20, 50: 5}
    [worker] = ask(session)["workers"]
    assert [task[4] for task in worker[5]] == [5]
    session.finish(1, 10)
    assert [(task[0], task[-1]) for task in ask(session)["tasks"]] == [(10, 5)]
    assert sorted(ask(session)["live"]) == [("work", "task", 1, 5), ("work", "task", 2, 20)]


def test_who_asks_by_name_is_gathered_for(session: Any) -> None:
    template = session.define()
    session.join(1)
    question = {"watch": "me", "since": 0, "most": 100}
    for task_id in (10, 11):
        session.submit(task_id, template=template)
        session.finish(1, task_id)
        answer = ANSWERS["changes"](session.state, question)
        assert [task[0] for task in answer["tasks"]] == [task_id]
    assert list(session.state.watches) == ["me"]
    assert ANSWERS["unwatch"](session.state, "me") is True
    assert session.state.watches == {}
    answer = ANSWERS["changes"](session.state, question | {"since": 1})
    assert [task[0] for task in answer["tasks"]] == [11]


def test_a_task_that_is_remembered_for_its_result_is_not_counted_as_live(session: Any) -> None:
    template = session.define()
    session.join(1)
    session.submit(10, template=template)
    [grant] = [c for c in session(e.AllocationRequested(1, 1, 1_000)) if hasattr(c, "offset")]
    session.finish(1, 10, [((STORED, grant.offset, 1_000), ())])
    assert session.state.templates[template].remembered == 1
    assert ask(session)["live"] == []
    session(e.Released(0, [10]))
    assert session.state.templates[template].remembered == 0


def test_a_failed_task_that_may_run_again_is_not_counted_as_live(session: Any) -> None:
    template = session.define(retries=0)
    session.join(1)
    session.submit(10, template=template)
    session.finish(1, 10, b"pickled", status=TASK_FAILED)
    assert list(session.state.remains) == [10]
    assert ask(session)["live"] == []
    session(e.ResumeRequested(0, 1, 10, 0))
    assert ask(session)["live"] == [("work", "task", 1, 0)]
    session.finish(1, 10, b"pickled", status=TASK_FAILED)
    session(e.Released(0, [10]))
    assert session.state.templates[template].remembered == 0
