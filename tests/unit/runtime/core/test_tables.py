"""What the state API shows of the core: every state of tasks, actors, objects, workers."""

from __future__ import annotations

from typing import Any

from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core import queries, tables
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.protocol.ids import COUNTER_BITS


def states(session: Any) -> dict[int, str]:
    return {row["task_id"]: row["state"] for row in tables.tasks(session.state)}


def test_tasks_in_every_state_live_ones_first(session: Any) -> None:
    template, twice = session.define(2), session.define(2, retries=0)
    session.join(1)
    session.submit(9, template=template)
    session.finish(1, 9)
    session.submit(10, 11, template=template)
    session.submit(12, template=template, deps=(11,))
    session.submit(13, template=twice)
    assert states(session) == {
        10: "RUNNING", 11: "SUBMITTED_TO_WORKER", 12: "PENDING_ARGS_AVAIL",
        13: "PENDING_NODE_ASSIGNMENT", 9: "FINISHED",
    }  # fmt: skip
    assert list(states(session))[-1] == 9
    [last] = [row for row in tables.tasks(session.state) if row["task_id"] == 9]
    assert (last["worker_id"], last["worker_pid"], last["type"]) == (1, 101, "NORMAL_TASK")
    assert (last["end_time_ns"], last["error_type"]) == (100, None)


def test_errors_are_named(session: Any) -> None:
    template = session.define(0, retries=0)
    session.join(1)
    for task, status in ((10, m.ERROR), (11, m.CANCELLED)):
        session.submit(task, template=template)
        session.finish(1, task, b"pickled", status=status)
    session.submit(12, template=template)
    session.submit(13, template=template, deps=(12,))
    session.lose(1, running=12)
    errors = {row["task_id"]: row["error_type"] for row in tables.tasks(session.state)}
    assert errors == {
        10: "TASK_EXECUTION_EXCEPTION", 11: "TASK_CANCELLED", 12: "WORKER_DIED",
        13: "WORKER_DIED",
    }  # fmt: skip
    texts = {row["task_id"]: row["error_message"] for row in tables.tasks(session.state)}
    assert "SIGKILL" in texts[12]
    assert texts[10] is None


def actor_states(session: Any) -> dict[int, tuple[str, Any]]:
    rows = tables.actors(session.state)
    return {row["actor_id"]: (row["state"], row["death_cause"]) for row in rows}


def test_an_actor_from_waiting_to_gone(session: Any) -> None:
    actor, work = session.define(1, kind=m.ACTOR), session.define()
    session.submit(9, template=work)
    session.submit(20, template=actor, deps=(9,))
    assert actor_states(session) == {20: ("DEPENDENCIES_UNREADY", None)}
    session.join(1)
    session.finish(1, 9)
    assert actor_states(session) == {20: ("PENDING_CREATION", None)}
    session.finish(1, 20, b"")
    assert actor_states(session) == {20: ("ALIVE", None)}
    session(e.KillActorRequested(0, 20))
    assert actor_states(session)[20][0] == "DEAD"
    session.lose(1)
    session(e.Released(0, [20]))
    assert actor_states(session) == {20: ("DEAD", "no handle to it was left")}


def test_an_actor_that_was_made_twice_is_one_row_with_its_name(session: Any) -> None:
    extras = (("max_restarts", 1), ("name", "box"), ("namespace", "n"), ("handle", b""))
    session.submit(20, template=session.define(1, kind=m.ACTOR, extras=extras))
    session.join(1)
    session.finish(1, 20, b"")
    session.lose(1)
    [row] = tables.actors(session.state)
    assert (row["name"], row["state"]) == ("box", "RESTARTING")
    session.join(2)
    session.finish(2, 20, b"")
    session.lose(2)
    session(e.Released(0, [20]))
    [row] = tables.actors(session.state)
    assert row["state"] == "DEAD"


def test_who_refers_to_an_object(session: Any) -> None:
    template = session.define(2, closure=())
    session.join(1)
    session.submit(9, template=template)
    session.store(30)
    session(e.Put(0, [(31, b"box", (30,))]))
    session.want(30)
    session(e.Held(1, [30]))
    session.submit(40, template=template, deps=(30,), held=(31,))
    closure = session.define(closure=(31,))
    rows = [(r["object_id"], r["reference_type"], r["pid"]) for r in tables.objects(session.state)]
    assert {row for row in rows if row[0] in (30, 31)} == {
        (30, "LOCAL_REFERENCE", 1), (30, "LOCAL_REFERENCE", 101), (30, "PINNED_IN_MEMORY", 1),
        (30, "USED_BY_PENDING_TASK", 1), (30, "CAPTURED_IN_OBJECT", 0),
        (31, "LOCAL_REFERENCE", 1), (31, "USED_BY_PENDING_TASK", 1),
        (31, "CAPTURED_IN_FUNCTION", 1),
    }  # fmt: skip
    session(e.Undefined(0, [closure]))
    places = {r["object_id"]: r["location"] for r in tables.objects(session.state)}
    assert places == {9: None, 30: "MEMORY", 31: "MESSAGE", 40: None}


def test_an_object_that_only_an_array_keeps(session: Any) -> None:
    session.store(30)
    session.want(30)
    session(e.Released(0, [30]))
    [row] = tables.objects(session.state)
    assert (row["reference_type"], row["object_size"]) == ("PINNED_IN_MEMORY", 1 << 20)


def test_workers_and_what_they_do(session: Any) -> None:
    template = session.define(1)
    session.join(1)
    session.join(2)
    session(e.ClientJoined(3, False, 103))
    session.submit(10, template=template)
    session.submit(11, template=template)
    session(e.Blocked(2, [10], []))
    found = {row["worker_id"]: row for row in tables.workers(session.state)}
    assert {k: (r["worker_type"], r["activity"]) for k, r in found.items()} == {
        0: ("DRIVER", None), 1: ("WORKER", "RUNNING"), 2: ("WORKER", "BLOCKED"),
        3: ("DRIVER", None),
    }  # fmt: skip
    assert [found[1]["task_ids"], found[2]["task_ids"]] == [[11], [10]] or [
        found[1]["task_ids"], found[2]["task_ids"],
    ] == [[10], [11]]  # fmt: skip


def test_a_trace_names_submitters_and_drivers_also_those_that_left(session: Any) -> None:
    template = session.define()
    session.join(1)
    session(e.ClientJoined(5, False, 105))
    session.submit(10, template=template)
    session.finish(1, 10)
    other = session.define(client=5)
    session.submit(11, template=other, client=5)
    session.finish(1, 11)
    session.lose(5)
    found = queries.trace(session.state)
    assert found["drivers"] == [1, 105]
    assert [(record[0], record[4], record[11]) for record in found["records"]] == [
        (10, 101, 1), (11, 101, 105),
    ]  # fmt: skip
    assert len(found["records"][0]) == queries.RECORD_FIELDS + 1


def test_a_driver_that_leaves_takes_only_its_own_references(session: Any) -> None:
    session.join(1)
    session(e.ClientJoined(5, False, 105))
    session.store(50, client=5)
    session(e.Put(5, [(51, b"given", ())]))
    session(e.Held(0, [51]))
    template = session.define(client=5)
    session.submit(60, template=template, client=5)
    session.lose(5)
    assert sorted(session.state.objects) == [51, 60]
    session.finish(1, 60)
    assert sorted(session.state.objects) == [51]
    assert not session.state.templates


def test_drivers_do_not_wait_for_each_others_calls(session: Any) -> None:
    actor, call, work = session.define(kind=m.ACTOR), session.define(0, kind=m.METHOD), 0
    session.join(1)
    session(e.ClientJoined(5, False, 105))
    session.submit(20, template=actor)
    session.finish(1, 20, b"")
    session(e.Held(5, [20]))
    work = session.define(2)
    session.submit(30, template=work)
    session.submit(31, template=call, deps=(30,), held=(20,))
    theirs = session.define(0, kind=m.METHOD, client=5)
    told = session.submit(5 << 32 | 1, template=theirs, held=(20,), client=5)
    assert session.sent(told) == {1: [5 << 32 | 1]}


def test_who_holds_an_object_in_words(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define())
    session.submit(11, template=session.define(closure=(10,)), deps=(10,))
    session(e.Put(0, [(12, b"box", (10,))]))
    rows = [row for row in tables.objects(session.state) if row["object_id"] == 10]
    assert {(row["reference_type"], row["held_by"]) for row in rows} == {
        ("LOCAL_REFERENCE", "driver"), ("USED_BY_PENDING_TASK", "task work"),
        ("CAPTURED_IN_FUNCTION", "function work"), ("CAPTURED_IN_OBJECT", "object c"),
    }  # fmt: skip


def test_what_made_an_object(session: Any) -> None:
    template = session.define()
    session.join(1)
    session.submit(10, template=template)
    session(e.Put(0, [(12, b"box", ())]))
    assert tables.makers(session.state, [10, 12]) == {10: "work", 12: "put"}
    session.finish(1, 10)
    assert tables.makers(session.state, [10, 12]) == {10: "work", 12: "put"}
    item = (1 << COUNTER_BITS) + 1
    session(e.Put(1, [(item, b"of a worker", ())]))
    assert tables.makers(session.state, [item]) == {item: "put or yielded by a task"}
    session.state.records.clear()
    assert tables.makers(session.state, [10, 12]) == {}  # forgotten, so neither is known
