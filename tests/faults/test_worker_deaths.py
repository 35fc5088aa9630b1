"""A worker is killed at every moment of its life; tasks and objects survive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.testing.faults import (
    Ending,
    attempt,
    crash,
    is_running,
    kill_worker,
    session_pids,
)
from ray_jupyter.testing.suite.base import echo, eventually, statistics, wait_for_file

pytestmark = pytest.mark.usefixtures("session")


@ray.remote
def getpid() -> int:
    return os.getpid()


def tell(path: Path, pid: int) -> None:
    """Write a file that is whole as soon as it is there."""
    path.with_suffix(".new").write_text(str(pid))
    path.with_suffix(".new").rename(path)


@ray.remote
def announce(path: Path, gate: Path) -> int:
    """Tell the worker's pid; return the number of the attempt at the gate."""
    number = attempt(path.with_suffix(".log"))
    tell(path, os.getpid())
    while number == 1 and not gate.exists():
        pass
    return number


def announced(path: Path) -> int:
    eventually(path.exists)
    return int(path.read_text())


def test_idle(tmp_path: Path) -> None:
    ray.get([getpid.remote() for _ in range(4)], timeout=20)
    workers = session_pids().workers
    for pid in workers:
        kill_worker(pid)
    assert ray.get([echo.remote(i) for i in range(50)], timeout=20) == list(range(50))
    eventually(lambda: not any(is_running(pid) for pid in workers))


def test_running(tmp_path: Path) -> None:
    ref = announce.remote(tmp_path / "pid", tmp_path / "gate")
    kill_worker(announced(tmp_path / "pid"))
    assert ray.get(ref, timeout=20) == 2


def test_stopped_then_killed(tmp_path: Path) -> None:
    ref = announce.remote(tmp_path / "pid", tmp_path / "gate")
    pid = kill_worker(announced(tmp_path / "pid"), signal.SIGSTOP)
    assert ray.wait([ref], timeout=0.05) == ([], [ref])
    kill_worker(pid)
    assert ray.get(ref, timeout=20) == 2


def test_stopped_then_continued(tmp_path: Path) -> None:
    ref = announce.remote(tmp_path / "pid", tmp_path / "gate")
    pid = kill_worker(announced(tmp_path / "pid"), signal.SIGSTOP)
    (tmp_path / "gate").touch()
    assert ray.get(echo.remote("elsewhere"), timeout=20) == "elsewhere"
    kill_worker(pid, signal.SIGCONT)
    assert ray.get(ref, timeout=20) == 1


def test_its_results_survive_it() -> None:
    @ray.remote
    def make() -> Any:
        return os.getpid(), np.arange(1_000_000)

    refs = [make.remote() for _ in range(4)]
    assert len(ray.wait(refs, num_returns=4, timeout=20)[0]) == 4
    first = ray.get(refs[0], timeout=20)
    for pid in session_pids().workers:
        kill_worker(pid)
    eventually(lambda: not any(is_running(p) for p, _ in [first]))
    for _, array in [first, *ray.get(refs, timeout=20)]:
        assert (array == np.arange(1_000_000)).all()


def test_its_pins_end_with_it(tmp_path: Path) -> None:
    used = statistics()["store_used_bytes"]

    @ray.remote(max_retries=0)
    def read(array: Any, path: Path) -> None:
        path.touch()
        while array[0] == 0:
            pass

    ref = ray.put(np.zeros(1_000_000))
    stuck = read.remote(ref, tmp_path / "reading")
    eventually((tmp_path / "reading").exists)
    del ref
    ray.cancel(stuck, force=True)
    with pytest.raises(ray.TaskCancelledError):
        ray.get(stuck, timeout=20)
    del stuck
    eventually(lambda: statistics()["store_used_bytes"] <= used)


def test_while_it_waits_for_a_child(tmp_path: Path) -> None:
    @ray.remote
    def parent(log: Path, pid: Path, gate: Path) -> int:
        child = wait_for_file.remote(gate, 5)
        grandchild = echo.remote(child)
        if attempt(log) == 1:
            pid.write_text(str(os.getpid()))
        return ray.get(grandchild)

    ref = parent.remote(tmp_path / "log", tmp_path / "pid", tmp_path / "gate")
    eventually(lambda: statistics()["workers_blocked"] == 1)
    kill_worker(announced(tmp_path / "pid"))
    (tmp_path / "gate").touch()
    assert ray.get(ref, timeout=20) == 5
    assert (tmp_path / "log").stat().st_size == 2


def test_while_it_runs_a_child_in_place(tmp_path: Path) -> None:
    @ray.remote
    def fragile(log: Path) -> int:
        number = attempt(log)
        if number == 1:
            crash(Ending.SIGKILL)
        return number

    @ray.remote
    def parent(log: Path) -> int:
        return ray.get(fragile.remote(log))

    # Both are repeated: the parent makes a child of its own, beside the first one's retry.
    assert ray.get(parent.remote(tmp_path / "log"), timeout=20) in (2, 3)


def test_with_tasks_sent_ahead(tmp_path: Path) -> None:
    @ray.remote
    def short(i: int, log: Path) -> int:
        if i % 400 == 200 and attempt(log / str(i)) == 1:
            crash(Ending.SIGKILL)
        return i * i

    ray.get([short.remote(1, tmp_path) for _ in range(50)], timeout=20)  # known to be short
    refs = [short.remote(i, tmp_path) for i in range(2_000)]
    assert ray.get(refs, timeout=30) == [i * i for i in range(2_000)]
    assert len(list(tmp_path.glob("*00"))) == 5


def test_tasks_not_started_are_not_charged(tmp_path: Path) -> None:
    @ray.remote(max_retries=0)
    def once(i: int, crashing: bool) -> int:
        if crashing:
            crash(Ending.SIGKILL)
        return i

    ray.get([once.remote(1, False) for _ in range(50)], timeout=20)
    refs = [once.remote(i, i == 100) for i in range(300)]
    failed = []
    for i, ref in enumerate(refs):
        try:
            assert ray.get(ref, timeout=20) == i
        except ray.WorkerCrashedError:
            failed.append(i)
    # Those that ran on the same worker and were not reported yet may have run: they fail, too.
    assert 100 in failed
    assert max(failed) == 100, "a task that had not started was failed with its worker"


def test_while_the_driver_reads_its_array() -> None:
    @ray.remote
    def make(i: int) -> Any:
        return np.full(500_000, i), os.getpid()

    for i in range(5):
        array, pid = ray.get(make.remote(i), timeout=20)
        kill_worker(pid)
        assert (array == i).all()
        eventually(lambda pid=pid: not is_running(pid))
        assert (array == i).all()


def test_while_it_writes_a_large_result(tmp_path: Path) -> None:
    used = statistics()["store_used_bytes"]

    @ray.remote
    def large(log: Path) -> Any:
        if attempt(log) > 1:
            return np.ones(20_000_000, np.uint8)
        import threading

        threading.Timer(0.002, os._exit, [9]).start()
        return np.ones(400_000_000, np.uint8)

    assert ray.get(large.remote(tmp_path / "log"), timeout=30).sum() == 20_000_000
    eventually(lambda: statistics()["store_used_bytes"] <= used)


def test_a_worker_is_killed_again_and_again() -> None:
    @ray.remote(max_retries=-1)
    def slowly(i: int) -> int:
        return sum(range(20_000)) * 0 + i

    refs = [slowly.remote(i) for i in range(600)]
    killed = 0
    while ray.wait(refs, num_returns=600, timeout=0.03)[1] and killed < 12:
        workers = session_pids().workers
        if workers:
            try:
                kill_worker(workers[killed % len(workers)])
            except ProcessLookupError:  # ended in between
                continue
            killed += 1
    assert ray.get(refs, timeout=30) == list(range(600))


# Processes that user code makes


def test_a_forked_child_that_exits() -> None:
    @ray.remote(max_retries=0)
    def forks() -> tuple[int, int]:
        pid = os.fork()
        if not pid:
            os._exit(7)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), os.getpid()

    for _ in range(3):
        assert ray.get(forks.remote(), timeout=20)[0] == 7


def test_a_forked_child_that_returns_from_the_task() -> None:
    @ray.remote(max_retries=0)
    def forks() -> int:
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
            return 1
        return 2

    assert ray.get(forks.remote(), timeout=20) == 1


def test_a_pool_of_multiprocessing() -> None:
    @ray.remote(max_retries=0)
    def pool() -> list[int]:
        import multiprocessing

        with multiprocessing.get_context("fork").Pool(2) as workers:
            return workers.map(abs, [-1, -2])

    assert ray.get(pool.remote(), timeout=20) == [1, 2]


@pytest.mark.parametrize("close_fds", [True, False])
def test_a_grandchild_outlives_its_worker(tmp_path: Path, close_fds: bool) -> None:
    @ray.remote(max_retries=0)
    def starts(path: Path) -> None:
        child = subprocess.Popen(
            [sys.executable, "-c", "import threading; threading.Event().wait()"],
            close_fds=close_fds,
        )
        tell(path, child.pid)
        crash(Ending.SIGKILL)

    ref = starts.remote(tmp_path / "pid")
    try:
        with pytest.raises(ray.WorkerCrashedError, match="SIGKILL"):
            ray.get(ref, timeout=20)
    finally:
        os.kill(announced(tmp_path / "pid"), signal.SIGKILL)


def test_a_forked_grandchild_holds_the_stream(tmp_path: Path) -> None:
    @ray.remote(max_retries=0)
    def forks(path: Path) -> None:
        pid = os.fork()
        if not pid:
            signal.pause()
        tell(path, pid)
        crash(Ending.SIGSEGV)

    ref = forks.remote(tmp_path / "pid")
    try:
        with pytest.raises(ray.WorkerCrashedError, match="SIGSEGV"):
            ray.get(ref, timeout=20)
    finally:
        os.kill(announced(tmp_path / "pid"), signal.SIGKILL)
