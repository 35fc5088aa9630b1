"""Workers of an environment, or with a GPU, that die or end: what was theirs goes to others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter.testing.faults import Ending, attempt, crash, kill_worker
from ray_jupyter.testing.suite.base import eventually, statistics

PATIENCE_S = 20.0
VARIABLE = "RJ_FAULTS_VARIABLE"
MINE = {"env_vars": {VARIABLE: "mine"}}


@pytest.fixture(scope="module", autouse=True)
def running_session() -> Iterator[None]:
    ray.init(num_cpus=2, num_gpus=1)
    yield
    ray.shutdown()


@ray.remote
def crash_once(log: Path) -> Any:
    if attempt(log) == 1:
        crash(Ending.SIGKILL)
    return os.environ.get(VARIABLE), ray.get_gpu_ids()


@ray.remote
def who(meet: Path | None = None) -> Any:
    return os.getpid(), os.environ.get(VARIABLE)


@pytest.mark.parametrize(
    ("options", "result"),
    [({"runtime_env": MINE}, ("mine", [])), ({"num_gpus": 1}, (None, [0]))],
)
def test_a_killed_task_runs_again_with_the_same(
    tmp_path: Path, options: dict[str, Any], result: Any
) -> None:
    assert ray.get(crash_once.options(**options).remote(tmp_path / "log"), timeout=20) == result
    total = ray.cluster_resources()
    eventually(lambda: ray.available_resources() == total)


def test_an_idle_worker_of_an_environment_may_be_killed() -> None:
    mine = who.options(runtime_env=MINE)
    pid, value = ray.get(mine.remote(), timeout=PATIENCE_S)
    assert value == "mine"
    kill_worker(pid)
    other, value = ray.get(mine.remote(), timeout=PATIENCE_S)
    assert (value, other != pid) == ("mine", True)


def test_environments_take_turns_without_leaving_workers_behind() -> None:
    refs = []
    for number in range(30):
        environment = {"env_vars": {VARIABLE: str(number % 5)}} if number % 3 else {}
        refs.append(who.options(runtime_env=environment).remote())
    values = [value for _, value in ray.get(refs, timeout=PATIENCE_S)]
    assert values == [str(number % 5) if number % 3 else None for number in range(30)]
    eventually(lambda: statistics()["workers"] == 2)


def test_an_actor_that_is_killed_gives_its_gpu_back() -> None:
    class Holder:
        def ids(self) -> Any:
            return ray.get_gpu_ids()

    holder = ray.remote(num_gpus=1)(Holder)
    first, second = holder.remote(), holder.remote()
    assert ray.get(first.ids.remote(), timeout=PATIENCE_S) == [0]
    waiting = second.ids.remote()
    assert ray.wait([waiting], timeout=0) == ([], [waiting])
    ray.kill(first)
    assert ray.get(waiting, timeout=PATIENCE_S) == [0]
