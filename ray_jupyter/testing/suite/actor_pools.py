"""``util.ActorPool``: order, which actors are free, failures."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter.testing.suite.base import BackendSuite, wait_for_file
from ray_jupyter.util import ActorPool


class _Doubler:
    """What the pools of these tests are made of."""

    def double(self, x: Any) -> Any:
        return 2 * x

    def wait(self, path: Path, result: Any) -> Any:
        return wait_for_file(path, result)

    def fail(self, x: Any) -> None:
        raise KeyError(x)

    @ray.method(num_returns=2)
    def both(self, x: Any) -> Any:
        return x, 2 * x


Doubler = ray.remote(_Doubler)


def _double(actor: Any, value: Any) -> Any:
    return actor.double.remote(value)


class ActorPoolTests(BackendSuite):
    """What a pool of actors must do on any backend."""

    def test_map_keeps_the_order(self) -> None:
        pool = ActorPool([Doubler.remote(), Doubler.remote()])
        assert list(pool.map(_double, range(7))) == [0, 2, 4, 6, 8, 10, 12]
        assert sorted(pool.map_unordered(_double, iter(range(7)))) == [0, 2, 4, 6, 8, 10, 12]
        assert list(pool.map(_double, [])) == []

    def test_map_drops_what_was_submitted_before(self) -> None:
        pool = ActorPool([Doubler.remote()])
        for number in range(3):
            pool.submit(_double, number)
        assert list(pool.map(_double, [5])) == [10]

    def test_submit_and_get(self) -> None:
        pool = ActorPool([Doubler.remote(), Doubler.remote()])
        assert (pool.has_next(), pool.has_free()) == (False, True)
        for number in range(3):
            pool.submit(_double, number)
        assert (pool.has_next(), pool.has_free()) == (True, False)
        assert [pool.get_next(), pool.get_next(timeout=20), pool.get_next()] == [0, 2, 4]
        with pytest.raises(StopIteration):
            pool.get_next()
        with pytest.raises(StopIteration):
            pool.get_next_unordered()

    def test_mixing_the_orders(self) -> None:
        pool = ActorPool([Doubler.remote(), Doubler.remote()])
        pool.submit(lambda actor, value: actor.double.remote(value), 1)
        pool.submit(_double, 2)
        first = pool.get_next_unordered(timeout=20)
        if first == 2:  # the second is next, as the first has been returned
            assert pool.get_next() == 4
        else:
            with pytest.raises(ValueError, match="order"):
                pool.get_next()

    def test_several_results_per_call(self) -> None:
        pool = ActorPool([Doubler.remote()])
        assert list(pool.map(lambda a, v: a.both.remote(v), [1, 2])) == [[1, 2], [2, 4]]
        assert list(pool.map_unordered(lambda a, v: a.both.remote(v), [3])) == [[3, 6]]

    def test_push_and_pop(self) -> None:
        first, second = Doubler.remote(), Doubler.remote()
        pool = ActorPool([first])
        pool.submit(_double, 1)
        pool.submit(_double, 2)
        assert pool.pop_idle() is None
        with pytest.raises(ValueError, match="already"):
            pool.push(first)
        pool.push(second)  # the value that waits goes to it
        assert [pool.get_next(), pool.get_next()] == [2, 4]
        assert {pool.pop_idle(), pool.pop_idle(), pool.pop_idle()} == {first, second, None}

    def test_timeouts(self, tmp_path: Path) -> None:
        self.needs_background()
        pool = ActorPool([Doubler.remote()])
        pool.submit(lambda a, v: a.wait.remote(tmp_path / "go", v), 1)
        for get in (pool.get_next, pool.get_next_unordered):
            with pytest.raises(TimeoutError):
                get(timeout=0.01)
        pool.submit(_double, 2)
        with pytest.raises(TimeoutError, match="dropped"):
            pool.get_next(timeout=0.01, ignore_if_timedout=True)
        (tmp_path / "go").touch()
        assert pool.get_next(timeout=20) == 4

    def test_a_failed_call_leaves_the_actor_in_the_pool(self) -> None:
        pool = ActorPool([Doubler.remote()])
        pool.submit(lambda a, v: a.fail.remote(v), 1)
        pool.submit(_double, 2)
        with pytest.raises(KeyError):
            pool.get_next()
        assert pool.get_next() == 4

    def test_a_dead_actor_leaves_it(self) -> None:
        dead, alive = Doubler.remote(), Doubler.remote()
        ray.kill(dead)
        pool = ActorPool([alive, dead])  # the last is the first to be taken
        pool.submit(_double, 1)
        with pytest.raises(ray.ActorDiedError):
            pool.get_next()
        assert list(pool.map(_double, [1, 2, 3])) == [2, 4, 6]

    def test_no_actor_is_left(self) -> None:
        dead = Doubler.remote()
        ray.kill(dead)
        pool = ActorPool([dead])
        pool.submit(_double, 1)
        pool.submit(_double, 2)
        with pytest.raises(ray.ActorDiedError):
            pool.get_next()
        with pytest.raises(ray.ActorDiedError, match="1 values wait"):
            pool.get_next()
        pool.push(Doubler.remote())
        assert pool.get_next() == 4

    def test_misused_actor_pools(self) -> None:
        pool = ActorPool([Doubler.remote()])
        with pytest.raises(TypeError, match="must return a ref"):
            pool.submit(lambda actor, value: value, 1)
        assert pool.has_free()
        with pytest.raises(TypeError, match="handles"):
            pool.push(_Doubler())
