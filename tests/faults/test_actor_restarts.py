"""Actors whose process dies and that are made again; what a fault leaves to be read."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter.testing.faults import Ending, crash, is_running
from ray_jupyter.testing.suite.base import eventually

pytestmark = pytest.mark.usefixtures("session")
DEADLY = [ending for ending in Ending if ending.is_deadly]
WAIT_S = 30.0


@ray.remote
class Phoenix:
    def __init__(self, start: int = 0, log: Path | None = None) -> None:
        self.count = start
        if log is not None:
            with log.open("a") as file:
                file.write("made\n")

    def pid(self) -> int:
        return os.getpid()

    def add(self) -> int:
        self.count += 1
        return self.count

    def crash(self, ending: Ending) -> None:
        crash(ending)

    def crash_once(self, mark: Path) -> int:
        if not mark.exists():
            mark.touch()
            crash(Ending.SIGKILL)
        return self.add()

    def stuck(self, started: Path) -> None:
        started.touch()
        while True:
            time.sleep(0.001)

    def fault(self) -> None:
        ctypes.string_at(0)


@ray.remote(max_restarts=1)
class Coroutines:
    def __init__(self, start: int) -> None:
        self.count = start

    async def stuck(self, started: Path) -> None:
        started.touch()
        while True:
            await asyncio.sleep(0.001)

    async def add(self) -> int:
        self.count += 1
        return self.count


def by_name(ending: Ending) -> str:
    return ending.value


@pytest.mark.parametrize("ending", DEADLY, ids=by_name)
def test_it_is_made_again_with_its_arguments(ending: Ending, tmp_path: Path) -> None:
    phoenix = Phoenix.options(max_restarts=1).remote(ray.put(10), tmp_path / "log")
    assert ray.get([phoenix.add.remote() for _ in range(3)], timeout=WAIT_S) == [11, 12, 13]
    before = ray.get(phoenix.pid.remote(), timeout=WAIT_S)
    crashing, queued = phoenix.crash.remote(ending), phoenix.add.remote()
    with pytest.raises(ray.ActorUnavailableError, match="being restarted"):
        ray.get(crashing, timeout=WAIT_S)
    assert ray.get([queued, phoenix.add.remote()], timeout=WAIT_S) == [11, 12]
    assert ray.get(phoenix.pid.remote(), timeout=WAIT_S) != before
    assert (tmp_path / "log").read_text() == "made\n" * 2
    with pytest.raises(ray.ActorDiedError, match="after all 1 restarts"):
        ray.get(phoenix.crash.remote(ending), timeout=WAIT_S)


def test_calls_that_may_be_repeated_are(tmp_path: Path) -> None:
    phoenix = Phoenix.options(max_restarts=-1, max_task_retries=1).remote()
    assert ray.get(phoenix.add.remote(), timeout=WAIT_S) == 1
    calls = [phoenix.crash_once.remote(tmp_path / "mark"), phoenix.add.remote()]
    assert ray.get(calls, timeout=WAIT_S) == [1, 2]
    with pytest.raises(ray.ActorUnavailableError, match="no other try"):
        ray.get(phoenix.crash.remote(Ending.SIGKILL), timeout=WAIT_S)
    once = phoenix.crash_once.options(max_task_retries=0).remote(tmp_path / "other")
    with pytest.raises(ray.ActorUnavailableError):
        ray.get(once, timeout=WAIT_S)


def test_killed_while_idle_and_while_it_runs(tmp_path: Path) -> None:
    phoenix = Phoenix.options(max_restarts=-1).remote(5)
    for name in ("one", "two", "three"):
        pid = ray.get(phoenix.pid.remote(), timeout=WAIT_S)
        started = tmp_path / name
        calls = [phoenix.stuck.remote(started)] if name != "one" else []
        eventually(lambda started=started, calls=calls: started.exists() or not calls)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda pid=pid: not is_running(pid))
        for call in calls:
            with pytest.raises(ray.ActorUnavailableError, match="SIGKILL"):
                ray.get(call, timeout=WAIT_S)
        assert ray.get(phoenix.add.remote(), timeout=WAIT_S) == 6


def test_threads_and_coroutines_are_made_again(tmp_path: Path) -> None:
    threads = Phoenix.options(max_restarts=1, max_concurrency=2).remote(5)
    for phoenix in (threads, Coroutines.remote(5)):
        started = tmp_path / repr(phoenix)
        stuck = phoenix.stuck.remote(started)
        assert ray.get(phoenix.add.remote(), timeout=WAIT_S) == 6
        eventually(started.exists)
        ray.kill(phoenix, no_restart=False)
        with pytest.raises(ray.ActorUnavailableError, match="no_restart=False"):
            ray.get(stuck, timeout=WAIT_S)
        assert ray.get(phoenix.add.remote(), timeout=WAIT_S) == 6


def test_a_restart_when_the_constructor_dies(tmp_path: Path) -> None:
    @ray.remote(max_restarts=1)
    class Late:
        def __init__(self, mark: Path) -> None:
            if not mark.exists():
                mark.touch()
                crash(Ending.SIGKILL)

        def get(self) -> int:
            return 1

    assert ray.get(Late.remote(tmp_path / "mark").get.remote(), timeout=WAIT_S) == 1


def test_a_fault_in_an_actor_shows_the_lines_it_was_in() -> None:
    phoenix = Phoenix.remote()
    with pytest.raises(ray.ActorDiedError) as caught:
        ray.get(phoenix.fault.remote(), timeout=WAIT_S)
    assert_lines(str(caught.value), "in fault", "ctypes.string_at(0)")


def test_a_fault_in_a_task_shows_the_lines_it_was_in() -> None:
    def inner() -> None:
        ctypes.string_at(0)

    @ray.remote(max_retries=0)
    def task() -> None:
        inner()

    with pytest.raises(ray.WorkerCrashedError) as caught:
        ray.get(task.remote(), timeout=WAIT_S)
    assert_lines(str(caught.value), "in inner", "in task")


def test_a_fault_in_a_thread_shows_that_thread() -> None:
    @ray.remote(max_concurrency=4)
    class Two:
        def wait(self) -> None:
            threading.Event().wait()

        def fault(self) -> None:
            ctypes.string_at(0)

    two = Two.remote()
    waiting = two.wait.remote()
    with pytest.raises(ray.ActorDiedError) as caught:
        ray.get(two.fault.remote(), timeout=WAIT_S)
    assert_lines(str(caught.value), "in fault")
    assert "in wait" not in str(caught.value)
    with pytest.raises(ray.ActorDiedError):
        ray.get(waiting, timeout=WAIT_S)


def assert_lines(text: str, *parts: str) -> None:
    assert "SIGSEGV" in text
    assert "Segmentation fault" in text
    assert "ray_jupyter/runtime" not in text
    at = [text.find(part) for part in parts]
    assert -1 not in at, text
    assert at == sorted(at), text


def test_atexit_functions_run_when_an_actor_leaves(tmp_path: Path) -> None:
    @ray.remote
    class Leaves:
        def __init__(self, note: Path) -> None:
            import atexit

            atexit.register(note.touch)

        def leave(self) -> Any:
            ray.actor.exit_actor()

    with pytest.raises(ray.ActorDiedError, match="exit_actor"):
        ray.get(Leaves.remote(tmp_path / "note").leave.remote(), timeout=WAIT_S)
    assert (tmp_path / "note").exists()


def test_an_exit_lets_running_calls_end(tmp_path: Path) -> None:
    @ray.remote(max_concurrency=3)
    class Leaves:
        def __init__(self) -> None:
            self.leaving = threading.Event()

        def wait(self, started: Path) -> int:
            started.touch()
            self.leaving.wait()
            time.sleep(0.05)
            return 1

        def leave(self) -> None:
            self.leaving.set()
            ray.actor.exit_actor()

    leaves = Leaves.remote()
    running = leaves.wait.remote(tmp_path / "started")
    eventually((tmp_path / "started").exists)
    with pytest.raises(ray.ActorDiedError, match="exit_actor"):
        ray.get(leaves.leave.remote(), timeout=WAIT_S)
    assert ray.get(running, timeout=WAIT_S) == 1
