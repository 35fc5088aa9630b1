"""Objects: values of all kinds, references, waiting, and when values are let go."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import asyncio
import copy
import gc
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.testing.suite.base import (
    BackendSuite,
    add,
    echo,
    eventually,
    fail,
    statistics,
    wait_for_file,
)

VALUES: list[Any] = [
    None, True, 0, -(2**70), 1.5, 2j, "text", "", b"", b"x" * 200_000, bytearray(b"abc"),
    [], {}, (1, [2, {"three": {4}}]), frozenset({1}), range(3), ..., print, Path("a"),
]  # fmt: skip
ARRAYS: list[Any] = [
    np.array(3.5), np.empty((0, 3)), np.arange(6).reshape(2, 3), np.arange(10)[::2],
    np.asfortranarray(np.ones((3, 4))), np.array(["a", "bc"]), np.array([True, False]),
    np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), np.zeros((300, 1000)),
    np.array(["2026-01-01"], dtype="datetime64[D]"), np.array([1, "a", None], dtype=object),
]  # fmt: skip


class ObjectTests(BackendSuite):
    """What any backend must do with values and references."""

    @pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
    def test_values_come_back_equal(self, value: Any) -> None:
        assert ray.get(ray.put(value)) == value
        assert ray.get(echo.remote(value)) == value

    @pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
    def test_arrays_come_back_equal(self, array: Any) -> None:
        for ref in (ray.put(array), echo.remote(array)):
            got = ray.get(ref)
            assert (got.dtype, got.shape) == (array.dtype, array.shape)
            np.testing.assert_array_equal(got, array)

    @pytest.mark.parametrize("size", [10, 1_000_000])
    def test_arrays_are_read_only(self, size: int) -> None:
        got = ray.get(ray.put(np.ones(size)))
        with pytest.raises(ValueError, match="read-only"):
            got[0] = 2

    def test_an_array_outlives_its_reference(self) -> None:
        ref = ray.put(np.arange(1_000_000))
        got = ray.get(ref)
        del ref
        gc.collect()
        others = [ray.put(np.zeros(1_000_000)) for _ in range(3)]
        assert got[-1] == 999_999
        assert len(others) == 3

    def test_get_of_a_list_or_tuple_is_a_list(self) -> None:
        refs = [ray.put(i) for i in range(3)]
        assert ray.get(refs) == ray.get(tuple(refs)) == [0, 1, 2]
        assert ray.get([refs[0], refs[0]]) == [0, 0]
        assert ray.get([]) == []

    def test_get_refuses_what_is_no_reference(self) -> None:
        with pytest.raises(ValueError, match=r"got 5 \(int\)"):
            ray.get(5)  # type: ignore[call-overload]  # that is what is tested
        with pytest.raises(TypeError, match="item 1 is 'a'"):
            ray.get([ray.put(1), "a"])  # type: ignore[arg-type]  # that is what is tested
        with pytest.raises(TypeError, match="nested list"):
            ray.get([[ray.put(1)]])  # type: ignore[arg-type]  # that is what is tested

    def test_put_refuses_a_reference(self) -> None:
        with pytest.raises(TypeError, match="in the store already"):
            ray.put(ray.put(1))
        assert ray.get(ray.get(ray.put([ray.put(1)]))) == [1]

    def test_references_are_names(self) -> None:
        first, second = ray.put(1), ray.put(1)
        assert first != second
        assert first == copy.copy(first) == copy.deepcopy([first])[0]
        assert {first: "a", second: "b"}[copy.copy(first)] == "a"
        assert first.hex() in repr(first)

    def test_a_reference_is_not_iterable(self) -> None:
        with pytest.raises(TypeError, match=r"ray\.get"):
            list(ray.put([1]))

    def test_futures(self) -> None:
        future = add.remote(1, 2).future()
        assert isinstance(future, Future)
        assert future.result(timeout=20) == 3
        assert isinstance(fail.remote().future().exception(timeout=20), ValueError)

    def test_await(self) -> None:
        async def both() -> Any:
            return await asyncio.gather(add.remote(1, 2), add.remote(3, 4))

        async def failing() -> None:
            await fail.remote("late")

        assert asyncio.run(both()) == [3, 7]
        with pytest.raises(ValueError, match="late"):
            asyncio.run(failing())

    def test_get_times_out(self, tmp_path: Path) -> None:
        self.needs_background()
        ref = wait_for_file.remote(tmp_path / "go", "done")
        for timeout in (0, 0.01):
            with pytest.raises(TimeoutError) as caught:
                ray.get(ref, timeout=timeout)
            assert isinstance(caught.value, ray.GetTimeoutError)
        (tmp_path / "go").touch()
        assert ray.get(ref, timeout=20) == "done"

    def test_get_with_timeout_0_of_what_is_there(self) -> None:
        assert ray.get(ray.put(1), timeout=0) == 1

    def test_wait_keeps_the_order(self) -> None:
        refs = [echo.remote(i) for i in range(6)]
        ray.get(refs)
        assert ray.wait(refs, num_returns=6) == (refs, [])
        assert ray.wait(refs, num_returns=2) == (refs[:2], refs[2:])
        assert ray.wait(refs) == (refs[:1], refs[1:])
        assert ray.wait([]) == ([], [])

    def test_wait_returns_what_is_ready(self, tmp_path: Path) -> None:
        self.needs_background()
        slow = wait_for_file.remote(tmp_path / "go")
        quick = echo.remote(1)
        assert ray.wait([slow, quick], num_returns=1) == ([quick], [slow])
        assert ray.wait([slow, quick], num_returns=2, timeout=0.01) == ([quick], [slow])
        assert ray.wait([slow], timeout=0) == ([], [slow])
        (tmp_path / "go").touch()
        assert ray.wait([slow, quick], num_returns=2) == ([slow, quick], [])

    def test_wait_counts_failed_tasks_as_ready(self) -> None:
        ref = fail.remote()
        assert ray.wait([ref]) == ([ref], [])

    def test_wait_refuses_bad_arguments(self) -> None:
        ref = ray.put(1)
        with pytest.raises(TypeError, match="list"):
            ray.wait(ref)  # type: ignore[arg-type]  # that is what is tested
        with pytest.raises(ValueError, match="twice"):
            ray.wait([ref, ref])
        for num_returns in (0, 2):
            with pytest.raises(ValueError, match=f"num_returns={num_returns}"):
                ray.wait([ref], num_returns=num_returns)
        with pytest.raises(ValueError, match="timeout=-1"):
            ray.wait([ref], timeout=-1)

    def test_objects_go_with_their_last_reference(self) -> None:
        before = self.objects_settled()
        refs = [ray.put(i) for i in range(5)] + [echo.remote(i) for i in range(5)]
        ray.get(refs)
        assert statistics()["objects"] == before + 10
        copied = copy.copy(refs[0])
        del refs
        eventually(lambda: statistics()["objects"] == before + 1)
        del copied
        eventually(lambda: statistics()["objects"] == before)

    def test_a_value_holds_the_references_inside(self) -> None:
        before = self.objects_settled()
        outer = ray.put({"inner": [ray.put("inside")]})
        assert statistics()["objects"] == before + 2
        assert ray.get(ray.get(outer)["inner"]) == ["inside"]
        del outer
        eventually(lambda: statistics()["objects"] == before)

    def test_a_queued_task_holds_its_arguments(self, tmp_path: Path) -> None:
        self.needs_background()
        gate = wait_for_file.remote(tmp_path / "go", 1)
        total = add.remote(gate, ray.put(41))
        inside = ray.remote(lambda _, box: ray.get(box[0])).remote(gate, [ray.put("in")])
        del gate
        gc.collect()
        (tmp_path / "go").touch()
        assert ray.get([total, inside]) == [42, "in"]

    def test_a_failed_task_lets_go_of_its_arguments(self) -> None:
        before = self.objects_settled()
        ref = ray.remote(lambda _: 1 / 0).remote(ray.put(1))
        with pytest.raises(ZeroDivisionError):
            ray.get(ref)
        del ref
        eventually(lambda: statistics()["objects"] == before)

    def test_a_task_that_ended_lets_go_of_what_was_inside_its_arguments(self) -> None:
        before = self.objects_settled()
        for work in (lambda box: ray.get(box[0]), lambda box: 1 / 0):
            ref = ray.remote(work).remote([ray.put(1)])
            ray.wait([ref])
            del ref
            eventually(lambda: statistics()["objects"] == before)

    def objects_settled(self) -> int:
        """Return the number of objects once no garbage of earlier tests is left in it."""
        gc.collect()
        eventually(lambda: statistics()["objects"] == 0)
        return int(statistics()["objects"])
