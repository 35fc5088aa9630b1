"""The decorator, its options, arity, the typed form."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator
from typing import Any

import cloudpickle
import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter import remote as remote_decorator
from ray_jupyter import session
from ray_jupyter.arity import Arity
from ray_jupyter.options import check_options, make_template


@pytest.fixture(autouse=True)
def inline() -> Iterator[None]:
    with ray.init(mode="inline", num_cpus=2, num_gpus=1):
        yield


def sample(a: int, b: int = 2, *, c: int = 3) -> int:
    """Document."""
    return a + b + c


def test_a_remote_function_looks_like_the_function() -> None:
    wrapped = ray.remote(sample)
    assert (wrapped.__name__, wrapped.__doc__) == ("sample", "Document.")
    assert wrapped.__wrapped__ is sample
    assert inspect.signature(wrapped) == inspect.signature(sample)
    assert wrapped(1) == 6
    assert "sample" in repr(wrapped)


def test_options_make_templates() -> None:
    template = make_template(
        sample,
        "sample",
        check_options({
            "num_cpus": 0.5, "num_gpus": 1, "resources": {"disk": 2}, "memory": 10**6,
            "num_return_vals": 3, "max_retries": -1, "retry_exceptions": [KeyError],
            "name": "mine", "scheduling_strategy": "SPREAD", "enable_task_events": False,
        }),
    )  # fmt: skip
    assert template.resources == {"CPU": 0.5, "GPU": 1.0, "disk": 2.0, "memory": 1e6}
    assert (template.num_returns, template.max_retries, template.name) == (3, -1, "mine")
    assert template.retry_exceptions == (KeyError,)
    assert make_template(sample, "sample", {"num_cpus": 0}).resources == {}


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"num_cpu": 1}, ValueError, "did you mean 'num_cpus'"),
        ({"num_cpus": "1"}, TypeError, "num_cpus must be a number"),
        ({"num_gpus": -1}, ValueError, "num_gpus must be at least 0"),
        ({"num_returns": -1}, ValueError, "num_returns"),
        ({"num_returns": 1.0}, TypeError, "num_returns"),
        ({"num_returns": "streaming"}, ValueError, "sample has no yield"),
        ({"num_returns": "dynamic"}, ValueError, "sample has no yield"),
        ({"num_returns": "many"}, ValueError, "num_returns must be"),
        ({"_generator_backpressure_num_objects": 0}, ValueError, "must be at least 1"),
        ({"_generator_backpressure_num_objects": 2}, ValueError, "is for streams"),
        ({"max_retries": -2}, ValueError, "max_retries"),
        ({"retry_exceptions": KeyError}, TypeError, "retry_exceptions"),
        ({"retry_exceptions": [5]}, TypeError, "retry_exceptions"),
        ({"resources": {"CPU": 1}}, ValueError, "num_cpus="),
        ({"resources": ["disk"]}, TypeError, "resources"),
        ({"memory": -1}, ValueError, "memory"),
        ({"name": 5}, TypeError, "name"),
        ({"runtime_env": {"pip": ["x"]}}, NotImplementedError, "runtime_env"),
        ({"max_calls": -1}, ValueError, "max_calls"),
        ({"scheduling_strategy": "PACK"}, ValueError, "scheduling_strategy"),
        ({"_metadata": 1}, TypeError, "_metadata"),
        ({"label_selector": {"a": "b"}}, ValueError, "label_selector"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        ray.remote(**options)(sample)
    with pytest.raises(error, match=text):
        ray.remote(sample).options(**options)


def test_variants_are_kept_and_inherit() -> None:
    base = ray.remote(num_returns=2, name="base")(sample)
    variant = base.options(num_cpus=2, resources={"disk": 1})
    assert base.options(resources={"disk": 1}, num_cpus=2) is variant
    assert variant._template.num_returns == 2
    for i in range(200):
        base.options(name=f"n{i}")
    assert len(base._variants) <= 64


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), ((5,), {}), (("x",), {"a": 1}), ((int, 5), {}), ((sample,), {"num_cpus": 1})],
)
def test_wrong_use_of_the_decorator(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"@remote"):
        remote_decorator(*args, **kwargs)


def test_decorating_twice_and_functions_that_do_not_run() -> None:
    async def later() -> None: ...

    with pytest.raises(TypeError, match="remote already"):
        ray.remote(ray.remote(sample))
    with pytest.raises(ValueError, match=r"later is an async function.*asyncio\.run"):
        ray.remote(later)


def test_a_new_generation_registers_again() -> None:
    function = ray.remote(sample)
    function.remote(1)
    registered = function._template.registration
    function.remote(1)
    assert function._template.registration is registered is not None
    session.new_generation()
    function._template.registration = "old"
    function.remote(1)
    assert function._template.registration != "old"


def test_a_remote_function_that_knows_itself_can_be_pickled() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__", "ray": ray}
    exec("@ray.remote(num_returns=2)\ndef again():\n    return again, 1\n", namespace)
    copied = pickle.loads(cloudpickle.dumps(namespace["again"]))
    assert copied._template.num_returns == 2
    inner, one = copied()
    assert (inner.__name__, one) == ("again", 1)


def keyword_only(*, a: int) -> None: ...
def anything(*args: int, **kwargs: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "skip", "limits"),
    [(sample, 0, (1, 2)), (sample, 1, (0, 1)), (keyword_only, 0, (1, 0)), (len, 0, (1, 0))],
)
def test_arity_limits(function: Any, skip: int, limits: tuple[int, int]) -> None:
    arity = Arity(function, skip)
    assert (arity.low, arity.high) == limits


def test_arity_checks() -> None:
    assert Arity(anything).low == 0
    Arity(keyword_only).check("k", (), {"a": 1})
    with pytest.raises(TypeError, match=r"k\(\): missing a required"):
        Arity(keyword_only).check("k", (), {})
    travelled = pickle.loads(pickle.dumps(Arity(sample)))
    assert (travelled.low, travelled.high) == (1, 2)
    travelled.check("sample", (), {})


def test_typed_arguments() -> None:
    @ray.remote([int, list[float], np.ndarray, object], [])
    def typed(n: int, items: list[float], array: Any, *rest: Any) -> None: ...

    array = np.ones(2)
    assert typed(np.int64(1), [1.0, np.float64(2)], array) is None
    assert typed(1, [], array, "any", 5) is None
    assert typed(ray.put("refs are not looked into"), [], array) is None
    for args, place in (((1.5, [], array), "0"), ((1, [1], array), "1"), ((1, [], [1]), "2")):
        with pytest.raises(TypeError, match=rf"typed\(\): argument {place} should be"):
            typed(*args)
    with pytest.raises(TypeError, match="argument 'n' should be int, got str"):
        typed(items=[], array=array, n="a")
    with pytest.raises(TypeError, match="missing a required"):
        typed(1)


def test_typed_results() -> None:
    @ray.remote([object], [int, str])
    def pair(value: Any) -> Any:
        return value

    assert ray.get(pair((np.int32(1), "a"))) == [1, "a"]
    for value, text in (
        ((1, 2), "result 1 should be str, got int"),
        ((1,), "returned 1"),
        (5, "returned 1"),
    ):
        with pytest.raises(TypeError, match=text):
            ray.get(pair(value)[0])


def test_typed_declarations_are_checked() -> None:
    with pytest.raises(TypeError, match="needs types, got 5"):
        ray.remote([5], [int])(sample)
    with pytest.raises(TypeError, match="num_returns already"):
        ray.remote([int], [int], num_returns=2)(sample)
