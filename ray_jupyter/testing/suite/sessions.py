"""Sessions: starting and ending them, references that outlive them, what they tell."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import itertools
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
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
    statistics,
    wait_for_file,
)


@ray.remote
def begin_and_wait(folder: Path, number: int) -> int:
    """Say that it runs, and run until the test says so."""
    (folder / f"began-{number}").touch()
    eventually((folder / "go").exists)
    return number


def submit_of_two_cpus() -> Any:
    """Return the value of a child that needs two CPUs."""
    return ray.get(echo.options(num_cpus=2).remote(5))


class ReportTests(BackendSuite):
    """What any backend must tell about itself."""

    def test_cluster_resources(self) -> None:
        total = ray.cluster_resources()
        assert total["CPU"] >= 2
        assert total["disk"] == 2
        eventually(lambda: ray.available_resources()["CPU"] == total["CPU"])

    def test_a_running_task_uses_its_resources(self) -> None:
        self.needs(Capability.FRESH_STATE)

        @ray.remote(resources={"disk": 1})
        def free() -> float:
            return ray.available_resources()["disk"]

        assert ray.get(free.remote()) == 1

    def test_nodes(self) -> None:
        (node,) = ray.nodes()
        assert node["Alive"] is True
        assert node["Resources"]["CPU"] >= 2

    def test_events(self) -> None:
        backend = session.connected()
        cursor, _ = backend.events(0)
        expected = {"child", "parent", "failing"}

        @ray.remote
        def parent() -> Any:
            return ray.get(echo.options(name="child").remote(1))

        with pytest.raises(ValueError, match="boom"):
            ray.get([parent.remote(), fail.options(name="failing").remote()])
        records: list[tuple[Any, ...]] = []

        def three() -> bool:
            records[:] = [r for r in backend.events(cursor)[1] if r[2] in expected]
            return len(records) >= 3

        eventually(three)
        by_name = {record[2]: record for record in records}
        assert by_name.keys() == expected
        assert by_name["child"][1] == by_name["parent"][0]
        assert by_name["failing"][3] == "FAILED"
        for record in records:
            task_id, _, _, status, worker, submit_ns, start_ns, end_ns, attempt = record[:9]
            assert task_id > 0
            assert status in ("FINISHED", "FAILED")
            assert isinstance(worker, int)
            assert 0 < submit_ns <= start_ns <= end_ns
            assert attempt == 0
        assert backend.events(backend.events(0)[0])[1] == []

    def test_statistics(self) -> None:
        def is_quiet() -> object:
            tasks = statistics()["tasks"]
            return sum(tasks.values()) == tasks["FINISHED"] + tasks["FAILED"]

        eventually(is_quiet)  # what tests before this one left has been counted
        before = statistics()
        ray.get(echo.remote(1))
        ray.wait([fail.remote()])

        def counted() -> bool:
            tasks = statistics()["tasks"]
            return all(
                tasks[state] == before["tasks"].get(state, 0) + 1
                for state in ("FINISHED", "FAILED")
            )

        eventually(counted)
        assert {
            "workers", "workers_busy", "workers_blocked", "pids", "tasks", "retries", "objects",
            "store_used_bytes", "store_limit_bytes", "spilled_bytes", "inline_bytes",
            "task_cpu_ns", "task_wall_ns",
        } <= before.keys()  # fmt: skip

    def test_timeline(self, tmp_path: Path) -> None:
        ray.get(echo.options(name="drawn").remote(1))
        eventually(lambda: any(event["name"] == "drawn" for event in ray.timeline() or []))
        assert ray.timeline(tmp_path / "trace.json") is None
        trace = json.loads((tmp_path / "trace.json").read_text())
        bar = next(event for event in trace if event["name"] == "drawn")
        assert bar["ph"] == "X"
        assert bar["dur"] >= 0
        assert {event["name"] for event in trace if event["ph"] == "M"} == {
            "process_name", "thread_name", "thread_sort_index",
        }  # fmt: skip


class SessionTests:
    """What any backend must do at the start and the end; every test has its own session."""

    arguments: dict[str, Any]

    @pytest.fixture(autouse=True)
    def ended(self) -> Any:
        """End what the test started."""
        yield
        ray.shutdown()

    def test_init_again_is_the_same_session(self) -> None:
        first = ray.init(**self.arguments)
        assert ray.init(**self.arguments) is first
        assert ray.init() is first

    def test_init_with_other_arguments_is_refused(self) -> None:
        first = ray.init(**self.arguments)
        with pytest.raises(RuntimeError, match=r"num_cpus.*shutdown\(\)"):
            ray.init(num_cpus=7)
        assert ray.init(num_cpus=7, ignore_reinit_error=True) is first
        assert ray.get(echo.remote(1)) == 1

    def test_resizing(self, tmp_path: Path) -> None:
        session = ray.init(**self.arguments)
        if Capability.RESIZING in session.backend.lacks:
            with pytest.raises(NotImplementedError, match="RESIZING"):
                session.resize(3)
            return
        kept, counter = ray.put("kept"), ray.remote(list).remote()
        session.resize(3)
        waiting = [begin_and_wait.remote(tmp_path, i) for i in range(3)]
        eventually(lambda: all((tmp_path / f"began-{i}").exists() for i in range(3)))
        session.resize(1)  # three go on
        assert ray.cluster_resources()["CPU"] == 1
        assert "1 worker " in repr(session)
        last = begin_and_wait.remote(tmp_path, 3)
        (tmp_path / "go").touch()
        assert ray.get([*waiting, last]) == [0, 1, 2, 3]
        assert ray.get(kept) == "kept"
        assert ray.get(counter.count.remote(1)) == 0

    def test_demands_beyond_the_new_size(self, tmp_path: Path) -> None:
        session = ray.init(**self.arguments)
        if Capability.RESIZING in session.backend.lacks:
            pytest.skip("the backend cannot be resized")
        session.resize(2)
        two = wait_for_file.options(num_cpus=2)
        waiting = two.remote(tmp_path / "go", "done")
        with pytest.raises(ValueError, match="wait_for_file has not ended and asks for 2 CPU"):
            session.resize(1)
        (tmp_path / "go").touch()
        assert ray.get(waiting) == "done"
        outer = ray.remote(num_cpus=0)(submit_of_two_cpus)
        session.resize(1)
        with pytest.raises(ValueError, match="asks for 2 CPU, and this session has 1"):
            two.remote(tmp_path / "go", "done")
        with pytest.raises(ValueError, match="asks for 2 CPU, and this session has 1"):
            ray.get(outer.remote())
        session.resize(2)
        assert ray.get(two.remote(tmp_path / "go", "again")) == "again"
        assert ray.get(outer.remote()) == 5
        for wrong in (0, -1, 1.5, "many"):
            with pytest.raises(ValueError, match="at least 1"):
                session.resize(wrong)  # type: ignore[arg-type]
        ray.shutdown()
        with pytest.raises(RuntimeError, match="has ended"):
            session.resize(2)

    def test_shutdown_and_again(self) -> None:
        for number in range(2):
            ray.init(**self.arguments)
            assert ray.is_initialized()
            assert ray.get(add.remote(number, 1)) == number + 1
            ray.shutdown()
            ray.shutdown()
            assert not ray.is_initialized()

    def test_with_ends_the_session(self) -> None:
        with ray.init(**self.arguments):
            assert ray.get(echo.remote(1)) == 1
        assert not ray.is_initialized()

    def test_a_reference_of_an_earlier_session_says_so(self) -> None:
        ray.init(**self.arguments)
        stale, data = ray.put(1), pickle.dumps(ray.put(2))
        actor = ray.remote(dict).remote()
        ray.shutdown()
        reads: list[Callable[[Any], Any]] = [
            ray.get, ray.cancel, lambda ref: ray.wait([ref]), lambda ref: ref.future(),
        ]  # fmt: skip
        sends: list[Callable[[Any], Any]] = [
            echo.remote, lambda ref: echo.remote([ref]), lambda _: ray.kill(actor),
        ]  # fmt: skip
        _all_say_stale(reads, stale, pickle.loads(data))
        ray.init(**self.arguments)
        _all_say_stale(reads + sends, stale, pickle.loads(data))

    def test_a_pickled_reference_keeps_its_object(self) -> None:
        ray.init(**self.arguments)
        data = pickle.dumps(ray.put("kept"))
        assert ray.get(pickle.loads(data)) == "kept"
        assert statistics()["objects"] == 1

    def test_values_outlive_the_session(self) -> None:
        ray.init(**self.arguments)
        array = ray.get(ray.put(np.arange(10**6)))
        ray.shutdown()
        assert array[-1] == 10**6 - 1

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_forked_child_leaves_the_session_alone(self) -> None:
        ray.init(**self.arguments)
        ref = echo.remote("parent's")
        ray.get(ref)
        pid = os.fork()
        if pid == 0:
            os._exit(_errors_in_child(ref))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert ray.get(ref) == "parent's"
        assert ray.get(echo.remote(1)) == 1


def _all_say_stale(uses: list[Callable[[Any], Any]], *refs: Any) -> None:
    for use, ref in itertools.product(uses, refs):
        with pytest.raises(ray.StaleRefError, match="session"):
            use(ref)


def _errors_in_child(ref: ray.ObjectRef[Any]) -> int:
    """Return 0 if a forked child is told that the session is not its own."""
    try:
        ray.shutdown()
        if ray.is_initialized():
            return 1
        uses: list[tuple[Callable[[], Any], type[Exception]]] = [
            (lambda: ray.get(ref), ray.StaleRefError),
            (lambda: echo.remote(1), ray.NotInitializedError),
        ]
        for use, refused in uses:
            try:
                use()
                return 2
            except refused as error:
                if "forked" not in str(error):
                    return 3
    except BaseException:  # whatever it is, this process must not go on as a second test run
        return 4
    return 0
