"""``util.multiprocessing.Pool`` beside the standard library's."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.backends.base import Capability
from ray_jupyter.testing.suite.base import BackendSuite, eventually, wait_for_file
from ray_jupyter.util.multiprocessing import Pool


def _square(x: int) -> int:
    return x * x


def _fail_at(bad: int, x: int) -> int:
    if x == bad:
        raise LookupError(f"at {x}")
    return x


def _breaking_items() -> Iterator[int]:
    yield 1
    raise OSError("no more")


_level = 0


def _set_level(level: int) -> None:
    global _level
    _level = level


def _raised(x: int) -> int:
    return x + _level


class ProcessPoolTests(BackendSuite):
    """What a pool must do on any backend."""

    @pytest.fixture
    def pool(self) -> Iterator[Pool]:
        """Return a pool of two."""
        with Pool(2) as made:
            yield made

    def test_apply(self, pool: Pool) -> None:
        assert pool.apply(_square, (3,)) == 9
        assert pool.apply(int, ("ff",), {"base": 16}) == 255
        assert pool.apply_async(dict, kwds={"a": 1}).get(20) == {"a": 1}

    def test_map_and_starmap(self, pool: Pool) -> None:
        assert pool.map(_square, range(10)) == [x * x for x in range(10)]
        assert pool.map(_square, (x for x in range(5)), chunksize=2) == [0, 1, 4, 9, 16]
        assert pool.map(_square, []) == []
        assert pool.starmap(pow, [(2, 3), (3, 2)]) == [8, 9]
        assert pool.starmap_async(pow, [(2, 3)], chunksize=1).get() == [8]
        assert pool.map_async(_square, [2]).get() == [4]

    @pytest.mark.parametrize("chunksize", [1, 3])
    def test_imap(self, pool: Pool, chunksize: int) -> None:
        expected = [x * x for x in range(10)]
        assert list(pool.imap(_square, range(10), chunksize)) == expected
        assert sorted(pool.imap_unordered(_square, iter(range(10)), chunksize)) == expected
        assert list(pool.imap(_square, [])) == []

    def test_imap_of_endless_items_is_read_as_needed(self, pool: Pool) -> None:
        import itertools

        results = pool.imap(_square, itertools.count())
        assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]

    def test_closures_and_lambdas(self, pool: Pool) -> None:
        offset = 10
        assert pool.map(lambda x: x + offset, range(3)) == [10, 11, 12]

    def test_errors_in_a_pool_are_the_users_own(self, pool: Pool) -> None:
        fail = functools.partial(_fail_at, 3)
        with pytest.raises(LookupError, match="at 3") as caught:
            pool.map(fail, range(5), chunksize=1)
        assert type(caught.value) is LookupError
        assert "_fail_at" in str(caught.value.__cause__)
        result = pool.apply_async(fail, (3,))
        with pytest.raises(LookupError):
            result.get()
        assert not result.successful()
        results = pool.imap(fail, range(5))
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(LookupError):
            next(results)
        assert list(results) == [4]

    def test_what_cannot_be_pickled_fails_the_call(self, pool: Pool) -> None:
        with pytest.raises(ray.SerializationError, match="lock"):
            pool.apply(_square, (threading.Lock(),))
        with pytest.raises(ray.SerializationError, match="lock"):
            pool.apply(threading.Lock)
        assert pool.apply(_square, (2,)) == 4

    def test_an_iterable_that_breaks(self, pool: Pool) -> None:
        results = pool.imap(_square, _breaking_items())
        assert next(results) == 1
        with pytest.raises(OSError, match="no more"):
            next(results)
        with pytest.raises(StopIteration):
            next(results)
        with pytest.raises(OSError, match="no more"):
            pool.map(_square, _breaking_items())

    def test_callbacks(self, pool: Pool) -> None:
        results: list[Any] = []
        pool.apply_async(_square, (3,), callback=results.append).wait(20)
        pool.map_async(_square, [1, 2], callback=results.append).wait(20)
        pool.starmap_async(pow, [(2, 2)], callback=results.append).wait(20)
        failed = pool.apply_async(
            _fail_at, (1, 1), callback=results.append, error_callback=results.append
        )
        failed.wait(20)
        assert failed.ready()
        assert results[:3] == [9, [1, 4], [4]]
        assert [type(error) for error in results[3:]] == [LookupError]

    def test_a_callback_that_fails_is_shown(
        self, pool: Pool, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert pool.apply_async(_square, (3,), callback=lambda value: 1 / 0).get(20) == 9
        assert "ZeroDivisionError" in capsys.readouterr().err
        assert pool.apply(_square, (3,)) == 9

    def test_not_ready(self, pool: Pool, tmp_path: Path) -> None:
        self.needs_background()
        result = pool.apply_async(wait_for_file, (tmp_path / "go", "late"))
        assert not result.ready()
        with pytest.raises(ValueError, match="not ready"):
            result.successful()
        result.wait(0.01)
        with pytest.raises(multiprocessing.TimeoutError):
            result.get(timeout=0.01)
        results = pool.imap(functools.partial(wait_for_file, tmp_path / "go"), ["later"])
        with pytest.raises(multiprocessing.TimeoutError):
            results.next(timeout=0.01)
        (tmp_path / "go").touch()
        assert result.get(20) == "late"
        assert result.successful()
        assert results.next(timeout=20) == "later"

    def test_a_long_call_does_not_hold_up_others(self, pool: Pool, tmp_path: Path) -> None:
        self.needs_background()
        long = pool.apply_async(wait_for_file, (tmp_path / "go",))
        assert pool.map(_square, range(20), chunksize=1)[-1] == 361
        (tmp_path / "go").touch()
        assert long.get(20) is None

    def test_initializer(self) -> None:
        with Pool(2, _set_level, (100,)) as pool:
            assert pool.map(_raised, range(5), chunksize=1) == [100, 101, 102, 103, 104]

    def test_initializer_of_main_sets_globals_for_later_functions(self) -> None:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(_MAIN_SOURCE, namespace)
        with Pool(2, namespace["start"], (5,)) as pool:
            assert pool.map(namespace["work"], range(3)) == [5, 6, 7]
            partial = functools.partial(namespace["work"], 1)
            assert pool.apply(partial) == 6

    def test_an_initializer_that_fails_fails_the_calls(self) -> None:
        with Pool(1, _fail_at, (1, 1)) as pool:
            with pytest.raises(ray.ActorDiedError, match="at 1"):
                pool.apply(_square, (1,))
            with pytest.raises(ray.ActorDiedError, match="at 1"):
                pool.map(_square, [1])

    def test_maxtasksperchild(self) -> None:
        self.needs_processes()
        with Pool(1, maxtasksperchild=2) as pool:
            pids = [pool.apply(os.getpid) for _ in range(4)]
        assert pids[0] == pids[1] != pids[2] == pids[3]

    def test_a_process_that_dies_fails_its_call_only(self) -> None:
        self.needs_processes()
        with Pool(1) as pool:
            has_words = Capability.DEATH_WORDS not in session.connected().lacks
            words = "exited with code 3" if has_words else "unexpectedly"
            with pytest.raises(ray.ActorDiedError, match=words):
                pool.apply(os._exit, (3,))
            assert pool.apply(_square, (2,)) == 4

    def test_a_pool_in_a_task(self) -> None:
        @ray.remote
        def squares(n: int) -> list[int]:
            with Pool(2) as pool:
                return pool.map(_square, range(n))

        assert ray.get(squares.remote(4)) == [0, 1, 4, 9]

    def test_an_unclosed_pool_is_reported(self) -> None:
        self.needs_processes()
        pool = Pool(1)
        assert pool.apply(_square, (2,)) == 4
        with pytest.warns(ResourceWarning, match="unclosed running pool"):
            del pool
        eventually(lambda: not _pool_threads())

    def test_close_and_join_finish_what_was_begun(self) -> None:
        pool = Pool(2)
        result = pool.map_async(_square, range(20), chunksize=1)
        pool.close()
        pool.join()
        assert result.ready()
        assert result.get()[-1] == 361
        for call in (lambda: pool.apply(_square, (1,)), lambda: pool.imap(_square, [1])):
            with pytest.raises(ValueError, match="not running"):
                call()
        with pytest.raises(ValueError, match="not running"), pool:
            pass

    def test_join_refuses_a_running_pool(self, pool: Pool) -> None:
        with pytest.raises(ValueError, match="still running"):
            pool.join()

    def test_terminate_fails_what_was_not_done(self, tmp_path: Path) -> None:
        self.needs_background()
        pool = Pool(1)
        running = pool.apply_async(wait_for_file, (tmp_path / "never",))
        queued = pool.map_async(_square, range(5))
        iterated = pool.imap(_square, range(5))
        pool.terminate()
        pool.join()
        for get in (running.get, queued.get, iterated.next):
            with pytest.raises((RuntimeError, ray.ActorDiedError)):
                get(20)

    def test_misused_pools(self, pool: Pool) -> None:
        for arguments, error in (
            ({"processes": 0}, ValueError), ({"processes": 1.5}, TypeError),
            ({"maxtasksperchild": 0}, ValueError), ({"initializer": 1}, TypeError),
            ({"context": multiprocessing}, NotImplementedError),
            ({"ray_address": "auto"}, NotImplementedError),
        ):  # fmt: skip
            with pytest.raises(error, match=next(iter(arguments))):
                Pool(**arguments)
        with pytest.raises(ValueError, match="did you mean 'num_cpus'"):
            Pool(ray_remote_args={"num_cpu": 1})
        if Capability.FEASIBILITY not in session.connected().lacks:
            with pytest.raises(ValueError, match="could never run"):
                Pool(ray_remote_args={"num_gpus": 4})
        for call in (pool.map, pool.imap):
            with pytest.raises(ValueError, match="chunksize"):
                call(_square, [1], chunksize=0)
        with pytest.raises(TypeError, match="to call"):
            pool.apply(3)  # type: ignore[arg-type]
        with pytest.raises(NotImplementedError, match="another process"):
            pickle.dumps(pool)
        assert "state=RUN pool_size=2" in repr(pool)


def _pool_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("ray_jupyter-pool")]


_MAIN_SOURCE = """
def start(level):
    global state
    state = level

def helper(x):
    return state + x

def work(x):
    return helper(x)
"""
