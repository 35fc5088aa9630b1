"""What only the inline backend does; the rest is in the backend suite."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.backends import inline_tables
from ray_jupyter.backends.inline_store import InlineStore, Value
from ray_jupyter.runtime.store.serialization import serialize


@pytest.fixture(autouse=True)
def inline() -> Iterator[None]:
    with ray.init(mode="inline", num_cpus=2, resources={"disk": 1}):
        yield


def statistics() -> dict[str, Any]:
    return session.connected().statistics()


def test_the_function_itself_is_called() -> None:
    seen: list[int] = []

    def note(x: int) -> None:
        seen.append(x)

    ray.remote(note).remote(1)
    assert seen == [1]


def test_keyboard_interrupt_is_the_users() -> None:
    @ray.remote
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted.remote()
    assert statistics()["workers_busy"] == 0
    assert statistics()["tasks"]["FAILED"] == 1


def test_what_could_never_run_is_refused() -> None:
    with pytest.raises(ValueError, match=r"asks for 2 disk, and this session has 1"):
        ray.remote(resources={"disk": 2})(abs).remote(-1)


def test_the_traceback_starts_in_the_users_code() -> None:
    @ray.remote
    def fail() -> None:
        raise ValueError("here")

    with pytest.raises(ValueError, match="here") as caught:
        ray.get(fail.remote())
    assert isinstance(caught.value, ray.RayTaskError)
    assert "ray_jupyter/backends" not in caught.value.traceback_str
    assert "test_inline.py" in caught.value.traceback_str


def test_large_and_small_values_are_told_apart() -> None:
    refs = [ray.put(np.zeros(10**5)), ray.put(1)]
    told = statistics()
    assert told["objects"] == len(refs)
    assert told["store_used_bytes"] >= 8 * 10**5
    assert 0 < told["inline_bytes"] < 1000


def test_a_failed_get_holds_nothing() -> None:
    ref = ray.remote(lambda box: 1 / 0).remote([ray.put(1)])
    with pytest.raises(ZeroDivisionError):
        ray.get(ref)
    del ref
    assert statistics()["objects"] == 0


def test_threads_submit_and_nest() -> None:
    @ray.remote
    def spawn() -> list[Any]:
        results: list[Any] = []
        thread = threading.Thread(target=lambda: results.append(ray.get(double.remote(2))))
        thread.start()
        thread.join()
        return results

    double = ray.remote(lambda x: 2 * x)
    assert ray.get(spawn.remote()) == [4]


def test_store_counts() -> None:
    store = InlineStore()
    inner = store.keep(store.mint(1), [Value(serialize("inner"))])
    holding = Value(serialize("outer"))
    holding.contained = (inner,)
    outer = store.keep(store.mint(1), [holding])
    store.drop(inner)
    assert store.release_dropped() == []
    assert store.load([inner])[0] == "inner"
    store.drop(outer)
    assert store.release_dropped() == [outer, inner]
    with pytest.raises(ray.ObjectLostError, match="released"):
        store.load([inner])


def test_versions_of_many_actors_are_read_once_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    @ray.remote
    class Held: ...

    asked: list[Any] = []
    monkeypatch.setattr(inline_tables, "version_of", lambda held: f"{asked.append(held)}@1")
    handles = [Held.remote() for _ in range(3)]
    assert len(ray.util.state.list_actors(detail=True)) == len(handles)
    assert len(asked) == 1
