"""Tasks and methods that yield: refs one by one, errors, back-pressure, what is freed when."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.testing.suite.base import BackendSuite, echo, eventually, statistics

BACKPRESSURE = "_generator_backpressure_num_objects"


@ray.remote
def count(n: int) -> Iterator[int]:
    """Yield the numbers below ``n``."""
    yield from range(n)


@ray.remote
def count_to_error(n: int) -> Iterator[int]:
    """Yield the numbers below ``n``, then raise."""
    yield from range(n)
    raise ValueError("no more")


@ray.remote
def count_into(path: Path, n: int) -> Iterator[int]:
    """Yield the numbers below ``n``; the file grows by a byte with each, and by one at the end."""
    try:
        for i in range(n):
            with path.open("ab") as file:
                file.write(b".")
            yield i
    finally:
        with path.open("ab") as file:
            file.write(b"!")


def written(path: Path) -> bytes:
    """Return what ``count_into`` has written."""
    return path.read_bytes() if path.exists() else b""


class GeneratorTests(BackendSuite):
    """``num_returns="streaming"`` and ``"dynamic"``."""

    @pytest.mark.parametrize("n", [0, 1, 3, 1000])
    def test_refs_of_all_values_in_order(self, n: int) -> None:
        generator = count.remote(n)
        assert isinstance(generator, ray.ObjectRefGenerator)
        assert [ray.get(ref) for ref in generator] == list(range(n))
        with pytest.raises(StopIteration):
            next(generator)

    def test_options_say_streaming(self) -> None:
        generator = count.options(num_returns="streaming", name="counting").remote(2)
        assert ray.get(list(generator)) == [0, 1]

    def test_a_fixed_number_of_values(self) -> None:
        assert ray.get(count.options(num_returns=2).remote(2)) == [0, 1]
        with pytest.raises(ValueError, match=r"num_returns=1 does not fit count"):
            count.options(num_returns=1)

    def test_large_values_and_refs_inside(self) -> None:
        @ray.remote
        def arrays() -> Iterator[Any]:
            for i in range(3):
                yield np.full(50_000, i)
                yield [ray.put(np.full(50_000, 10 + i))]

        refs = list(arrays.remote())
        assert [ray.get(ref)[7] for ref in refs[::2]] == [0, 1, 2]
        assert [ray.get(ray.get(ref)[0])[7] for ref in refs[1::2]] == [10, 11, 12]

    def test_refs_outlive_the_generator_and_are_arguments(self) -> None:
        generator = count.remote(3)
        refs = list(generator)
        del generator
        assert ray.get([echo.remote(ref) for ref in refs]) == [0, 1, 2]

    def test_an_argument_is_a_dependency_and_its_error_the_stream_s(self) -> None:
        assert ray.get(list(count.remote(echo.remote(2)))) == [0, 1]
        [ref] = count.remote(count_to_error.remote(0).completed())
        with pytest.raises(ValueError, match="no more"):
            ray.get(ref)

    def test_an_error_comes_after_the_values_before_it(self) -> None:
        generator = count_to_error.remote(2)
        refs = [next(generator) for _ in range(3)]
        assert ray.get(refs[:2]) == [0, 1]
        with pytest.raises(ValueError, match="no more"):
            ray.get(refs[2])
        with pytest.raises(StopIteration):
            next(generator)
        with pytest.raises(ValueError, match="no more"):
            ray.get(generator.completed())

    def test_a_value_that_cannot_be_pickled_ends_the_stream(self) -> None:
        @ray.remote
        def locks() -> Iterator[Any]:
            import threading

            yield 1
            yield threading.Lock()
            yield 2

        first, second = locks.remote()
        assert ray.get(first) == 1
        with pytest.raises(ray.RayTaskError, match=r"(?s)lock"):
            ray.get(second)

    def test_retries_do_not_give_a_value_twice(self, tmp_path: Path) -> None:
        @ray.remote(retry_exceptions=[KeyError], max_retries=2)
        def flaky(path: Path) -> Iterator[int]:
            yield 0
            yield 1
            if not path.exists():
                path.touch()
                raise KeyError("again")
            yield 2

        assert ray.get(list(flaky.remote(tmp_path / "tried"))) == [0, 1, 2]
        limited = flaky.options(**{BACKPRESSURE: 1}).remote(tmp_path / "tried too")
        assert ray.get(list(limited)) == [0, 1, 2]

    def test_completed(self) -> None:
        generator = count.remote(3)
        done = generator.completed()
        assert ray.get(done) is None
        assert not generator.is_finished()
        assert generator.next_ready()
        assert ray.get(list(generator)) == [0, 1, 2]
        assert generator.is_finished()
        assert not generator.next_ready()

    def test_async_iteration(self) -> None:
        async def total(n: int) -> int:
            return sum([await ref async for ref in count.remote(n)])

        async def both() -> list[int]:
            return list(await asyncio.gather(total(10), total(20)))

        assert asyncio.run(both()) == [45, 190]

        async def end() -> None:
            await anext(count.remote(0))

        with pytest.raises(StopAsyncIteration):
            asyncio.run(end())

    def test_wait_for_generators(self) -> None:
        generator, ref = count.remote(1), ray.put(1)
        assert ray.wait([generator, ref], num_returns=2) == ([generator, ref], [])
        assert ray.get(next(generator)) == 0
        assert ray.wait([generator]) == ([generator], []), "what has ended does not wait"
        with pytest.raises(ValueError, match="distinct"):
            ray.wait([generator, generator])

    def test_get_says_how_to_read(self) -> None:
        generator = count.remote(1)
        with pytest.raises(ValueError, match=r"ray\.get\(ref\) for ref in generator"):
            ray.get(generator)
        with pytest.raises(TypeError, match=r"ray\.get\(ref\) for ref in generator"):
            ray.get([generator])

    def test_it_stays_where_it_is(self) -> None:
        generator = count.remote(2)
        for leave in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="pass those"):
                leave(generator)
        with pytest.raises(ray.SerializationError, match="pass those"):
            echo.remote(generator)
        with pytest.raises(NotImplementedError, match="cancel"):
            generator.send(1)
        assert ray.get(list(generator)) == [0, 1]

    @pytest.mark.parametrize("limit", [1, 2, 5])
    def test_backpressure(self, tmp_path: Path, limit: int) -> None:
        path = tmp_path / "yielded"
        generator = count_into.options(**{BACKPRESSURE: limit}).remote(path, 8)
        for taken in range(8):
            ahead = min(8, taken + limit)
            eventually(lambda: len(written(path).strip(b"!")) >= ahead)  # noqa: B023
            assert len(written(path).strip(b"!")) == ahead
            assert ray.get(next(generator)) == taken
        with pytest.raises(StopIteration):
            next(generator)

    def test_dropping_frees_what_was_not_taken(self) -> None:
        gc.collect()
        eventually(lambda: statistics()["objects"] == 0)
        generator = count.remote(100)
        kept = next(generator)
        ray.get(generator.completed())
        del generator
        eventually(lambda: statistics()["objects"] == 1)
        assert ray.get(kept) == 0

    def test_dropping_ends_a_pause(self, tmp_path: Path) -> None:
        path = tmp_path / "yielded"
        generator = count_into.options(**{BACKPRESSURE: 2}).remote(path, 100)
        done = generator.completed()
        eventually(lambda: written(path) == b"..")
        del generator
        eventually(lambda: statistics()["tasks"].get("RUNNING", 0) == 0)
        with pytest.raises(ray.TaskCancelledError):
            ray.get(done)
        assert written(path) == b"..!", "it could not clean up"

    def test_dropping_leaves_other_tasks_alone(self, tmp_path: Path) -> None:
        count_into.remote(tmp_path / "yielded", 3)
        eventually(lambda: written(tmp_path / "yielded") == b"...!")

    def test_close_and_cancel(self, tmp_path: Path) -> None:
        limited = count_into.options(**{BACKPRESSURE: 1})
        generator = limited.remote(tmp_path / "closed", 9)
        generator.close()
        assert generator.is_finished()
        assert list(generator) == []
        generator = limited.remote(tmp_path / "cancelled", 9)
        eventually(lambda: written(tmp_path / "cancelled") == b".")
        ray.cancel(generator)
        value, error = generator
        assert ray.get(value) == 0
        with pytest.raises(ray.TaskCancelledError):
            ray.get(error)

    def test_cancel_of_what_has_finished_changes_nothing(self) -> None:
        generator, ref = count.remote(2), echo.remote(3)
        ray.get([generator.completed(), ref])
        ray.cancel(generator)
        ray.cancel(ref, force=True)
        assert ray.get([*generator, ref]) == [0, 1, 3]

    def test_inside_a_task(self) -> None:
        @ray.remote
        def total(n: int) -> Any:
            limited = count.options(**{BACKPRESSURE: 2}).remote(n)
            return sum(ray.get(ref) for ref in limited) + sum(map(ray.get, count.remote(n)))

        assert ray.get([total.remote(10), total.remote(20)]) == [90, 380]

    def test_dynamic(self) -> None:
        ref = count.options(num_returns="dynamic").remote(3)
        assert isinstance(ref, ray.ObjectRef)
        refs = ray.get(ref)
        assert isinstance(refs, ray.DynamicObjectRefGenerator)
        assert len(refs) == 3
        assert ray.get(refs[2]) == 2
        assert ray.get(list(refs)) == ray.get(refs[:3]) == [0, 1, 2]
        assert ray.get(list(ray.get(echo.remote(ref)))) == [0, 1, 2]
        with pytest.raises(ValueError, match="no more"):
            ray.get(count_to_error.options(num_returns="dynamic").remote(2))
