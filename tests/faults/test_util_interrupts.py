"""Ctrl-C and the Stop button while a utility waits: the wait ends, the session does not."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import ray_jupyter as ray
from ray_jupyter import util
from ray_jupyter.testing.suite.base import eventually, statistics, wait_for_file
from ray_jupyter.util.multiprocessing import Pool
from ray_jupyter.util.queue import Queue

pytestmark = pytest.mark.usefixtures("session")


def interrupted(call: Callable[[], object], moment: Callable[[], object]) -> None:
    """Press Ctrl-C once ``moment()`` is true and ``call`` waits; it must end with it."""

    main = threading.main_thread().ident
    assert main is not None
    begun = threading.Event()

    def waits() -> bool:
        """Tell whether the call has come to where it waits: before, there is nothing to end."""
        frame, names = sys._current_frames().get(main), set()
        while frame is not None:
            names.add(frame.f_code.co_name)
            frame = frame.f_back
        return begun.is_set() and bool(names & {"turn", "wait"})

    def press() -> None:
        eventually(lambda: moment() and waits())
        # Not to the process: another thread could get it, and the main thread would wait on.
        signal.pthread_kill(main, signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    begun.set()
    with pytest.raises(KeyboardInterrupt):
        call()
    presser.join()


def is_running() -> bool:
    return bool(statistics()["tasks"].get("RUNNING"))


def test_map_cancels_what_runs(tmp_path: Path) -> None:
    results = util.map(wait_for_file, [tmp_path / "never"] * 5)
    interrupted(lambda: next(results), is_running)
    eventually(lambda: not is_running())


def test_as_completed_leaves_the_tasks_alone(tmp_path: Path) -> None:
    ref = wait_for_file.remote(tmp_path / "go", "done")
    interrupted(lambda: next(util.as_completed([ref])), is_running)
    (tmp_path / "go").touch()
    assert ray.get(ref, timeout=20) == "done"


def test_a_queue_loses_nothing() -> None:
    queue = Queue()
    before = statistics()["tasks"].get("FINISHED", 0)
    interrupted(queue.get, lambda: statistics()["tasks"].get("FINISHED", 0) > before + 3)
    queue.put(1)
    assert queue.get(timeout=20) == 1
    queue.shutdown()


def test_a_pool_goes_on(tmp_path: Path) -> None:
    with Pool(2) as pool:
        paths = [tmp_path / "go"] * 3
        interrupted(lambda: pool.map(wait_for_file, paths, chunksize=1), is_running)
        (tmp_path / "go").touch()
        assert pool.map(abs, [-1, -2]) == [1, 2]


def test_an_executor_goes_on(tmp_path: Path) -> None:
    with util.Executor(2) as executor:
        future = executor.submit(wait_for_file, tmp_path / "go", "done")
        interrupted(future.result, is_running)
        (tmp_path / "go").touch()
        assert future.result(20) == "done"
