"""The state API and the timeline: what any backend must tell about tasks, actors, objects."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.backends.base import Capability
from ray_jupyter.runtime.client.versions import version_of
from ray_jupyter.runtime.protocol.changes import EndedTask
from ray_jupyter.runtime.store.looks import glance
from ray_jupyter.testing.suite.base import BackendSuite, echo, eventually, fail
from ray_jupyter.util import state


class _Told:
    """An actor with a name of its own, so that no other test's is counted."""

    def value(self) -> int:
        return 1


class _Keeper:
    def keep(self, box: Any) -> None:
        self.kept = box


Told = ray.remote(_Told)
Keeper = ray.remote(_Keeper)


@ray.remote
def inspect(name: str) -> list[Any]:
    """Return what a task sees of the tasks of this name."""
    return [task.asdict() for task in state.list_tasks(filters=[("name", "=", name)])]


@ray.remote
def parent_of(name: str, count: int) -> list[Any]:
    """Wait for children."""
    found: list[Any] = ray.get([echo.options(name=name).remote(i) for i in range(count)])
    return found


class StateTests(BackendSuite):
    """What ``ray_jupyter.util.state`` and ``timeline`` show."""

    def test_a_finished_task(self) -> None:
        ref = echo.options(name="told").remote(1)
        ray.get(ref)
        eventually(lambda: (state.get_task(ref) or {"state": ""})["state"] == "FINISHED")
        task = state.get_task(ref)
        assert task is not None
        assert (task.task_id, task["name"], task.type) == (ref.task_id(), "told", "NORMAL_TASK")
        assert task.error_type is None
        assert task.creation_time_ms is not None
        assert task.start_time_ms is not None
        assert task.creation_time_ms <= task.start_time_ms <= (task.end_time_ms or 0)
        assert dict(task) == task.asdict()

    def test_a_failed_task(self) -> None:
        ref = fail.options(name="told failing").remote()
        ray.wait([ref])
        filters: Any = [("state", "=", "failed"), ("name", "=", "TOLD failing")]
        eventually(lambda: state.list_tasks(filters=filters) != [])
        [task] = state.list_tasks(filters=filters)
        assert task.error_type == "TASK_EXECUTION_EXCEPTION"
        assert task.get("start_time_ms") is None  # without detail
        assert task.get("nothing", 5) == 5
        with pytest.raises(KeyError, match="nothing"):
            task["nothing"]

    def test_a_running_task(self) -> None:
        self.needs(Capability.FRESH_STATE)
        [me] = ray.get(inspect.options(name="told itself").remote("told itself"))
        assert (me["state"], me["name"]) == ("RUNNING", "told itself")

    def test_filters_and_limit(self) -> None:
        ray.get([echo.options(name="told often").remote(i) for i in range(5)])
        filters: Any = [("name", "=", "told often")]
        eventually(lambda: len(state.list_tasks(filters=filters)) == 5)
        assert len(state.list_tasks(filters=filters, limit=2)) == 2
        unfinished: Any = [*filters, ("state", "!=", "FINISHED")]
        eventually(lambda: state.list_tasks(filters=unfinished) == [])
        assert state.list_tasks(filters=[*filters, ("job_id", "=", "another")]) == []
        attempts = state.list_tasks(filters=[*filters, ("attempt_number", "=", "0")])
        assert len(attempts) == 5

    def test_an_actor_and_its_end(self) -> None:
        actor = Told.remote()
        value = actor.value.remote()
        assert ray.get(value) == 1
        [alive] = state.list_actors(filters=[("class_name", "=", "_Told"), ("state", "=", "ALIVE")])
        task = state.get_task(value)
        assert task is not None
        assert (task.type, task.actor_id) == ("ACTOR_TASK", alive.actor_id)
        assert state.get_actor(alive.actor_id) is not None
        del actor, value

        def is_dead() -> bool:
            found = state.get_actor(alive.actor_id)
            return found is not None and found.state == "DEAD" and bool(found.death_cause)

        eventually(is_dead)

    def test_objects_and_who_refers_to_them(self) -> None:
        self.needs(Capability.OBJECT_TABLE)
        large = ray.put(np.zeros(10**6))
        box = ray.put([large])
        found = state.get_objects(large)
        assert {row.reference_type for row in found} == {"LOCAL_REFERENCE", "CAPTURED_IN_OBJECT"}
        assert {row.location for row in found} == {"MEMORY"}
        assert found[0].object_size >= 8 * 10**6
        [row] = state.list_objects(filters=[("object_id", "=", box.hex())])
        assert (row.location, row.task_status) == ("MESSAGE", "FINISHED")
        del box
        eventually(lambda: len(state.get_objects(large)) == 1)

    def test_an_object_knows_its_names_here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.needs(Capability.OBJECT_TABLE)
        kept = {"a": [ray.put(np.zeros(10**6))]}
        monkeypatch.setattr(sys.modules["__main__"], "kept", kept, raising=False)
        [row] = state.get_objects(kept["a"][0])
        assert row.held_by == "kept['a'][0]"
        [row] = state.list_objects(filters=[("object_id", "=", kept["a"][0].hex())])
        assert row.held_by is None  # without detail
        name, box = kept["a"][0].hex(), ray.put(kept["a"])
        kept.clear()
        eventually(lambda: [r.held_by for r in state.get_objects(name)] == [f"object {box.id:x}"])

    def test_what_an_actor_holds_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.needs(Capability.OBJECT_TABLE)
        keeper, ref = Keeper.remote(), ray.put("kept")
        monkeypatch.setattr(sys.modules["__main__"], "kept", ref, raising=False)
        ray.get(keeper.keep.remote([ref]))
        words = {row.held_by for row in state.get_objects(ref)}
        assert "kept" in ", ".join(map(str, words))
        if self.runs_in_processes:
            assert "actor _Keeper" in words

    def test_workers_and_nodes(self) -> None:
        kinds = Counter(worker.worker_type for worker in state.list_workers())
        assert kinds["DRIVER"] == 1
        first = state.list_workers()[0]
        assert state.get_worker(first.worker_id) is not None
        assert state.get_worker("ffff") is None
        [node] = state.list_nodes()
        assert (node.state, node.resources_total) == ("ALIVE", ray.cluster_resources())
        assert state.get_node(node.node_id) == node
        assert state.list_nodes(filters=[("state", "=", "DEAD")]) == []

    def test_summaries(self) -> None:
        kept = ray.put(1)
        ray.get([echo.options(name="told summed").remote(i) for i in range(3)])

        def counts() -> Any:
            groups = state.summarize_tasks()["cluster"]["summary"]
            return groups.get("told summed", {}).get("state_counts")

        eventually(lambda: counts() == {"FINISHED": 3})
        actor = Told.remote()
        ray.get(actor.value.remote())
        assert state.summarize_actors()["cluster"]["summary"]["_Told"]["state_counts"]["ALIVE"]
        if Capability.OBJECT_TABLE not in session.connected().lacks:
            objects = state.summarize_objects()["cluster"]
            assert objects["total_objects"] >= 1
        del kept, actor

    def test_bad_questions_fail_at_the_call(self) -> None:
        for filters, text in (
            ([("nam", "=", "x")], "did you mean 'name'"),
            ([("name", ">", "x")], "'=' or '!='"),
            ([("name", "x")], r"\(field, '=' or '!=', value\)"),
            ([("attempt_number", "=", "first")], "whole number"),
            ([("required_resources", "=", 1)], "cannot be filtered"),
            ([5], r"\(field, '=' or '!=', value\)"),
            (5, r"a list of \(field, '=' or '!=', value\)"),
        ):
            with pytest.raises(ValueError, match=text):
                state.list_tasks(filters=filters)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="is_alive is True or False"):
            state.list_workers(filters=[("is_alive", "=", "maybe")])
        with pytest.raises(ValueError, match="limit"):
            state.list_tasks(limit=0)
        with pytest.raises(TypeError, match="timeout is in seconds"):
            state.list_tasks(timeout="soon")  # type: ignore[arg-type]
        with pytest.raises(NotImplementedError, match=r"list_placement_groups.*not supported"):
            state.list_placement_groups()

    def test_ids_of_nothing(self) -> None:
        assert state.get_task("no id") is None
        assert state.get_task("f" * 32) is None
        assert state.get_actor("f" * 32) is None
        if Capability.OBJECT_TABLE not in session.connected().lacks:
            assert state.get_objects("f" * 32) == []

    def test_a_timeline_nests_bars_and_joins_arrows(self) -> None:
        actor = Told.remote()
        ray.get([parent_of.remote("drawn child", 6) for _ in range(4)])
        ray.get([echo.options(name="drawn").remote(i) for i in range(50)])
        ray.get([actor.value.remote() for _ in range(5)])
        eventually(lambda: len([e for e in drawn() if e["name"] == "drawn"]) == 50)
        eventually(lambda: len([e for e in drawn() if e["name"] == "drawn child"]) == 24)
        check_trace(drawn())

    def test_what_the_dashboard_folds(self) -> None:
        backend = session.connected()
        before = backend.query("changes", {"watch": "", "since": 0, "most": 1})["cursor"]
        ref = echo.options(name="told to the dashboard").remote(7)
        failing = fail.options(name="failing for the dashboard").remote()
        ray.wait([ref, failing], num_returns=2)
        question = {"watch": "", "since": before, "most": 1_000}
        names = {"told to the dashboard", "failing for the dashboard"}
        eventually(lambda: names <= {row[2] for row in backend.query("changes", question)["tasks"]})
        answer = backend.query("changes", question)
        tasks = {task.name: task for task in (EndedTask(*row) for row in answer["tasks"])}
        told = tasks["told to the dashboard"]
        assert (told.id, told.status, told.kind, told.weight) == (ref.id, "FINISHED", "task", 1)
        assert 0 < told.submit_ns <= told.start_ns <= told.end_ns
        assert tasks["failing for the dashboard"].status == "FAILED"
        assert answer["totals"]["finished"] >= 1
        assert {row[2] for row in answer["workers"]} <= {"IDLE", "RUNNING", "BLOCKED"}
        later = backend.query("changes", question | {"watch": "", "since": answer["cursor"]})
        assert (later["tasks"], later["groups"], later["forgotten"]) == ([], [], 0)

    def test_the_census_of_objects(self) -> None:
        self.needs(Capability.OBJECT_TABLE)
        large = ray.put(np.zeros(300_000))
        backend = session.connected()
        small = ray.put([large, np.ones((2, 3))])
        rows = {row[0]: row for row in backend.query("census", 1_000)}
        assert rows[large.id][2] == "MEMORY"
        assert rows[large.id][1] >= 2_400_000
        assert rows[large.id][7] == (1, 0, 0, 1, 0)  # held by this process and inside of the other
        assert rows[large.id][8] == "ndarray (300000,) float64"
        assert glance(rows[small.id][8]) == "list of 2"

    def test_one_object(self) -> None:
        self.needs(Capability.OBJECT_TABLE)
        backend = session.connected()
        cell = backend.begin_cell()
        ref = ray.remote(lambda: np.ones((200, 300))).options(name="ones").remote()
        ray.wait([ref])
        told = backend.query("object", ref.id)
        assert told["size_bytes"] > 480_000
        told["size_bytes"] = 0
        assert told == {
            "state": "FINISHED", "name": "ones", "cell": cell, "size_bytes": 0,
            "location": "MEMORY", "look": "ndarray (200, 300) float64",
            "version": "", "actor": "",
        }  # fmt: skip
        small = ray.put(np.zeros(3))
        assert glance(backend.query("object", small.id)["look"]) == "ndarray (3,) float64"
        assert backend.query("object", 12345) == {}

    def test_cells(self) -> None:
        def child() -> Any:
            return ray.put(2)

        backend, task = session.connected(), ray.remote(child)
        before = task.remote()
        first = backend.begin_cell()
        made = [task.remote(), ray.put(1), keeper := Keeper.remote()]
        called = keeper.keep.remote([])
        second = backend.begin_cell()
        later = [task.remote(), *task.options(num_returns=2).remote()]
        assert backend.cell_of(before.id) not in (None, first, second)  # tests share the session
        assert 0 < first < second
        ids = [made[0].id, made[1].id, keeper._ref.id, called.id]
        assert {backend.cell_of(number) for number in ids} == {first}
        assert {backend.cell_of(ref.id) for ref in later} == {second}
        if self.runs_in_processes:  # else everything is made here
            assert backend.cell_of(ray.get(later[0]).id) is None
        ray.wait([before, made[0], called, *later], num_returns=6)

    def test_versions(self) -> None:
        self.needs(Capability.VERSIONS)

        def work() -> Any:
            return session.connected().query("versions")

        class Held:
            pass

        backend = session.connected()
        cell = backend.begin_cell()
        inside = ray.get(ray.remote(work).remote())
        assert (version_of(work), "work", cell, 1) in inside["tasks"]
        actor = ray.remote(Held).remote()
        assert (version_of(Held), actor._ref.id) in backend.query("versions")["actors"]
        assert backend.query("object", actor._ref.id)["version"] == version_of(Held)
        found = state.get_actor(actor._ref.hex())
        assert found is not None
        assert found.version == version_of(Held)


def drawn() -> list[dict[str, Any]]:
    """Return the timeline."""
    return ray.timeline() or []


def check_trace(trace: list[dict[str, Any]]) -> None:
    """Check what viewers rely on.

    Raises:
        AssertionError: bars of a lane overlap, a lane has no name, or an arrow hangs in the air.
    """
    lanes: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for event in trace:
        assert event["ph"] in "MXsf", event
        if event["ph"] == "X":
            assert event["dur"] >= 0, event
            lanes[event["tid"]].append((_ns(event["ts"]), _ns(event["ts"] + event["dur"])))
    named = {e["tid"] for e in trace if e["name"] == "thread_name"}
    assert lanes.keys() <= named
    for bars in lanes.values():
        ends: list[int] = []
        for start, end in sorted(bars, key=lambda bar: (bar[0], -bar[1])):
            while ends and ends[-1] <= start:
                ends.pop()
            assert not ends or end <= ends[-1], "bars overlap"
            ends.append(end)
    arrows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in trace:
        if event["ph"] in "sf":
            arrows[event["id"]].append(event)
            at = _ns(event["ts"])
            assert any(start <= at <= end for start, end in lanes[event["tid"]]), event
    for arrow in arrows.values():
        begin, finish = sorted(arrow, key=lambda event: event["ph"], reverse=True)
        assert (begin["ph"], finish["ph"], finish["bp"]) == ("s", "f", "e")
        assert begin["ts"] <= finish["ts"]


def _ns(time_us: float) -> int:
    """Return the time as viewers count: microseconds are sums of rounded fractions."""
    return round(time_us * 1000)
