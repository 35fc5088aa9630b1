"""Many threads, futures, asyncio, recursion and blocking: no deadlock, every result right."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.testing.suite.base import echo, eventually, statistics, wait_for_file


@pytest.fixture(scope="module", params=[1, 2], ids=["1 worker", "2 workers"])
def session(request: pytest.FixtureRequest) -> Iterator[int]:
    ray.init(num_cpus=request.param, resources={"disk": 2})
    yield request.param
    ray.shutdown()


@pytest.fixture(autouse=True)
def still_works(session: int) -> Iterator[None]:
    yield
    assert ray.get([echo.remote(i) for i in range(30)], timeout=20) == list(range(30))
    total = ray.cluster_resources()
    eventually(lambda: ray.available_resources() == total)


@ray.remote
def square(i: int) -> int:
    return i * i


@ray.remote
def fib(n: int) -> int:
    return n if n < 2 else sum(ray.get([fib.remote(n - 1), fib.remote(n - 2)]))


@ray.remote
def chain(depth: int) -> int:
    return 1 + ray.get(chain.remote(depth - 1)) if depth else 0


@ray.remote
def chain_of_arguments(depth: int, below: Any = None) -> int:
    """Like ``chain``, but the child waits for an argument: it cannot run in place at once."""
    return 1 + ray.get(chain_of_arguments.remote(depth - 1, echo.remote(depth))) if depth else 0


def test_eight_threads_submit_and_get() -> None:
    wrong: list[Any] = []

    def work(thread: int) -> None:
        try:
            for start in range(0, 500, 50):
                numbers = range(thread * 1000 + start, thread * 1000 + start + 50)
                values = ray.get([square.remote(i) for i in numbers], timeout=40)
                assert values == [i * i for i in numbers]
        except BaseException as error:  # shown by the assertion below
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_threads_mix_everything() -> None:
    def work(i: int) -> Any:
        if i % 4 == 0:
            return ray.get(ray.put(np.full(20_000, i)), timeout=20)[7]
        if i % 4 == 1:
            ready, _ = ray.wait([square.remote(i), square.remote(i)], timeout=20)
            return ray.get(ready[0]) // max(1, i)
        if i % 4 == 2:
            return ray.get(echo.remote(echo.remote(i)), timeout=20)
        return echo.remote(i).future().result(20)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(400), timeout=40)) == list(range(400))


def test_one_reference_awaited_by_many_threads(tmp_path: Path) -> None:
    ref = wait_for_file.remote(tmp_path / "go", "there")
    with ThreadPoolExecutor(8) as pool:
        results = [pool.submit(ray.get, ref, timeout=20) for _ in range(8)]
        (tmp_path / "go").touch()
        assert [result.result(20) for result in results] == ["there"] * 8


def test_futures_as_completed() -> None:
    futures = {square.remote(i).future(): i for i in range(300)}
    for future in as_completed(futures, timeout=30):
        assert future.result() == futures[future] ** 2


def test_asyncio_gather() -> None:
    async def main() -> list[int]:
        return list(await asyncio.gather(*[square.remote(i) for i in range(500)]))

    assert asyncio.run(asyncio.wait_for(main(), 30)) == [i * i for i in range(500)]


def test_asyncio_errors_and_timeouts(tmp_path: Path) -> None:
    async def main() -> None:
        slow = wait_for_file.remote(tmp_path / "go")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(slow, 0.02)
        (tmp_path / "go").touch()
        with pytest.raises(ZeroDivisionError):
            await ray.remote(lambda: 1 // 0).remote()
        await slow

    asyncio.run(main())


@pytest.mark.parametrize("task", [chain, chain_of_arguments], ids=["chain", "with arguments"])
def test_a_deep_chain_of_blocking_gets(task: Any, session: int) -> None:
    assert ray.get(task.remote(60), timeout=40) == 60
    assert statistics()["workers"] <= session + 64


def test_fib() -> None:
    before = statistics()["workers"]  # spares of the tests before may still be there
    assert ray.get(fib.remote(12), timeout=40) == 144
    assert statistics()["workers"] <= max(before, 16)


def test_wide_then_deep() -> None:
    @ray.remote
    def tree(depth: int) -> int:
        if not depth:
            return 1
        return sum(ray.get([tree.remote(depth - 1) for _ in range(4)]))

    assert ray.get(tree.remote(4), timeout=40) == 4**4


def test_tasks_of_different_resources_wait_for_each_other() -> None:
    @ray.remote(num_cpus=0.5)
    def half(depth: int) -> int:
        return 1 + ray.get(disk.remote(depth - 1)) if depth else 0

    @ray.remote(num_cpus=0, resources={"disk": 2})
    def disk(depth: int) -> int:
        return 1 + ray.get(nothing.remote(depth - 1)) if depth else 0

    @ray.remote(num_cpus=0)
    def nothing(depth: int) -> int:
        return 1 + ray.get(half.remote(depth - 1)) if depth else 0

    assert ray.get([half.remote(12) for _ in range(4)], timeout=40) == [12] * 4


def test_children_of_many_blocked_parents(session: int) -> None:
    @ray.remote
    def leaf(i: int) -> int:
        return i

    @ray.remote
    def parent(i: int) -> int:
        refs = [leaf.remote(i + j) for j in range(5)]
        ready, rest = ray.wait(refs, num_returns=2)
        return sum(ray.get(ready)) + sum(ray.get(rest))

    values = ray.get([parent.remote(i) for i in range(40)], timeout=40)
    assert values == [5 * i + 10 for i in range(40)]
    assert statistics()["workers"] <= session + 64


def test_threads_inside_a_task() -> None:
    @ray.remote
    def threaded() -> list[int]:
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda i: ray.get(square.remote(i)), range(40)))

    assert ray.get(threaded.remote(), timeout=40) == [i * i for i in range(40)]
