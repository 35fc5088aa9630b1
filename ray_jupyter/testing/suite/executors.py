"""``util.Executor``, ``as_completed`` and ``map``: calls as tasks, results as they come."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import concurrent.futures
import functools
import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter import util
from ray_jupyter.testing.suite.base import (
    BackendSuite,
    add,
    echo,
    eventually,
    fail,
    statistics,
    wait_for_file,
)


class _Counting:
    """Has state that changes between calls."""

    def __init__(self) -> None:
        self.count = 0

    def seen(self) -> int:
        return self.count


class ExecutorTests(BackendSuite):
    """What an executor must do on any backend."""

    @pytest.fixture
    def executor(self) -> Iterator[util.Executor]:
        """Return an executor of one task at a time."""
        with util.Executor(max_workers=1) as made:
            yield made

    def test_submit(self, executor: util.Executor) -> None:
        assert executor.submit(pow, 2, 5).result() == 32
        assert executor.submit(int, "ff", base=16).result() == 255
        assert executor.submit(add, 1, 2).result() == 3
        assert executor.submit(add, echo.remote(1), 2).result() == 3
        assert executor.submit(functools.partial(pow, 2), 3).result() == 8

    def test_a_call_sees_the_state_of_its_moment(self, executor: util.Executor) -> None:
        counting = _Counting()
        assert executor.submit(counting.seen).result() == 0
        counting.count = 7
        assert executor.submit(counting.seen).result() == 7

    def test_map_of_an_executor(self, executor: util.Executor) -> None:
        assert list(executor.map(pow, range(5), itertools.repeat(2))) == [0, 1, 4, 9, 16]
        assert list(executor.map(pow, [2, 3], [3, 2], chunksize=5, timeout=20)) == [8, 9]
        assert list(executor.map(abs, [])) == []
        with pytest.raises(ValueError, match="chunksize"):
            executor.map(abs, [1], chunksize=0)

    def test_errors_of_futures_are_the_users_own(self, executor: util.Executor) -> None:
        with pytest.raises(ZeroDivisionError) as caught:
            executor.submit(lambda: 1 / 0).result()
        assert type(caught.value) is ZeroDivisionError
        assert "1 / 0" in str(caught.value.__cause__)
        results = executor.map(lambda x: 1 // x, [1, 0], chunksize=1)
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)
        with pytest.raises(ray.SerializationError):
            executor.submit(echo, threading.Lock()).result()

    def test_what_would_end_the_caller_stays_a_task_error(self, executor: util.Executor) -> None:
        for kind in (SystemExit, StopIteration):
            with pytest.raises(ray.RayTaskError) as caught:
                executor.submit(_raise, kind).result()
            assert isinstance(caught.value.cause, kind)

    def test_futures_of_the_standard_library(self, executor: util.Executor) -> None:
        futures = [executor.submit(abs, -number) for number in range(5)]
        done = concurrent.futures.as_completed(futures, timeout=20)
        assert sorted(future.result() for future in done) == [0, 1, 2, 3, 4]
        called: list[Any] = []
        executor.submit(abs, -1).add_done_callback(lambda future: called.append(future.result()))
        eventually(lambda: called == [1])

    def test_cancel_what_has_not_started(self, tmp_path: Path) -> None:
        self.needs_background()
        executor = util.Executor(max_workers=1)
        first = executor.submit(wait_for_file, tmp_path / "go", "first")
        eventually(first.running)
        assert not first.cancel()
        queued = [executor.submit(abs, 1), executor.submit(abs, 2)]
        assert queued[0].cancel()
        executor.shutdown(wait=False, cancel_futures=True)
        assert all(future.cancelled() for future in queued)
        (tmp_path / "go").touch()
        assert first.result(20) == "first"
        executor.shutdown()

    def test_stop_cancels_what_runs(self, tmp_path: Path) -> None:
        self.needs_background()
        executor = util.Executor(max_workers=2)
        running = executor.submit(wait_for_file, tmp_path / "never")
        eventually(lambda: statistics()["tasks"].get("RUNNING"))
        executor.stop()
        with pytest.raises(ray.TaskCancelledError):
            running.result(20)

    def test_an_executor_that_was_shut_down(self) -> None:
        executor = util.Executor()
        future = executor.submit(abs, -1)
        executor.shutdown()
        assert future.done()
        with pytest.raises(RuntimeError, match="shutdown"):
            executor.submit(abs, 1)

    def test_options_and_misuse(self) -> None:
        with util.Executor(1, resources={"disk": 2}) as executor:
            assert executor.submit(abs, -1).result() == 1
            with pytest.raises(TypeError, match="to call"):
                executor.submit(3)  # type: ignore[arg-type]  # that is what is tested
        for arguments, error in (
            ({"max_workers": 0}, ValueError), ({"num_returns": 2}, ValueError),
            ({"num_cpu": 1}, ValueError), ({"max_workers": "2"}, TypeError),
        ):  # fmt: skip
            with pytest.raises(error, match=next(iter(arguments))):
                util.Executor(**arguments)

    def test_an_executor_in_a_task(self) -> None:
        @ray.remote
        def powers(n: int) -> list[int]:
            with util.Executor() as executor:
                return list(executor.map(pow, range(n), itertools.repeat(2)))

        assert ray.get(powers.remote(4)) == [0, 1, 4, 9]

    def test_runs_in_other_processes(self, executor: util.Executor) -> None:
        self.needs_processes()
        assert executor.submit(os.getpid).result() != os.getpid()


class CompletionTests(BackendSuite):
    """What ``as_completed``, ``map`` and ``map_unordered`` must do on any backend."""

    def test_as_completed(self) -> None:
        refs = [echo.remote(number) for number in range(20)]
        assert sorted(util.as_completed(refs)) == list(range(20))
        assert set(util.as_completed(refs, yield_obj_refs=True)) == set(refs)
        assert list(util.as_completed([])) == []

    def test_as_completed_yields_what_is_there(self, tmp_path: Path) -> None:
        self.needs_background()
        late = wait_for_file.remote(tmp_path / "go", "late")
        results = util.as_completed([late, echo.remote("early")], timeout=40)
        assert next(results) == "early"
        (tmp_path / "go").touch()
        assert list(results) == ["late"]

    def test_as_completed_in_time(self, tmp_path: Path) -> None:
        self.needs_background()
        late = wait_for_file.remote(tmp_path / "go", "late")
        with pytest.raises(ray.GetTimeoutError, match="1 results"):
            list(util.as_completed([late], timeout=0.01))
        (tmp_path / "go").touch()
        assert ray.get(late, timeout=20) == "late"  # its task goes on

    def test_as_completed_raises_what_the_task_raised(self) -> None:
        results = util.as_completed([fail.remote()])
        with pytest.raises(ValueError, match="boom"):
            next(results)

    def test_as_completed_misused(self) -> None:
        ref = ray.put(1)
        with pytest.raises(ValueError, match="distinct"):
            util.as_completed([ref, ref])
        with pytest.raises(TypeError, match="item 1 is 5"):
            util.as_completed([ref, 5])  # type: ignore[list-item]  # that is what is tested
        with pytest.raises(TypeError, match="a list of ObjectRefs, got 5"):
            util.as_completed(5)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="timeout"):
            util.as_completed([ref], timeout=-1)
        with pytest.raises(TypeError, match="timeout"):
            util.as_completed([ref], timeout="soon")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="chunk_size"):
            util.as_completed([ref], chunk_size=0)

    @pytest.mark.parametrize("ordered", [True, False])
    def test_map(self, ordered: bool) -> None:
        results = util.map(pow, range(30), itertools.repeat(2), ordered=ordered, max_in_flight=4)
        assert (list if ordered else sorted)(results) == [x * x for x in range(30)]
        assert list(util.map(abs, [], ordered=ordered)) == []

    def test_map_of_remote_things(self) -> None:
        counter = ray.remote(_Counting).remote()
        assert list(util.map(add, [1, 2], [3, 4])) == [4, 6]
        assert list(util.map(add.options(num_cpus=2), [1], [3])) == [4]
        assert list(util.map(counter.seen, *[[]])) == []

        @ray.remote([int], [int])
        def typed(x: int) -> int:
            return x

        assert list(util.map(typed, [1, 2])) == [1, 2]

    def test_map_of_endless_items(self) -> None:
        results = util.map(abs, itertools.count(), max_in_flight=3)
        assert [next(results) for _ in range(10)] == list(range(10))
        results.close()  # type: ignore[attr-defined]

    def test_map_cancels_what_nobody_waits_for(self, tmp_path: Path) -> None:
        self.needs_background()
        paths = [tmp_path / "go", tmp_path / "never", tmp_path / "never"]
        (tmp_path / "go").touch()
        results = util.map(wait_for_file, paths)
        assert next(results) is None
        results.close()  # type: ignore[attr-defined]
        eventually(lambda: not statistics()["tasks"].get("RUNNING"))

    def test_map_in_time(self, tmp_path: Path) -> None:
        self.needs_background()
        for ordered in (True, False):
            with pytest.raises(ray.GetTimeoutError):
                next(util.map(wait_for_file, [tmp_path / "no"], timeout=0.01, ordered=ordered))

    def test_map_raises_what_the_call_raised(self) -> None:
        results = util.map(lambda x: 1 // x, [1, 0, 1])
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)

    def test_map_shows_progress(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert list(util.map(abs, range(3), progress=True)) == [0, 1, 2]
        assert capsys.readouterr().err.startswith("abs: 3/3 · ")

    def test_map_misused(self) -> None:
        calls: list[tuple[Any, ...]] = [(abs,), (3, [1]), (abs, 5)]
        for arguments in calls:
            with pytest.raises(TypeError):
                util.map(*arguments)
        with pytest.raises(ValueError, match="max_in_flight"):
            util.map(abs, [1], max_in_flight=0)
        with pytest.raises(ValueError, match="one result"):
            util.map(echo.options(num_returns=2), [(1, 2)])

    def test_map_unordered(self) -> None:
        for size in (2, None):
            results = util.map_unordered(echo, range(10), backpressure_size=size)
            assert sorted(results) == list(range(10))
        refs = util.map_unordered(echo, [5], yield_obj_refs=True)
        assert [ray.get(ref) for ref in refs] == [5]
        with pytest.raises(ValueError, match="backpressure_size"):
            util.map_unordered(echo, [1], backpressure_size=0)


def _raise(kind: type[BaseException]) -> None:
    raise kind
