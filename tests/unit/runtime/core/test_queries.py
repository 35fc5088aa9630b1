"""What users are told about the state."""

from __future__ import annotations

from typing import Any

from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core import queries
from ray_jupyter.runtime.core.state import FAILURE_BYTES
from ray_jupyter.runtime.protocol.messages import (
    ACTOR,
    ACTOR_ERROR,
    ERROR,
    FAILED,
    METHOD,
    SYSTEM_ERROR,
)


def test_resources_are_amounts_and_never_negative(session: Any) -> None:
    template = session.define(2)
    session.join(1)
    session.submit(10, 11, template=template)
    session(e.Blocked(1, [99], []))
    session.join(2)
    session(e.Unblocked(1))
    assert queries.resources(session.state) == ({"CPU": 2.0, "GPU": 2.0}, {"CPU": 0.0, "GPU": 2.0})


def test_the_oldest_task_of_a_worker_counts_as_running(session: Any) -> None:
    template = session.define(2)
    session.join(1)
    session.submit(9, template=template)
    session.finish(1, 9)
    session.submit(10, 11, template=template)
    session.submit(12, template=template, deps=(11,))
    session(e.CancelRequested(0, 12, False, False))
    assert queries.tasks_by_state(session.state) == {
        "RUNNING": 1, "SUBMITTED_TO_WORKER": 1, "FINISHED": 1, "FAILED": 1
    }  # fmt: skip


def test_records_go_on_from_a_cursor(session: Any) -> None:
    template = session.define()
    session.join(1)
    session.submit(10, template=template)
    session.finish(1, 10, took_ns=50)
    cursor, [record] = queries.records(session.state, 0)
    assert (record[0], record[2], record[3], record[4], record[7]) == (
        10,
        "work",
        "FINISHED",
        101,
        50,
    )
    assert queries.records(session.state, cursor) == (1, [])
    session.submit(11, template=template)
    session.finish(1, 11)
    assert [r[0] for r in queries.records(session.state, cursor)[1]] == [11]


def test_records_that_are_gone_are_skipped(session: Any) -> None:
    session.state.records.extend([("new",)])
    session.state.records_total = 5
    assert queries.records(session.state, 2) == (5, [("new",)])


def test_records_say_what_a_task_took_and_made(session: Any) -> None:
    session.join(1)
    session(e.Put(0, [(5, b"a", ()), (6, b"b", ())]))
    session.submit(10, template=session.define(returns=2), deps=(5,), held=(6,))
    session.finish(1, 10, [(b"v", ()), (b"w", ())])
    assert queries.records(session.state, 0)[1][0][9:] == (2, (5, 6))


def test_unfinished_tasks_say_where_they_are(session: Any) -> None:
    template = session.define(2)
    session.join(1)
    session.submit(10, template=template)
    session.submit(11, template=template, deps=(10,), parent=10)
    running, waiting = queries.unfinished(session.state)
    assert running[:6] == (10, 0, "work", "RUNNING", 1, 101)
    assert waiting[:6] == (11, 10, "work", "PENDING_ARGS_AVAIL", 0, 0)
    assert waiting[7:] == (0, 1, (10,))


def test_failures_keep_the_beginning_of_the_error(session: Any) -> None:
    template = session.define(retries=0)
    session.join(1)
    session.submit(10, template=template)
    session.submit(11, template=template, deps=(10,))
    session.finish(1, 10, b"x" * 100_000, status=ERROR)
    session.submit(12, template=template)
    session.lose(1, running=12)
    failed, dependent, crashed = session.state.failures
    assert failed == (10, "work", 1, 101, (FAILED, b"x" * FAILURE_BYTES))
    assert dependent == (11, "work", 0, 0, (FAILED, b"x" * FAILURE_BYTES))
    assert crashed[:2] == (12, "work")
    assert crashed[4][:2] == (SYSTEM_ERROR, "WorkerCrashedError")
    assert session.want(10) == {10: (FAILED, b"x" * 100_000)}


def test_references_are_counted_by_holder(session: Any) -> None:
    session(e.Put(0, [(5, b"a", ())]))
    session(e.Put(0, [(6, b"b", (5,))]))
    assert queries.references(session.state) == {5: 2, 6: 1}


def test_statistics_count_workers_and_bytes(session: Any) -> None:
    session.join(1)
    session.join(2)
    session.store(10)
    session(e.Put(0, [(11, b"abc", ())]))
    session.submit(20, template=session.define())
    found = queries.statistics(session.state)
    assert (found["workers"], found["workers_busy"], found["workers_blocked"]) == (2, 1, 0)
    assert (found["store_used_bytes"], found["inline_bytes"], found["objects"]) == (1 << 20, 3, 3)


def test_statistics_count_workers_that_start(session: Any) -> None:
    session(e.ResizeRequested(0, 1, 3))
    session.join(1)
    found = queries.statistics(session.state)
    assert (found["workers"], found["workers_starting"]) == (1, 2)


def test_every_question_has_an_answer(session: Any) -> None:
    arguments = {
        "list": {"table": "tasks", "filters": [], "limit": 1}, "pending_calls": (0, 0),
        "summarize": "tasks", "changes": {"watch": "", "since": 0, "most": 1},
    }  # fmt: skip
    for question, ask in queries.ANSWERS.items():
        assert ask(session.state, arguments.get(question, 0)) is not None


def test_failures_of_an_actor_are_without_its_cause(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define(kind=ACTOR, retries=0))
    session.submit(11, template=session.define(kind=METHOD), held=(10,))
    session.finish(1, 10, b"boom", status=ERROR)
    assert session.state.failures[-1] == (
        11, "work", 0, 0, (ACTOR_ERROR, "actor work: its constructor failed"),
    )  # fmt: skip
