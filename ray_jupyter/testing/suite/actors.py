"""Actors: state, order, errors, handles, death."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import gc
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.backends.base import Capability
from ray_jupyter.testing.suite.base import BackendSuite, add, echo, eventually, statistics


class _Counter:
    """Counts; what the actors of these tests are."""

    def __init__(self, start: int = 0, *, step: int = 1) -> None:
        if start < 0:
            raise ValueError("starts below zero")
        self.count, self.step = start, step

    def add(self, amount: int = 1) -> int:
        self.count += amount * self.step
        return self.count

    @ray.method(num_returns=2)
    def both(self) -> tuple[int, int]:
        return self.count, self.step

    def fail(self) -> None:
        raise KeyError("in a method")

    def append_to(self, items: list[Any]) -> list[Any]:
        return [*items, self.count]

    @staticmethod
    def double(x: int) -> int:
        return 2 * x

    @classmethod
    def name(cls) -> str:
        return cls.__name__

    def __call__(self, x: int) -> int:
        return self.count + x


Counter = ray.remote(_Counter)


class ActorTests(BackendSuite):
    """What any backend must do with actors."""

    def test_calls_run_in_order_on_one_state(self) -> None:
        counter = Counter.remote()
        assert ray.get([counter.add.remote() for _ in range(50)]) == list(range(1, 51))

    def test_constructor_arguments(self) -> None:
        counter = Counter.remote(ray.put(10), step=5)
        assert ray.get(counter.add.remote(amount=2)) == 20

    def test_actors_are_separate(self) -> None:
        first, second = Counter.remote(), Counter.remote(100)
        assert first != second
        assert ray.get([first.add.remote(), second.add.remote()]) == [1, 101]

    def test_methods_take_refs_and_give_refs(self) -> None:
        counter = Counter.remote()
        one = counter.add.remote()
        assert ray.get(add.remote(one, counter.add.remote(one))) == 3
        assert ray.get(counter.append_to.remote([7])) == [7, 2]

    def test_num_returns_of_methods(self) -> None:
        counter = Counter.remote(3)
        assert ray.get(counter.both.remote()) == [3, 1]
        assert ray.get(counter.both.options(num_returns=1).remote()) == (3, 1)
        assert counter.add.options(num_returns=0).remote() is None
        assert ray.get(counter.add.remote()) == 5

    def test_methods_of_all_kinds(self) -> None:
        counter = Counter.remote(1)
        calls = [counter.double.remote(4), counter.name.remote(), counter.__call__.remote(2)]
        assert ray.get(calls) == [8, "_Counter", 3]

    def test_inherited_methods(self) -> None:
        class Loud(_Counter):
            def shout(self) -> str:
                return str(self.add()) + "!"

        loud = ray.remote(Loud).remote()
        assert ray.get([loud.shout.remote(), loud.add.remote()]) == ["1!", 2]

    def test_an_error_of_a_method_leaves_the_actor_alive(self) -> None:
        counter = Counter.remote()
        with pytest.raises(KeyError, match="in a method") as caught:
            ray.get(counter.fail.remote())
        assert isinstance(caught.value, ray.RayTaskError)
        assert ray.get(counter.add.remote()) == 1

    def test_a_failed_constructor_fails_the_calls(self) -> None:
        broken = Counter.remote(-1)
        for _ in range(2):
            with pytest.raises(ray.ActorDiedError, match="starts below zero"):
                ray.get(broken.add.remote())

    def test_a_failed_argument_of_the_constructor_fails_the_calls(self) -> None:
        broken = Counter.remote(ray.remote(lambda: 1 / 0).remote())
        with pytest.raises(ray.ActorDiedError, match="division by zero"):
            ray.get(broken.add.remote())

    def test_kill(self) -> None:
        counter = Counter.remote()
        assert ray.get(counter.add.remote()) == 1
        ray.kill(counter)
        with pytest.raises(ray.ActorDiedError, match="kill"):
            ray.get(counter.add.remote())
        ray.kill(counter)

    def test_kill_refuses_what_is_no_actor(self) -> None:
        with pytest.raises(ValueError, match="cancel"):
            ray.kill(ray.put(1))  # type: ignore[arg-type]  # that is what is tested

    def test_a_handle_passed_to_a_task_is_the_same_actor(self) -> None:
        @ray.remote
        def use(counter: Any, others: list[Any]) -> Any:
            return [ray.get(c.add.remote(10)) for c in (counter, *others)]

        counter = Counter.remote()
        assert ray.get(use.remote(counter, [counter])) == [10, 20]
        assert ray.get(counter.add.remote()) == 21

    def test_a_handle_is_a_value(self) -> None:
        counter = Counter.remote()
        assert ray.get(echo.remote(counter)) == counter
        assert len({counter, ray.get(ray.put(counter))}) == 1

    def test_a_handle_made_in_a_task_outlives_it(self) -> None:
        @ray.remote
        def make() -> Any:
            counter = Counter.remote(5)
            counter.add.remote()
            return counter

        added = ray.get(ray.get(make.remote()).add.remote())
        assert added == 7 or Capability.CAUSAL_ORDER in session.connected().lacks

    def test_an_actor_calls_another(self) -> None:
        class Outer:
            def __init__(self, inner: Any) -> None:
                self.inner = inner

            def add(self) -> Any:
                return ray.get(self.inner.add.remote())

        assert ray.get(ray.remote(Outer).remote(Counter.remote(1)).add.remote()) == 2

    def test_calls_finish_after_the_last_handle_died(self) -> None:
        assert ray.get(Counter.remote(41).add.remote()) == 42

    def test_an_actor_goes_with_its_last_handle(self) -> None:
        gc.collect()
        eventually(lambda: statistics()["objects"] == 0)
        counter = Counter.remote()
        ray.get(counter.add.remote())
        assert statistics()["objects"] == 1
        del counter
        eventually(lambda: statistics()["objects"] == 0)

    def test_misuse_says_what_to_type(self) -> None:
        counter = Counter.remote()
        with pytest.raises(TypeError, match=r"_Counter\.remote"):
            Counter(1)
        with pytest.raises(TypeError, match=r"\.add\.remote"):
            counter.add(1)
        with pytest.raises(AttributeError, match="did you mean 'add'"):
            counter.ad.remote()
        with pytest.raises(TypeError, match="unexpected keyword"):
            counter.add.remote(amuont=2)
        with pytest.raises(TypeError, match="too many"):
            Counter.remote(1, 2)
