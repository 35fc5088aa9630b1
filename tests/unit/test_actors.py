"""Actor classes and handles; what actors do is in the backend suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter.actors import ActorClass


@pytest.fixture(autouse=True)
def inline() -> Iterator[None]:
    with ray.init(mode="inline", num_cpus=2):
        yield


class Plain:
    """Document."""

    limit = 5

    def get(self, x: int = 0) -> int:
        return x

    async def later(self) -> None: ...

    def stream(self) -> Iterator[int]:
        yield 1

    async def stream_later(self) -> AsyncIterator[int]:
        yield 1


def test_an_actor_class_looks_like_the_class() -> None:
    actor_class = ray.remote(Plain)
    assert isinstance(actor_class, ActorClass)
    assert (actor_class.__name__, actor_class.__doc__) == ("Plain", "Document.")
    assert actor_class._template.resources == {}
    assert actor_class.options(num_cpus=1)._template.resources == {"CPU": 1.0}
    assert "Plain" in repr(actor_class)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"max_concurrency": 0}, ValueError, "max_concurrency must be at least 1"),
        ({"max_restarts": -2}, ValueError, "max_restarts"),
        ({"max_restarts": None}, TypeError, "max_restarts"),
        ({"lifetime": "for ever"}, ValueError, "'detached'"),
        ({"name": ""}, ValueError, "name must not be empty"),
        ({"namespace": 3}, TypeError, "namespace must be text"),
        ({"get_if_exists": 1}, TypeError, "get_if_exists must be True or False"),
        ({"concurrency_groups": {"io": 0}}, ValueError, r"concurrency_groups\['io'\]"),
        ({"concurrency_groups": [{"name": "io"}]}, TypeError, "must be a dict such as"),
        ({"allow_out_of_order_execution": False}, ValueError, "in no order"),
        ({"enable_tensor_transport": True}, NotImplementedError, "enable_tensor_transport"),
        ({"num_returns": 2}, ValueError, "unknown option 'num_returns' for actors"),
        ({"num_cpu": 2}, ValueError, "did you mean 'num_cpus'"),
    ],
)
def test_options_that_actors_do_not_take(options: dict[str, Any], error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        ray.remote(**options)(Plain)
    with pytest.raises(error, match=text):
        ray.remote(Plain).options(**options)


def test_neutral_values_of_such_options_are_accepted() -> None:
    neutral = {"max_concurrency": None, "max_restarts": 0, "lifetime": None, "name": None}
    assert ray.get(ray.remote(Plain).options(**neutral).remote().get.remote(3)) == 3


def test_only_methods_are_attributes() -> None:
    plain = ray.remote(Plain).remote()
    assert dir(plain) == ["get", "later", "stream", "stream_later"]
    with pytest.raises(AttributeError, match="it has: get, later, stream"):
        _ = plain.limit
    for probe in ("__array__", "_repr_html_", "_ipython_display_"):
        assert not hasattr(plain, probe)


def test_a_method_is_made_once_and_without_a_cycle() -> None:
    plain = ray.remote(Plain).remote()
    assert plain.get is plain.get
    backend = ray.session.connected()
    del plain
    assert backend.statistics()["objects"] == 0


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"num_returns": -1}, ValueError),
        ({"num_return": 1}, ValueError),
        ({"name": "a"}, ValueError),
        ({"_generator_backpressure_num_objects": 0}, ValueError),
        ({"max_task_retries": -2}, ValueError),
        ({"retry_exceptions": [1]}, TypeError),
    ],
)
def test_method_options(options: dict[str, Any], error: type) -> None:
    with pytest.raises(error):
        ray.method(**options)


def test_a_subclass_may_hide_a_method() -> None:
    class Hidden(Plain):
        get = None  # type: ignore[assignment]

    assert "get" not in dir(ray.remote(Hidden).remote())


def test_class_with_a_constructor_in_c() -> None:
    actor = ray.remote(dict).remote([("a", 1)])
    assert ray.get(actor.get.remote("a")) == 1


def test_what_is_set_on_an_actor_class_is_set_on_the_class() -> None:
    class Fresh:
        def get(self) -> int:
            return 1

    actor_class: Any = ray.remote(Fresh)
    old = actor_class.remote()
    actor_class.get = lambda self: 22
    actor_class.more = lambda self, x: x
    new = actor_class.remote()
    assert ray.get([new.get.remote(), new.more.remote(5)]) == [22, 5]
    assert not hasattr(old, "more")
    del actor_class.more
    with pytest.raises(AttributeError, match="has no method 'more'"):
        actor_class.remote().more.remote()
