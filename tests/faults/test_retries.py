"""How often a task is repeated: attempts are counted in a file, which survives the worker."""

from __future__ import annotations

from pathlib import Path

import pytest

import ray_jupyter as ray
from ray_jupyter.testing.faults import Ending, attempt, crash
from ray_jupyter.testing.suite.base import statistics

pytestmark = pytest.mark.usefixtures("session")


@ray.remote
def crashing(log: Path, times: int, ending: Ending = Ending.SIGKILL) -> int:
    """Crash ``times`` times, then return the number of the attempt."""
    number = attempt(log)
    if number <= times:
        crash(ending)
    return number


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_a_task_that_always_crashes(tmp_path: Path, max_retries: int) -> None:
    log = tmp_path / "log"
    with pytest.raises(ray.WorkerCrashedError, match=r"crashing[\s\S]*SIGKILL"):
        ray.get(crashing.options(max_retries=max_retries).remote(log, 99), timeout=20)
    assert log.stat().st_size == 1 + max_retries


@pytest.mark.parametrize("max_retries", [2, -1])
def test_a_task_that_crashes_twice(tmp_path: Path, max_retries: int) -> None:
    before = statistics()["retries"]
    ref = crashing.options(max_retries=max_retries).remote(tmp_path / "log", 2)
    assert ray.get(ref, timeout=20) == 3
    assert statistics()["retries"] == before + 2


def test_three_retries_are_the_default(tmp_path: Path) -> None:
    assert ray.get(crashing.remote(tmp_path / "log", 3), timeout=20) == 4


def test_an_exception_is_no_crash(tmp_path: Path) -> None:
    with pytest.raises(ArithmeticError):
        ray.get(crashing.remote(tmp_path / "log", 99, Ending.EXCEPTION), timeout=20)
    assert (tmp_path / "log").stat().st_size == 1


def test_crashes_and_exceptions_share_the_retries(tmp_path: Path) -> None:
    @ray.remote(max_retries=3, retry_exceptions=[ArithmeticError])
    def alternating(log: Path) -> None:
        crash(Ending.EXCEPTION if attempt(log) % 2 else Ending.OS_EXIT)

    with pytest.raises(ray.WorkerCrashedError, match="code 3"):
        ray.get(alternating.remote(tmp_path / "log"), timeout=20)
    assert (tmp_path / "log").stat().st_size == 4


def test_every_result_of_a_crashed_task_fails(tmp_path: Path) -> None:
    refs = crashing.options(max_retries=0, num_returns=2).remote(tmp_path / "log", 9)
    for ref in refs:
        with pytest.raises(ray.WorkerCrashedError):
            ray.get(ref, timeout=20)


def test_dependants_of_a_crashed_task_fail(tmp_path: Path) -> None:
    @ray.remote
    def use(value: int) -> int:
        return value

    ref = crashing.options(max_retries=0).remote(tmp_path / "log", 9)
    with pytest.raises(ray.WorkerCrashedError, match="SIGKILL"):
        ray.get(use.remote(use.remote(ref)), timeout=20)
