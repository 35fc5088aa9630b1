"""Methods of actors that yield, plain and asynchronous ones."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter.testing.suite.base import BackendSuite, eventually
from ray_jupyter.testing.suite.generators import BACKPRESSURE, count_into, written


class Counts:
    """An actor whose methods yield."""

    def count(self, n: int) -> Iterator[int]:
        """Yield the numbers below ``n``."""
        yield from range(n)

    @ray.method(num_returns="dynamic")
    def gathered(self, n: int) -> Iterator[int]:
        """Yield the numbers below ``n``."""
        yield from range(n)

    def echo(self, value: Any) -> Any:
        """Return the argument."""
        return value

    def count_into(self, path: Path, n: int) -> Iterator[int]:
        """Do as the task ``count_into``."""
        yield from count_into.__wrapped__(path, n)

    def count_and_leave(self, n: int) -> Iterator[int]:
        """Yield the numbers below ``n``, then end the actor."""
        yield from range(n)
        ray.actor.exit_actor()


class CountsOnLoop(Counts):
    """An actor with an event loop."""

    async def count_slowly(self, path: Path, n: int) -> AsyncIterator[tuple[int, str | None]]:
        """Yield the numbers below ``n`` and the method's name; the file says how it ended."""
        try:
            for i in range(n):
                await asyncio.sleep(0)
                yield i, ray.get_runtime_context().get_task_name()
        except asyncio.CancelledError:
            path.write_bytes(b"cancelled")
            raise
        finally:
            path.write_bytes((path.read_bytes() if path.exists() else b"") + b"!")

    async def wait(self, path: Path) -> AsyncIterator[int]:
        """Yield once, then wait for ever; the file says that it was told to end."""
        yield 0
        try:
            path.with_name("waits").touch()
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            path.write_bytes(b"cancelled")
            raise

    @ray.method(num_returns="dynamic")
    async def gathered_slowly(self, n: int) -> AsyncIterator[int]:
        """Yield the numbers below ``n``."""
        for i in range(n):
            await asyncio.sleep(0)
            yield i

    async def fail_after(self, n: int) -> AsyncIterator[int]:
        """Yield the numbers below ``n``, then raise."""
        for i in range(n):
            yield i
        raise ValueError("no more")


Counter: Any = ray.remote(Counts)


class ActorStreamTests(BackendSuite):
    """Methods of actors that yield."""

    def test_actor_methods(self) -> None:
        actor = Counter.remote()
        assert ray.get(list(actor.count.remote(3))) == [0, 1, 2]
        assert ray.get(actor.count.options(num_returns=2).remote(2)) == [0, 1]
        assert ray.get(list(ray.get(actor.gathered.remote(3)))) == [0, 1, 2]
        limited = actor.count.options(**{BACKPRESSURE: 1}).remote(3)
        after = actor.echo.remote("after")
        assert ray.get(list(limited)) == [0, 1, 2]
        assert ray.get(after) == "after"
        with pytest.raises(ValueError, match="has no yield"):
            actor.echo.options(num_returns="streaming")

    @pytest.mark.parametrize(
        "several", [ray.remote(max_concurrency=2)(Counts), ray.remote(CountsOnLoop)]
    )
    def test_methods_of_actors_that_run_several_calls(self, several: Any, tmp_path: Path) -> None:
        actor, path = several.remote(), tmp_path / "yielded"
        assert ray.get(list(actor.count.remote(3)), timeout=20) == [0, 1, 2]
        assert ray.get(list(ray.get(actor.gathered.remote(3), timeout=20))) == [0, 1, 2]
        limited = actor.count_into.options(**{BACKPRESSURE: 1}).remote(path, 9)
        eventually(lambda: written(path) == b".")
        assert ray.get(actor.echo.remote("meanwhile"), timeout=20) == "meanwhile"
        assert ray.get([next(limited), next(limited)], timeout=20) == [0, 1]
        del limited

        def is_over() -> bool:
            assert ray.get(actor.echo.remote("after"), timeout=20) == "after"
            return written(path).endswith(b"!")

        eventually(is_over)

    def test_asynchronous_generators(self, tmp_path: Path) -> None:
        actor, path = ray.remote(CountsOnLoop).remote(), tmp_path / "end"
        name = "CountsOnLoop.count_slowly"
        values = ray.get(list(actor.count_slowly.remote(path, 3)), timeout=20)
        assert values == [(0, name), (1, name), (2, name)]
        assert path.read_bytes() == b"!"
        assert ray.get(list(ray.get(actor.gathered_slowly.remote(3), timeout=20))) == [0, 1, 2]
        first, error = actor.fail_after.remote(1)
        assert ray.get(first) == 0
        with pytest.raises(ValueError, match="no more"):
            ray.get(error)

    def test_an_asynchronous_generator_is_paused_and_ended(self, tmp_path: Path) -> None:
        actor, path = ray.remote(CountsOnLoop).remote(), tmp_path / "end"
        limited = actor.count_slowly.options(**{BACKPRESSURE: 1}).remote(path, 9)
        assert ray.get(next(limited), timeout=20)[0] == 0
        assert ray.get(actor.echo.remote("meanwhile"), timeout=20) == "meanwhile"
        ray.cancel(limited)
        *_, error = limited
        with pytest.raises(ray.TaskCancelledError):
            ray.get(error, timeout=20)
        eventually(lambda: path.exists() and path.read_bytes() == b"cancelled!")

    def test_an_asynchronous_generator_that_waits_is_cancelled_there(self, tmp_path: Path) -> None:
        self.needs_background()
        actor, path = ray.remote(CountsOnLoop).remote(), tmp_path / "end"
        waits = actor.wait.remote(path)
        assert ray.get(next(waits), timeout=20) == 0
        eventually(path.with_name("waits").exists)
        ray.cancel(waits)
        [error] = waits
        with pytest.raises(ray.TaskCancelledError):
            ray.get(error, timeout=20)
        eventually(path.exists)

    def test_an_actor_that_exits_in_a_stream(self) -> None:
        actor = Counter.remote()
        *values, error = actor.count_and_leave.remote(2)
        assert ray.get(values, timeout=20) == [0, 1]
        with pytest.raises(ray.ActorDiedError, match="exit_actor"):
            ray.get(error, timeout=20)

    def test_a_dead_actor_says_so_in_the_stream(self) -> None:
        actor = Counter.remote()
        ray.get(actor.echo.remote(1))
        ray.kill(actor)
        [ref] = actor.count.remote(3)
        with pytest.raises(ray.ActorDiedError):
            ray.get(ref)
