"""Cancelling: queued, running, blocked, by force, with children; others are not touched."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter.testing.faults import attempt, session_pids
from ray_jupyter.testing.suite.base import echo, eventually, wait_for_file

pytestmark = pytest.mark.usefixtures("session")


@ray.remote
def sleeps(started: Path) -> None:
    attempt(started)
    time.sleep(1000)


@ray.remote
def loops(started: Path) -> None:
    attempt(started)
    while True:
        pass


@ray.remote
def waits(started: Path) -> None:
    attempt(started)
    threading.Event().wait()


@ray.remote
def gets(started: Path) -> Any:
    child = sleeps.remote(started)
    return ray.get(child)


@ray.remote
def cleans_up(started: Path) -> None:
    attempt(started)
    try:
        while True:
            time.sleep(0.001)
    finally:
        started.with_name("cleaned").touch()


@ray.remote
def yields(started: Path) -> Iterator[int]:
    yield 1
    attempt(started)
    time.sleep(1000)


@ray.remote
def stubborn(started: Path) -> None:
    attempt(started)
    while True:
        try:
            while True:
                time.sleep(0.001)
        except BaseException:
            attempt(started.with_name("refused"))


@ray.remote
def blocks(folder: Path, i: int) -> None:
    attempt(folder / f"started-{i}")
    eventually((folder / "go").exists)


def begun(log: Path) -> Callable[[], bool]:
    """Return whether ``attempt`` has written: an interrupt before that would leave it empty."""
    return lambda: log.exists() and log.stat().st_size > 0


def assert_cancelled(*refs: ray.ObjectRef[Any]) -> None:
    for ref in refs:
        with pytest.raises(ray.TaskCancelledError):
            ray.get(ref, timeout=20)


@pytest.mark.parametrize("force", [False, True], ids=["interrupt", "force"])
@pytest.mark.parametrize("task", [sleeps, loops, waits, gets, cleans_up], ids=repr)
def test_running(tmp_path: Path, task: Any, force: bool) -> None:
    ref = task.remote(tmp_path / "started")
    eventually(begun(tmp_path / "started"))
    ray.cancel(ref, force=force)
    assert_cancelled(ref)
    assert (tmp_path / "started").stat().st_size == 1, "a cancelled task was retried"
    if task is cleans_up:
        assert (tmp_path / "cleaned").exists() != force


def test_a_generator_with_a_number_of_results(tmp_path: Path) -> None:
    refs = yields.options(num_returns=2).remote(tmp_path / "started")
    eventually(begun(tmp_path / "started"))
    ray.cancel(refs[0])
    assert_cancelled(*refs)


def test_an_interrupt_spares_the_worker(tmp_path: Path) -> None:
    ray.get([echo.remote(i) for i in range(4)], timeout=20)
    ref = loops.remote(tmp_path / "started")
    eventually(begun(tmp_path / "started"))
    workers = session_pids().workers
    ray.cancel(ref)
    assert_cancelled(ref)
    assert set(workers) <= set(session_pids().workers)


def test_what_refuses_an_interrupt_is_ended_by_force(tmp_path: Path) -> None:
    ref = stubborn.remote(tmp_path / "started")
    eventually(begun(tmp_path / "started"))
    ray.cancel(ref)
    eventually(begun(tmp_path / "refused"))
    assert ray.wait([ref], timeout=0.02) == ([], [ref])
    ray.cancel(ref, force=True)
    assert_cancelled(ref)


@pytest.mark.parametrize("force", [False, True], ids=["interrupt", "force"])
def test_queued_behind_others(tmp_path: Path, force: bool) -> None:
    ray.get([echo.remote(i) for i in range(50)], timeout=20)  # short: they are sent ahead
    blockers = [blocks.remote(tmp_path, i) for i in range(2)]
    # A worker that the test before has ended is replaced only about now: until both blockers
    # run, what follows would be run beside them.
    for i in range(2):
        eventually(begun(tmp_path / f"started-{i}"))
    queued = [echo.remote(i) for i in range(40)]
    for ref in queued[::2]:
        ray.cancel(ref, force=force)
    (tmp_path / "go").touch()
    assert ray.get(blockers, timeout=20) == [None, None]
    assert_cancelled(*queued[::2])
    assert ray.get(queued[1::2], timeout=20) == list(range(1, 40, 2))


def test_waiting_for_its_argument(tmp_path: Path) -> None:
    gate = wait_for_file.remote(tmp_path / "go", "there")
    queued = echo.remote(gate)
    ray.cancel(queued)
    assert_cancelled(queued, echo.remote(queued))
    (tmp_path / "go").touch()
    assert ray.get(gate, timeout=20) == "there"


@pytest.mark.parametrize("force", [False, True], ids=["interrupt", "force"])
def test_children_are_cancelled(tmp_path: Path, force: bool) -> None:
    @ray.remote
    def parent(folder: Path, depth: int) -> Any:
        if not depth:
            attempt(folder / "leaf")
            while True:
                time.sleep(0.001)
        refs = [parent.remote(folder, depth - 1)]
        (folder / f"children-{depth}").write_bytes(ray.get(ray.put(b"x")))
        return ray.get(refs)

    ref = parent.remote(tmp_path, 3)
    eventually(begun(tmp_path / "leaf"))
    ray.cancel(ref, force=force, recursive=True)
    assert_cancelled(ref)


def test_children_may_live_on(tmp_path: Path) -> None:
    @ray.remote
    def parent(folder: Path) -> Any:
        return ray.get(wait_for_file.remote(folder / "go", write.remote(folder / "note")))

    @ray.remote
    def write(path: Path) -> None:
        path.touch()

    ref = parent.remote(tmp_path)
    eventually((tmp_path / "note").exists)
    ray.cancel(ref, recursive=False)
    assert_cancelled(ref)
    (tmp_path / "go").touch()


def test_from_inside_a_task(tmp_path: Path) -> None:
    @ray.remote
    def canceller(refs: list[Any]) -> None:
        ray.cancel(refs[0])

    ref = loops.remote(tmp_path / "started")
    eventually(begun(tmp_path / "started"))
    ray.get(canceller.remote([ref]), timeout=20)
    assert_cancelled(ref)


def test_a_task_cancels_its_child(tmp_path: Path) -> None:
    @ray.remote
    def parent(started: Path) -> str:
        child = sleeps.remote(started)
        eventually(started.exists)
        ray.cancel(child)
        try:
            return str(ray.get(child))
        except ray.TaskCancelledError:
            return "cancelled"

    assert ray.get(parent.remote(tmp_path / "started"), timeout=20) == "cancelled"


def test_what_swallows_the_interrupt_has_finished(tmp_path: Path) -> None:
    @ray.remote
    def swallows(started: Path) -> str:
        attempt(started)
        try:
            time.sleep(1000)
        except KeyboardInterrupt:
            return "went on"
        return "slept"

    ref = swallows.remote(tmp_path / "started")
    eventually(begun(tmp_path / "started"))
    ray.cancel(ref)
    assert ray.get(ref, timeout=20) == "went on"


def test_calls_of_an_actor(tmp_path: Path) -> None:
    @ray.remote
    class Sleeper:
        def sleep(self, started: Path) -> None:
            attempt(started)
            time.sleep(1000)

        def echo(self, value: int) -> int:
            return value

    actor = Sleeper.remote()
    running = actor.sleep.remote(tmp_path / "started")
    queued, last = actor.echo.remote(1), actor.echo.remote(2)
    eventually(begun(tmp_path / "started"))
    for ref in (running, queued):
        with pytest.raises(ValueError, match=r"kill\(\)"):
            ray.cancel(ref, force=True)
    ray.cancel(queued)
    ray.cancel(running)
    assert_cancelled(running, queued)
    assert ray.get(last, timeout=20) == 2, "the actor did not survive"
    ray.cancel(last, force=True)  # it has finished


def test_many_times_at_any_moment(tmp_path: Path) -> None:
    @ray.remote
    def short(i: int) -> int:
        return sum(range(2_000)) * 0 + i

    for round_ in range(10):
        refs = [short.remote(i) for i in range(100)]
        ray.wait(refs, num_returns=1 + 9 * round_, timeout=20)
        for ref in refs[::3]:
            ray.cancel(ref)
        for i, ref in enumerate(refs):
            try:
                assert ray.get(ref, timeout=20) == i
            except ray.TaskCancelledError:
                assert i % 3 == 0, "a task was interrupted that nobody cancelled"
