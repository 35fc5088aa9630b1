"""Tasks: calling, arguments, results, dependencies, nesting, functions of all kinds."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import functools
import math
import os
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.testing.suite.base import BackendSuite, add, echo


class TaskTests(BackendSuite):
    """What any backend must do with tasks that succeed."""

    def test_result_is_what_the_function_returned(self) -> None:
        assert ray.get(add.remote(1, 2)) == 3

    def test_keywords_and_defaults(self) -> None:
        @ray.remote
        def join(a: str, b: str = "b", *, c: str = "c") -> str:
            return a + b + c

        calls = [join.remote("a"), join.remote("a", "x"), join.remote(b="y", a="a", c="z")]
        assert ray.get(calls) == ["abc", "axc", "ayz"]

    def test_any_number_of_arguments(self) -> None:
        @ray.remote
        def collect(*args: Any, **kwargs: Any) -> Any:
            return args, kwargs

        assert ray.get(collect.remote()) == ((), {})
        assert ray.get(collect.remote(1, 2, x=3)) == ((1, 2), {"x": 3})

    def test_keywords_may_have_any_name(self) -> None:
        @ray.remote
        def collect(**kwargs: Any) -> Any:
            return kwargs

        given = {"self": 1, "args": 2, "template": 3, "name": 4}
        assert ray.get(collect.remote(**given)) == given

    def test_no_result(self) -> None:
        assert echo.options(num_returns=0).remote(1) is None

    @pytest.mark.parametrize("kind", [tuple, list])
    def test_three_results(self, kind: type) -> None:
        @ray.remote(num_returns=3)
        def three() -> Any:
            return kind([1, "two", 3.0])

        refs = three.remote()
        assert len(refs) == 3
        assert ray.get(refs) == [1, "two", 3.0]
        assert ray.get(refs[1]) == "two"

    @pytest.mark.parametrize("result", ["ab", {"a": 1, "b": 2}, range(2)])
    def test_results_are_what_is_returned_taken_apart(self, result: Any) -> None:
        assert ray.get(list(echo.options(num_returns=2).remote(result))) == list(result)

    def test_results_of_one_task_share_its_task_id(self) -> None:
        first, second = echo.options(num_returns=2).remote((1, 2))
        assert first.task_id() == second.task_id()
        assert first.hex() != second.hex()

    def test_generator_with_a_number_of_results(self) -> None:
        @ray.remote(num_returns=2)
        def pair() -> Any:
            yield 1
            yield 2

        assert ray.get(pair.remote()) == [1, 2]

    def test_a_generator_with_a_number_of_results_runs_as_its_task(self) -> None:
        @ray.remote(num_returns=2)
        def pair() -> Any:
            for _ in range(2):
                yield ray.get_runtime_context().get_task_name()

        assert ray.get(list(pair.options(name="named").remote())) == ["named", "named"]

    def test_an_error_in_a_generator_with_a_number_of_results(self) -> None:
        @ray.remote(num_returns=2)
        def broken() -> Any:
            yield 1
            raise TypeError("mine")

        for ref in broken.remote():
            with pytest.raises(TypeError, match="mine"):
                ray.get(ref)

    def test_a_ref_as_argument_is_a_dependency(self) -> None:
        assert ray.get(add.remote(add.remote(1, 2), right=ray.put(4))) == 7

    def test_the_same_ref_twice(self) -> None:
        ref = echo.remote(5)
        assert ray.get(add.remote(ref, ref)) == 10

    def test_long_chain_of_dependencies(self) -> None:
        ref = ray.put(0)
        for _ in range(100):
            ref = add.remote(ref, 1)
        assert ray.get(ref) == 100

    @pytest.mark.parametrize("wrap", [lambda r: [r], lambda r: {"k": (r,)}, lambda r: {r: 1}])
    def test_a_ref_inside_a_value_stays_a_ref(self, wrap: Any) -> None:
        @ray.remote
        def inside(box: Any) -> Any:
            while not isinstance(box, ray.ObjectRef):
                box = next(iter(box.values() if "k" in box else box))
            return ray.get(box)

        assert ray.get(inside.remote(wrap(ray.put("deep")))) == "deep"

    def test_tasks_submit_tasks(self) -> None:
        @ray.remote
        def total(n: int) -> int:
            return sum(ray.get([add.remote(i, i) for i in range(n)]))

        assert ray.get(total.remote(10)) == 90

    def test_a_task_returns_the_ref_of_another(self) -> None:
        @ray.remote
        def start() -> Any:
            return add.remote(20, 22)

        inner = ray.get(start.remote())
        assert isinstance(inner, ray.ObjectRef)
        assert ray.get(inner) == 42

    def test_a_task_puts_and_returns_the_ref(self) -> None:
        @ray.remote
        def store() -> Any:
            return [ray.put(np.arange(1000))]

        assert ray.get(ray.get(store.remote())[0]).sum() == 499500

    def test_recursion(self) -> None:
        @ray.remote
        def fib(n: int) -> int:
            return n if n < 2 else sum(ray.get([fib.remote(n - 1), fib.remote(n - 2)]))

        assert ray.get(fib.remote(8)) == 21

    def test_blocking_deeper_than_there_are_workers(self) -> None:
        @ray.remote
        def depth(n: int) -> int:
            return 0 if n == 0 else 1 + int(ray.get(depth.remote(n - 1)))

        assert ray.get(depth.remote(12)) == 12

    def test_closures_lambdas_partials_builtins(self) -> None:
        offset = 10

        def shift(x: int) -> int:
            return x + offset

        assert ray.get(ray.remote(shift).remote(1)) == 11
        assert ray.get(ray.remote(lambda x: x * offset).remote(2)) == 20
        assert ray.get(ray.remote(functools.partial(shift, x=5)).remote()) == 15
        assert ray.get(ray.remote(math.sqrt).remote(9.0)) == 3.0

    def test_redefinition_runs_the_new_function(self) -> None:
        namespace: dict[str, Any] = {"__name__": "__main__", "ray": ray}
        source = "@ray.remote\ndef version():\n    return {}\n"
        for number in (1, 2):
            exec(source.format(number), namespace)
            assert ray.get(namespace["version"].remote()) == number

    def test_functions_and_classes_of_main(self) -> None:
        namespace: dict[str, Any] = {"__name__": "__main__", "ray": ray}
        exec(_MAIN_SOURCE, namespace)
        assert ray.get(namespace["area"].remote(namespace["Box"](3))) == 9 + namespace["MARGIN"]

    def test_an_edited_global_is_seen_in_the_next_generation(self) -> None:
        namespace: dict[str, Any] = {"__name__": "__main__", "ray": ray, "LEVEL": 1}
        exec("@ray.remote\ndef level():\n    return LEVEL\n", namespace)
        assert ray.get(namespace["level"].remote()) == 1
        namespace["LEVEL"] = 2
        session.new_generation()
        assert ray.get(namespace["level"].remote()) == 2

    def test_called_directly_runs_here(self) -> None:
        @ray.remote
        def pid() -> int:
            return os.getpid()

        assert pid() == os.getpid()

    def test_runs_in_another_process(self) -> None:
        self.needs_processes()
        assert ray.get(ray.remote(os.getpid).remote()) != os.getpid()

    def test_arguments_are_copies(self) -> None:
        @ray.remote
        def extend(items: list[int]) -> list[int]:
            items.append(4)
            return items

        mine = [1, 2, 3]
        assert ray.get(extend.remote(mine)) == [1, 2, 3, 4]
        assert mine == [1, 2, 3]

    def test_a_wrong_call_fails_here(self) -> None:
        for args, kwargs in (((), {}), ((1, 2, 3), {}), ((1,), {"righ": 2})):
            with pytest.raises(TypeError, match=r"add\(\)"):
                add.remote(*args, **kwargs)

    def test_options_of_resources(self) -> None:
        assert ray.get(echo.options(resources={"disk": 2}, num_cpus=0.5).remote(1)) == 1

    def test_typed_function(self) -> None:
        @ray.remote([int, float], [float, str])
        def scale(n: int, factor: float) -> Any:
            return np.float64(n * factor), "ok"

        refs = scale(ray.put(2), np.float64(1.5))
        assert ray.get(refs) == [3.0, "ok"]
        with pytest.raises(TypeError, match=r"scale\(\): argument 0 should be int, got str"):
            scale("2", 1.5)
        with pytest.raises(TypeError, match=r"scale\(\): argument 1 should be float, got str"):
            ray.get(scale(2, ray.put("in the worker"))[0])

    def test_typed_function_with_keywords_defaults_and_more(self) -> None:
        @ray.remote([str, int], [list])
        def collect(name: str, first: int = 1, *others: int, **named: Any) -> Any:
            return [name, first, *others, *sorted(named)]

        @ray.remote([], [])
        def nothing() -> None: ...

        assert ray.get(collect("a")) == ["a", 1]
        assert ray.get(collect("a", ray.put(2), 3, np.int64(4))) == ["a", 2, 3, 4]
        assert ray.get(collect(first=5, name="b", other="c")) == ["b", 5, "other"]
        assert nothing() is None
        with pytest.raises(TypeError, match=r"collect\(\): argument 3 should be int, got float"):
            collect("a", 1, 2, 3.5)
        with pytest.raises(TypeError, match=r"collect\(\): argument 'first' should be int"):
            collect("a", first="b")
        with pytest.raises(TypeError, match=r"nothing\(\): too many"):
            nothing(1)

    def test_typed_function_checks_its_result(self) -> None:
        @ray.remote([], [int])
        def text() -> Any:
            return "seven"

        with pytest.raises(TypeError, match=r"text\(\): result 0 should be int, got str"):
            ray.get(text())


_MAIN_SOURCE = """
MARGIN = 1

class Box:
    def __init__(self, side):
        self.side = side

def square(x):
    return x * x

@ray.remote
def area(box):
    assert isinstance(box, Box)
    return square(box.side) + MARGIN
"""
