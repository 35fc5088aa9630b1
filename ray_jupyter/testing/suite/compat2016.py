"""What the system of 2016 had: variables of workers, infos, the computation graph."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.backends.base import Capability
from ray_jupyter.testing.suite.base import (
    BackendSuite,
    add,
    echo,
    eventually,
    fail,
    wait_for_file,
)


def _make() -> dict[str, int]:
    return {"made": 1, "uses": 0}


def _make_again(value: dict[str, int]) -> dict[str, int]:
    return {"made": value["made"] + 1, "uses": 0}


@ray.remote
def _use(times: int = 1) -> dict[str, int]:
    for _ in range(times):
        ray.reusables.env["uses"] += 1
    return dict(ray.reusables.env)


class ReusableTests(BackendSuite):
    """``ray.reusables``."""

    @pytest.fixture(autouse=True)
    def defined(self) -> Iterator[None]:
        """Define ``env``; afterwards no variable is left."""
        ray.reusables.env = ray.Reusable(_make, _make_again)
        yield
        for name in dir(ray.reusables):
            delattr(ray.reusables, name)

    def test_a_task_never_sees_what_another_did(self) -> None:
        found = ray.get([_use.remote(3) for _ in range(8)])
        assert {value["uses"] for value in found} == {3}

    def test_it_is_made_once_in_a_worker_and_re_initialised_after_use(self) -> None:
        made = [ray.get(_use.remote())["made"] for _ in range(6)]
        assert max(made) >= 3  # two workers, six uses
        assert made.count(1) <= 2

    def test_without_a_reinitializer_it_is_made_again(self) -> None:
        ray.reusables.env = ray.Reusable(_make)
        assert [ray.get(_use.remote()) for _ in range(3)] == [{"made": 1, "uses": 1}] * 3

    def test_the_driver_reads_its_own(self) -> None:
        ray.reusables.env["uses"] = 10
        assert ray.get(_use.remote())["uses"] == 1
        assert ray.reusables.env["uses"] == 10

    def test_a_task_in_place_of_another_has_its_own(self) -> None:
        @ray.remote
        def outer() -> Any:
            ray.reusables.env["uses"] += 5
            inner = ray.get(_use.remote())
            return ray.reusables.env["uses"], inner["uses"]

        assert ray.get(outer.remote()) == (5, 1)

    def test_redefinition(self) -> None:
        assert ray.get(_use.remote())["uses"] == 1
        ray.reusables.env = ray.Reusable(lambda: {"made": 100, "uses": 100})
        assert ray.get(_use.remote()) == {"made": 100, "uses": 101}
        assert ray.reusables.env["uses"] == 100

    def test_several_and_those_that_use_others(self) -> None:
        ray.reusables.base = ray.Reusable(lambda: [1])
        ray.reusables.more = ray.Reusable(lambda: [*ray.reusables.base, 2])

        @ray.remote
        def both() -> Any:
            return ray.reusables.base, ray.reusables.more

        assert ray.get(both.remote()) == ([1], [1, 2])

    def test_a_retry_does_not_see_the_failed_attempt(self, tmp_path: Path) -> None:
        @ray.remote(retry_exceptions=True, max_retries=1)
        def once_more() -> int:
            ray.reusables.env["uses"] += 1
            if not (tmp_path / "tried").exists():
                (tmp_path / "tried").touch()
                raise ValueError("again")
            return int(ray.reusables.env["uses"])

        assert ray.get(once_more.remote()) == 1

    def test_in_an_actor(self) -> None:
        @ray.remote
        class Player:
            def play(self) -> int:
                ray.reusables.env["uses"] += 1
                return int(ray.reusables.env["uses"])

        player = Player.remote()  # type: ignore[attr-defined]
        assert ray.get([player.play.remote() for _ in range(3)]) == [1, 1, 1]

    def test_errors_say_what_to_do(self) -> None:
        with pytest.raises(TypeError, match=r"needs a ray\.Reusable"):
            ray.reusables.env = 5
        with pytest.raises(TypeError, match="function as initializer, got 5"):
            ray.Reusable(5)  # type: ignore[arg-type]
        with pytest.raises(AttributeError, match=r"nope is not defined here \(defined: env\)"):
            _ = ray.reusables.nope
        ray.reusables.bad = ray.Reusable(lambda: 1 / 0)

        @ray.remote
        def use_bad() -> Any:
            return ray.reusables.bad

        with pytest.raises(ZeroDivisionError):
            ray.get(use_bad.remote())

    def test_what_cannot_travel_is_refused_and_changes_nothing(self) -> None:
        import threading

        lock = threading.Lock()
        with pytest.raises(ray.SerializationError):
            ray.reusables.env = ray.Reusable(lambda: lock)
        assert ray.get(_use.remote())["uses"] == 1


def _last_failure() -> str:
    failed = ray.task_info()["failed_tasks"]
    return str(failed[-1]["error_message"]) if failed else ""


class Info2016Tests(BackendSuite):
    """Infos, the computation graph, and the other calls of 2016."""

    def test_task_info(self) -> None:
        self.needs(Capability.FRESH_STATE)
        before = ray.task_info()
        refs = [fail.remote("first"), fail.options(name="second").remote("<b>")]
        refs.append(echo.remote(refs[1]))  # fails with what it takes
        ray.wait(refs, num_returns=3)
        info = ray.task_info()
        assert info["num_failed"] == before["num_failed"] + 3
        failed = info["failed_tasks"][-3:]
        messages = [task["error_message"] for task in failed]
        assert sorted(messages) == ["ValueError: <b>", "ValueError: <b>", "ValueError: first"]
        by_name = {task["function_name"]: task for task in failed}
        assert by_name.keys() == {"fail", "second", "echo"}
        assert "pid" in by_name["fail"]["worker_address"]
        assert by_name["echo"]["worker_address"] == ""
        assert {task["operationid"] for task in failed} == {ref.id for ref in refs}
        ray.get(echo.remote(1))
        eventually(lambda: ray.task_info()["num_succeeded"] == before["num_succeeded"] + 1)

    def test_running_and_waiting_tasks(self, tmp_path: Path) -> None:
        self.needs_background()
        running = wait_for_file.remote(tmp_path / "go", 1)
        waiting = add.remote(running, 1)
        eventually(lambda: running_ids() == [running.id])
        info = ray.task_info()
        assert "pid" in info["running_tasks"][0]["worker_address"]
        assert [task["state"] for task in info["waiting_tasks"]] == ["PENDING_ARGS_AVAIL"]
        (tmp_path / "go").touch()
        assert ray.get(waiting) == 2

    def test_a_task_sees_itself_run(self) -> None:
        self.needs(Capability.FRESH_STATE)

        @ray.remote
        def look() -> Any:
            return ray.task_info()["running_tasks"]

        ref = look.remote()
        assert [(t["function_name"], t["operationid"]) for t in ray.get(ref)] == [("look", ref.id)]

    def test_an_error_that_is_large_is_cut_in_the_info(self) -> None:
        ray.wait([fail.remote("x" * 100_000)])
        eventually(lambda: "ValueError: xxx" in _last_failure())
        message = _last_failure()
        assert message.startswith("ValueError: xxx")
        assert len(message) <= 2_000 if self.runs_in_processes else len(message) > 2_000

    def test_reference_counts(self) -> None:
        self.needs(Capability.REFERENCE_COUNTS)
        ref = ray.put([1])
        outer = ray.put([ref, ref])
        counts = ray.scheduler_info()["reference_counts"]
        assert counts[ref.id] == 2  # this process, and the list
        assert counts[outer.id] == 1
        number = outer.id
        del outer
        eventually(lambda: number not in ray.scheduler_info()["reference_counts"])
        assert ray.scheduler_info()["reference_counts"][ref.id] == 1
        assert {"target_objectids", "workers", "available_resources"} <= ray.scheduler_info().keys()

    def test_the_graph_has_tasks_objects_and_both_kinds_of_edges(self, tmp_path: Path) -> None:
        self.needs(Capability.ARGUMENTS)

        @ray.remote
        def parent(inside: Any) -> Any:
            return ray.get(echo.options(name="child").remote(inside[0]))

        source = ray.put(1)
        total = add.remote(source, source)
        whole = parent.options(name="<b>&parent").remote([total])
        assert ray.get(whole) == 2
        eventually(lambda: not ray.task_info()["running_tasks"])
        graph = ray.visualize_computation_graph(tmp_path / "graph.svg")
        edges, shapes = graph.edges, graph.shapes
        task, result = ("task", whole.id), ("object", whole.id)
        assert edges["op-root", task] == "launched"
        assert edges[task, result] == "data"
        assert edges[("object", source.id), ("task", total.id)] == "data"
        assert edges[("object", total.id), task] == "data"  # inside a list
        child = next(node for node in shapes if edges.get((task, node)) == "launched")
        assert shapes[child].name == "child"
        text = (tmp_path / "graph.svg").read_text(encoding="utf-8")
        assert "&lt;b&gt;&amp;parent" in text
        assert "<b>" not in text
        assert graph._repr_svg_() == text

    def test_select_gives_indices(self, tmp_path: Path) -> None:
        refs = [ray.put(0), ray.put(1), ray.put(2)]
        assert ray.select(refs) == [0, 1, 2]
        assert ray.select(refs, 2) == [0, 1]
        assert ray.select([]) == []
        if self.runs_in_background:
            late = wait_for_file.remote(tmp_path / "go")
            assert ray.select([late, *refs]) == [1, 2, 3]
            assert ray.select([late, refs[0]], num_objects=1, timeout=10) == [1]
            (tmp_path / "go").touch()
            ray.get(late)

    def test_register_class(self) -> None:
        assert ray.register_class(dict) is None  # type: ignore[func-returns-value]
        assert ray.register_class(Path, pickle=True) is None  # type: ignore[func-returns-value]
        with pytest.raises(TypeError, match="needs a class"):
            ray.register_class(5)  # type: ignore[arg-type]

    def test_workers_are_replaced(self) -> None:
        self.needs(Capability.WORKER_RENEWAL)

        @ray.remote
        def pid() -> int:
            return os.getpid()

        def idle() -> bool:
            return not session.connected().query("unfinished")

        before = set(ray.get([pid.remote() for _ in range(20)]))
        kept = ray.put("kept")
        eventually(idle)
        assert ray.kill_workers() is True
        after = set(ray.get([pid.remote() for _ in range(20)]))
        assert ray.get(kept) == "kept"
        assert not before & after or not self.runs_in_processes
        eventually(idle)
        assert ray.services.restart_workers_local() is True

    def test_other_numbers_of_workers(self) -> None:
        self.needs(Capability.WORKER_RENEWAL)
        self.needs(Capability.RESIZING)
        workers = int(ray.cluster_resources()["CPU"])
        eventually(lambda: not session.connected().query("unfinished"))
        assert ray.services.restart_workers_local(num_workers=workers + 1) is True
        assert ray.cluster_resources()["CPU"] == workers + 1
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ray.services, "kill_workers", lambda: pytest.fail("too late to refuse"))
            with pytest.raises(ValueError, match="at least 1"):
                ray.services.restart_workers_local(num_workers=0)
        assert ray.services.restart_workers_local(num_workers=workers) is True

    def test_workers_that_work_are_left_alone(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.needs_background()
        self.needs(Capability.FRESH_STATE)
        ref = wait_for_file.remote(tmp_path / "go", "done")
        assert ray.kill_workers() is False
        assert "wait_for_file()" in capsys.readouterr().err
        (tmp_path / "go").touch()
        assert ray.get(ref) == "done"


def running_ids() -> list[int]:
    """Return the tasks that run; on a cluster those of tests before may be among them for a second."""
    return [task["operationid"] for task in ray.task_info()["running_tasks"]]
