"""What tasks run with: resources, GPUs by number, environments, hints where to run."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.backends.base import Capability
from ray_jupyter.environment import described
from ray_jupyter.scheduling_strategies import NodeAffinitySchedulingStrategy
from ray_jupyter.testing.suite.base import BackendSuite, add, echo, eventually

VARIABLE = "RJ_SUITE_VARIABLE"
GONE = "f0" * 28
"""The id of no node."""


@ray.remote
def variable() -> Any:
    """Return the variable of this module."""
    return os.environ.get(VARIABLE)


@ray.remote(num_gpus=1)
def gpus() -> Any:
    """Return the GPUs of a task."""
    return ray.get_gpu_ids(), os.environ["CUDA_VISIBLE_DEVICES"]


class _Holder:
    """Has half a GPU."""

    def ids(self) -> Any:
        """Return it."""
        return ray.get_gpu_ids()


Holder = ray.remote(num_gpus=0.5)(_Holder)


class ResourceTests(BackendSuite):
    """What any backend must do about resources and environments; needs two GPUs."""

    arguments: ClassVar[dict[str, Any]] = {"num_cpus": 2, "num_gpus": 2}

    # Resources

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"num_cpus": 99}, r"99 .*CPU"),
            ({"num_gpus": 3}, r"3 .*GPU"),
            ({"resources": {"tape": 0.5}}, r"0\.5 .*tape"),
            ({"memory": 10**18}, r"memory"),
            ({"accelerator_type": "A100"}, r"accelerator_type:A100"),
        ],
    )
    def test_what_could_never_run_is_refused(self, options: dict[str, Any], text: str) -> None:
        self.needs(Capability.FEASIBILITY)
        with pytest.raises(ValueError, match=text):
            echo.options(**options).remote(1)
        with pytest.raises(ValueError, match=text):
            Holder.options(**{"num_gpus": 0, **options}).remote()

        @ray.remote
        def submit() -> Any:
            return ray.get(echo.options(**options).remote(1))

        with pytest.raises(ValueError, match=text):
            ray.get(submit.remote())

    def test_gpus_are_numbers(self) -> None:
        total = ray.cluster_resources()
        assert total["GPU"] == 2
        for ids, visible in ray.get([gpus.remote() for _ in range(3)], timeout=20):
            assert ids in ([0], [1])
            assert visible == str(ids[0])
        eventually(lambda: ray.available_resources() == total)

    def test_several_gpus(self) -> None:
        assert ray.get(gpus.options(num_gpus=2).remote(), timeout=20) == ([0, 1], "0,1")

    def test_actors_share_gpus_and_keep_them(self) -> None:
        actors = [Holder.remote() for _ in range(3)]
        shared = ray.get([actor.ids.remote() for actor in actors], timeout=20)
        assert sorted(shared) in ([[0], [0], [1]], [[0], [1], [1]])
        assert ray.get([actor.ids.remote() for actor in actors], timeout=20) == shared
        del actors
        eventually(lambda: ray.available_resources()["GPU"] == 2)

    def test_who_asks_for_no_gpu_has_none(self) -> None:
        @ray.remote
        def ids() -> Any:
            return ray.get_gpu_ids()

        assert ray.get(ids.remote(), timeout=20) == []
        assert ray.get_gpu_ids() == []

    # Environments

    def test_variables_are_those_of_the_task(self) -> None:
        mine = variable.options(runtime_env={"env_vars": {VARIABLE: "mine"}})
        assert ray.get([mine.remote(), variable.remote(), mine.remote()]) == ["mine", None, "mine"]
        assert VARIABLE not in os.environ

    def test_a_variable_may_extend_another(self) -> None:
        longer = variable.options(runtime_env={"env_vars": {VARIABLE: "${PATH}:/more"}})
        assert ray.get(longer.remote()) == os.environ["PATH"] + ":/more"

    def test_what_a_task_submits_runs_in_its_environment(self) -> None:
        @ray.remote(runtime_env={"env_vars": {VARIABLE: "outer"}})
        def outer() -> Any:
            other = variable.options(runtime_env={"env_vars": {"RJ_OTHER": "x"}})
            mine = described(session.connected().environment())
            return ray.get([variable.remote(), other.remote()]), mine

        values, mine = ray.get(outer.remote())
        assert values == ["outer", "outer"]
        assert mine == {"env_vars": {VARIABLE: "outer"}}

    @pytest.mark.parametrize("limit", [None, 1])
    def test_a_generator_runs_in_its_place(self, limit: int | None) -> None:
        @ray.remote(
            num_gpus=1, runtime_env={"env_vars": {VARIABLE: "generator"}},
            _generator_backpressure_num_objects=limit,
        )  # fmt: skip
        def look() -> Any:
            for _ in range(2):
                yield os.environ[VARIABLE], len(ray.get_gpu_ids())

        for ref in look.remote():
            assert ray.get(ref, timeout=20) == ("generator", 1)
            assert VARIABLE not in os.environ
            assert ray.get_gpu_ids() == []
        eventually(lambda: ray.available_resources()["GPU"] == 2)
        assert ray.get(gpus.options(num_gpus=2).remote(), timeout=20)[0] == [0, 1]

    def test_an_actor_lives_in_its_environment(self) -> None:
        class Reader:
            def __init__(self) -> None:
                self.first = os.environ[VARIABLE]

            def read(self) -> Any:
                return self.first, os.environ[VARIABLE]

        reader = ray.remote(runtime_env={"env_vars": {VARIABLE: "actor"}})(Reader).remote()
        assert ray.get(variable.remote()) is None
        assert ray.get(reader.read.remote()) == ("actor", "actor")

    def test_working_dir_and_modules(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.needs(Capability.TASK_FILES)
        for name, value in (("one", 1), ("two", 2)):
            package = tmp_path / name / "rj_suite_module"
            package.mkdir(parents=True)
            (package / "__init__.py").write_text(f"NUMBER = {value}\n")
            (package / "part.py").write_text(f"NUMBER = {10 * value}\n")
            (tmp_path / name / "rj_suite_beside.py").write_text("")
        (tmp_path / "data.txt").write_text("data")

        @ray.remote
        def look() -> Any:
            import rj_suite_module  # type: ignore[import-not-found]
            from rj_suite_module import part

            try:
                import rj_suite_beside  # type: ignore[import-not-found]

                found = rj_suite_beside.__name__
            except ImportError:
                found = ""
            number = rj_suite_module.NUMBER + part.NUMBER
            return number, found, Path("data.txt").exists()

        monkeypatch.chdir(tmp_path)
        modules = [{"py_modules": [f"{name}/rj_suite_module"]} for name in ("one", "two")]
        calls = [
            look.options(runtime_env=modules[0]).remote(),
            look.options(runtime_env=modules[1] | {"working_dir": "."}).remote(),
            look.options(runtime_env={"working_dir": tmp_path / "one"}).remote(),
        ]
        assert ray.get(calls, timeout=20)[1] == (22, "", True)
        assert [number for number, *_ in ray.get(calls)] == [11, 22, 11]
        assert ray.get(calls[2])[1] == "rj_suite_beside"
        with pytest.raises(ImportError):
            ray.get(look.remote(), timeout=20)
        assert "rj_suite_module" not in sys.modules

    def test_an_environment_that_has_gone_fails_the_task(self, tmp_path: Path) -> None:
        self.needs(Capability.TASK_FILES)
        folder = tmp_path / "folder"
        folder.mkdir()
        late = variable.options(runtime_env={"working_dir": str(folder)})
        folder.rmdir()
        with pytest.raises(ray.RuntimeEnvSetupError, match="working_dir"):
            ray.get(late.remote(), timeout=20)
        folder.mkdir()
        assert ray.get(late.remote(), timeout=20) is None

    # Hints

    def test_hints_where_to_run(self) -> None:
        here = ray.nodes()[0]["NodeID"]
        for options in (
            {"scheduling_strategy": "SPREAD"},
            {"scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False)},
            {"scheduling_strategy": NodeAffinitySchedulingStrategy(GONE, soft=True)},
            {"label_selector": {"zone": "!eu"}},
            {"_metadata": {"a": 1}, "_labels": {"b": "c"}},
        ):
            assert ray.get(echo.options(**options).remote(1), timeout=20) == 1

    def test_a_place_that_is_not_there_is_refused(self) -> None:
        self.needs(Capability.FEASIBILITY)
        away = NodeAffinitySchedulingStrategy(GONE, soft=False)
        with pytest.raises(ValueError, match=rf"'{GONE}'.*soft=True"):
            echo.options(scheduling_strategy=away).remote(1)

    def test_tasks_without_events_leave_no_record(self) -> None:
        quiet = add.options(enable_task_events=False, name="quiet")
        assert ray.get([quiet.remote(1, 2), add.options(name="loud").remote(3, 4)]) == [3, 7]
        backend = session.connected()
        eventually(lambda: "loud" in [record[2] for record in backend.events(0)[1]])
        names = [record[2] for record in backend.events(0)[1]]
        assert "quiet" not in names

    def test_a_process_ends_after_max_calls(self) -> None:
        self.needs_processes()
        pid = ray.remote(max_calls=2)(os.getpid)
        pids = ray.get([pid.remote() for _ in range(8)], timeout=20)
        assert all(pids.count(one) <= 2 for one in pids)
        once = ray.remote(num_gpus=1)(os.getpid)
        assert len(set(ray.get([once.remote() for _ in range(4)], timeout=20))) == 4
        many = ray.remote(num_gpus=1, max_calls=0)(os.getpid)
        assert ray.get(many.remote(), timeout=20) != os.getpid()
