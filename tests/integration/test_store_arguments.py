"""Large arguments by value on a real session: stored once, never stale, announced once."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.errors import LargeArgumentWarning
from ray_jupyter.testing.suite.base import eventually, statistics

SIZE_BYTES = 8_000_000


@pytest.fixture(scope="module", autouse=True)
def running_session() -> Iterator[None]:
    ray.init(num_cpus=2, object_store_memory="1GB")
    yield
    ray.shutdown()


def used_bytes() -> int:
    gc.collect()
    return int(statistics()["store_used_bytes"])


@ray.remote
def total(data: Any, more: Any = None) -> float:
    """Return the sum of an array."""
    return float(data.sum())


def test_one_array_for_many_calls_is_stored_once() -> None:
    array = np.ones(1_000_000)
    assert ray.get([total.remote(array) for _ in range(20)]) == [1_000_000] * 20
    assert used_bytes() < SIZE_BYTES + 8192
    del array
    eventually(lambda: used_bytes() == 0)


def test_each_call_sees_the_array_as_it_was() -> None:
    array = np.zeros(1_000_000)
    results = []
    for number in range(5):
        array[number] = 1
        results.append(total.remote(array))
    assert ray.get(results) == [1, 2, 3, 4, 5]
    del array
    eventually(lambda: used_bytes() == 0)


def test_many_small_arrays_and_large_lists() -> None:
    arrays = [np.full(5000, i) for i in range(50)]
    totals = ray.remote(lambda *arrays: sum(int(a[0]) for a in arrays))
    assert ray.get(totals.remote(*arrays)) == sum(range(50))
    assert ray.get(ray.remote(len).remote(list(range(200_000)))) == 200_000
    eventually(lambda: used_bytes() == 0)


def test_the_user_is_told_once_and_where() -> None:
    array = np.ones(2_000_000)
    with pytest.warns(LargeArgumentWarning, match="'data'") as told:
        ray.get(total.remote(array))
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ray.get([total.remote(array) for _ in range(3)])
    del array, told
    eventually(lambda: used_bytes() == 0)


def test_another_array_at_the_same_address_is_another_copy() -> None:
    """Short-lived arrays reuse addresses; the copy of each goes when the array does."""
    for number in range(20):
        array = np.full(20_000, number)
        assert ray.get(total.remote(array), timeout=20) == 20_000 * number
        del array
    eventually(lambda: statistics()["objects"] == 0)
