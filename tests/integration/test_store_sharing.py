"""Large values are stored once, seen by all, read-only, and kept by whatever looks at them."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.testing.suite.base import echo, eventually, statistics

MB_100 = 12_500_000
"""Doubles in 100 MB."""
PAGE_BYTES = 4096
HEADER_BYTES = 2 * PAGE_BYTES
"""More than the pickle around one array takes."""

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc"
)


@pytest.fixture(scope="module", autouse=True)
def running_session() -> Iterator[None]:
    ray.init(num_cpus=2, object_store_memory="1GB")
    yield
    ray.shutdown()


@pytest.fixture(autouse=True)
def nothing_stored() -> Iterator[None]:
    """Each test begins and ends with an empty store."""
    yield
    eventually(lambda: statistics()["objects"] == used_bytes() == 0)


def used_bytes() -> int:
    gc.collect()
    return int(statistics()["store_used_bytes"])


def anonymous_bytes() -> int:
    """Return this process's own memory. (Shared pages that nobody else maps at the moment
    count as ``Private``, so that would not tell.)"""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no such line")


@ray.remote
def place_of(array: Any) -> tuple[str, str, str, int]:
    """Return where in which shared file the array's first byte is."""
    with Path("/proc/self/maps").open() as lines:
        for line in lines:
            addresses, permissions, offset, device, inode, *_ = line.split()
            first, last = (int(text, 16) for text in addresses.split("-"))
            if first <= array.ctypes.data < last:
                at = int(offset, 16) + array.ctypes.data - first
                return permissions[3], device, inode, at
    raise AssertionError("not mapped")


@needs_proc
def test_get_takes_no_memory_of_its_own() -> None:
    ref = ray.put(np.ones(MB_100))
    before = anonymous_bytes()
    got = ray.get(ref)
    assert got.sum() == MB_100
    again = ray.get(ref)
    assert np.shares_memory(got, again)
    assert anonymous_bytes() - before < 10_000_000
    assert used_bytes() < 100_000_000 + HEADER_BYTES


@needs_proc
def test_driver_and_workers_see_the_same_pages() -> None:
    ref = ray.put({"box": [np.arange(1_000_000)]})
    here = place_of(ray.get(ref)["box"][0])
    there = ray.get(ray.remote(lambda box: place_of(box["box"][0])).remote(ref))
    assert here == there
    assert here[0] == "s", "a shared mapping"


@needs_proc
def test_an_array_passed_to_ten_tasks_is_stored_once() -> None:
    ref = ray.put(np.ones(MB_100))
    places = ray.get([place_of.remote(ref) for _ in range(10)])
    assert len(set(places)) == 1
    assert used_bytes() < 100_000_000 + HEADER_BYTES
    assert statistics()["spilled_bytes"] == 0


@needs_proc
def test_a_returned_array_is_stored_once() -> None:
    @ray.remote
    def make() -> Any:
        return np.arange(MB_100)

    ref = make.remote()
    before = anonymous_bytes()
    got = ray.get(ref)
    assert got[-1] == MB_100 - 1
    assert anonymous_bytes() - before < 10_000_000
    assert used_bytes() < 100_000_000 + HEADER_BYTES
    assert ray.get(place_of.remote(ref)) == place_of(got)


@needs_proc
def test_an_array_handed_through_a_chain_of_tasks_is_stored_once_per_task() -> None:
    first = ray.put(np.ones(1_000_000))
    last = echo.remote([echo.remote([first])])
    (inner,) = ray.get(ray.get(last)[0])
    assert inner == first
    assert used_bytes() < 8_000_000 + HEADER_BYTES
    del inner


def test_many_tasks_of_one_object() -> None:
    for value, length in ((np.ones(1_000_000), 1_000_000), (b"x" * 8_000_000, 8_000_000)):
        ref = ray.put(value)
        lengths = ray.get([ray.remote(len).remote(ref) for _ in range(200)])
        assert set(lengths) == {length}
        del ref


def test_arrays_are_read_only_and_stay_so() -> None:
    ref = ray.put([np.ones(1_000_000), np.ones(3)])
    for array in ray.get(ref):
        assert not array.flags.writeable
        for view in (array, array[1:], array.reshape(-1, 1), array.view(np.int64)):
            with pytest.raises(ValueError, match="read-only"):
                view[0] = 2
            with pytest.raises(ValueError, match="cannot set WRITEABLE"):
                view.setflags(write=True)
        assert memoryview(array).readonly
        with pytest.raises(ValueError, match="read-only"):
            np.add(array, 1, out=array)
    del array, view


def test_arguments_are_read_only_in_the_worker() -> None:
    @ray.remote
    def change(array: Any) -> None:
        array[0] = 2

    ref = ray.put(np.ones(1_000_000))
    with pytest.raises(ValueError, match="read-only"):
        ray.get(change.remote(ref))
    assert ray.get(ref)[0] == 1


def test_arrays_are_aligned() -> None:
    value = [np.ones(n, np.uint8) for n in (1, 65, 1_000_003, 7, 500_001)]
    addresses = [array.ctypes.data for array in ray.get(ray.put(value))]
    assert {address % 64 for address in addresses} == {0}


DERIVED: dict[str, Callable[[Any], Any]] = {
    "itself": lambda a: a,
    "slice": lambda a: a[100:],
    "reshaped": lambda a: a.reshape(1000, 1000).T[::2],
    "other dtype": lambda a: a.view(np.uint8),
    "memoryview": memoryview,
    "cast memoryview": lambda a: memoryview(a).cast("B")[8:].cast("B"),
    "from buffer": lambda a: np.frombuffer(a, np.int64)[5:],
    "iterator": lambda a: a.flat,
    "element view": lambda a: a[7:8],
    "masked": lambda a: np.ma.masked_array(a),
    "pickle buffer": pickle.PickleBuffer,
    "subclass": lambda a: a.view(np.recarray),
    "as strided": lambda a: np.lib.stride_tricks.sliding_window_view(a, 10),
    "in a cycle": lambda a: _in_a_cycle(a),
}


def _in_a_cycle(array: Any) -> list[Any]:
    cycle = [array]
    cycle.append(cycle)
    return cycle


@pytest.mark.parametrize("name", DERIVED)
def test_whatever_is_made_of_an_array_keeps_it(name: str) -> None:
    ref = ray.put(np.arange(1_000_000))
    derived = DERIVED[name](ray.get(ref))
    del ref
    eventually(lambda: statistics()["objects"] == 0)
    others = [ray.put(np.zeros(1_000_000, np.int64)) for _ in range(3)]
    assert used_bytes() > 4 * 8_000_000, "its memory is still its own"
    expected = DERIVED[name](np.arange(1_000_000))
    if isinstance(derived, list):
        derived[0], expected = derived[0], expected[0]
        np.testing.assert_array_equal(derived[0], expected)
    elif isinstance(derived, (memoryview, pickle.PickleBuffer)):
        assert bytes(derived) == bytes(expected)
    else:
        np.testing.assert_array_equal(np.asarray(derived), np.asarray(expected))
    del others, derived
    eventually(lambda: used_bytes() == 0)


@pytest.mark.parametrize(
    "copy",
    [np.copy, lambda a: pickle.loads(pickle.dumps(a)), lambda a: a + 0, lambda a: a[[1, 2]]],
    ids=["copy", "pickled", "computed", "fancy index"],
)
def test_a_copy_does_not_keep_the_memory(copy: Callable[[Any], Any]) -> None:
    mine = copy(ray.get(ray.put(np.arange(1_000_000))))
    eventually(lambda: used_bytes() == 0)
    mine[0] = 5
    assert mine[0] == 5


def test_each_array_of_a_value_keeps_the_whole_value() -> None:
    one, two = ray.get(ray.put([np.zeros(500_000), np.ones(500_000)]))
    del one
    assert used_bytes() > 8_000_000
    assert two.sum() == 500_000
    del two
    eventually(lambda: used_bytes() == 0)


def test_freed_pages_are_used_again() -> None:
    array = np.ones(1_000_000)
    ref = ray.put(array)
    size = used_bytes()
    warm_before = statistics()["store_warm_bytes"]
    del ref
    eventually(lambda: used_bytes() == 0)
    assert statistics()["store_warm_bytes"] == warm_before + size
    ref = ray.put(array)
    assert (used_bytes(), statistics()["store_warm_bytes"]) == (size, warm_before)
    assert ray.get(ref).sum() == 1_000_000


LARGE: dict[str, Any] = {
    "Fortran order": np.asfortranarray(np.arange(1e6).reshape(1000, 1000)),
    "strided": np.arange(1_000_000)[::3],
    "structured": np.zeros(200_000, dtype=[("a", "i4"), ("b", "f8")]),
    "objects": np.array([*range(200_000), None], dtype=object),
    "text": np.array(["abc", "de"] * 100_000),
    "dates": np.arange("2000", "2600", dtype="datetime64[D]"),
    "big-endian": np.arange(200_000, dtype=">i8"),
    "bytes": b"x" * 1_000_000,
    "str": "ü" * 1_000_000,
    "bytearray": bytearray(b"y" * 1_000_000),
    "list": list(range(200_000)),
    "set": set(range(100_000)),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_values_of_every_kind(name: str) -> None:
    value = LARGE[name]
    for ref in (ray.put(value), echo.remote(ray.put(value)), echo.remote([value])):
        got = ray.get(ref)
        got = got[0] if isinstance(got, list) and len(got) == 1 else got
        assert type(got) is type(value)
        if isinstance(value, np.ndarray):
            assert got.dtype == value.dtype
            np.testing.assert_array_equal(got, value)
        else:
            assert got == value


def test_masked_arrays_and_objects_with_arrays() -> None:
    @dataclass
    class Measured:
        name: str
        values: Any

    value = {
        "measured": Measured("m", np.arange(500_000)),
        "masked": np.ma.masked_array(np.arange(500_000), mask=np.arange(500_000) % 2),
        "empty": np.empty((0, 3)),
        "point": np.array(1.5),
    }
    for ref in (ray.put(value), echo.remote(value)):
        got = ray.get(ref)
        assert got["measured"].name == "m"
        np.testing.assert_array_equal(got["measured"].values, value["measured"].values)
        assert not got["measured"].values.flags.writeable
        assert got["masked"].sum() == value["masked"].sum()
        assert (got["empty"].shape, got["point"][()]) == ((0, 3), 1.5)
