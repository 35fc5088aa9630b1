"""Utilities and the life of a session: one that is not there yet, one that has ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import ray_jupyter as ray
from ray_jupyter import util
from ray_jupyter.util.multiprocessing import Pool
from ray_jupyter.util.queue import Queue


@pytest.fixture(autouse=True, params=["local", "inline"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("RAY_JUPYTER_MODE", request.param)
    monkeypatch.setenv("RAY_JUPYTER_NUM_CPUS", "2")
    yield request.param
    ray.shutdown()


def test_a_pool_starts_a_session_of_its_size() -> None:
    with Pool(3) as pool:
        assert ray.cluster_resources()["CPU"] == 3
        assert pool.map(abs, [-1, -2]) == [1, 2]


def test_the_others_start_the_default_one() -> None:
    assert list(util.map(abs, [-1])) == [1]
    ray.shutdown()
    with util.Executor() as executor:
        assert executor.submit(abs, -1).result() == 1
    ray.shutdown()
    queue = Queue()
    queue.put(1)
    assert queue.get() == 1


def test_what_is_left_of_an_ended_session_says_so() -> None:
    ray.init()
    pool, queue = Pool(1), Queue()
    actors = util.ActorPool([ray.remote(dict).remote()])
    results = util.as_completed([ray.put(1)])
    assert pool.apply(abs, (-1,)) == 1
    ray.shutdown()
    for call in (
        lambda: pool.apply(abs, (-1,)), queue.get, lambda: queue.put(1), lambda: next(results),
        lambda: actors.submit(lambda actor, value: actor.get.remote(value), 1),
    ):  # fmt: skip
        with pytest.raises(ray.StaleRefError):
            call()
        assert not ray.is_initialized()
    queue.shutdown()
    pool.terminate()
    pool.join()
