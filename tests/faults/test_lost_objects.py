"""Spilled values whose files are deleted or damaged: made again, or an error that says why not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.testing.faults import attempt
from ray_jupyter.testing.suite.base import eventually, statistics

LENGTH = 1_000_000
PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spilled")


@pytest.fixture(scope="module", autouse=True)
def running_session(folder: Path) -> Iterator[None]:
    ray.init(num_cpus=1, object_store_memory=36_000_000, spill_dir=str(folder))
    yield
    ray.shutdown()
    assert list(folder.iterdir()) == [], "files end with the session"


@ray.remote
def make(log: Path, number: float) -> Any:
    """Return an array of 8 MB; note in ``log`` that it was made."""
    attempt(log)
    return np.full(LENGTH, number)


@ray.remote
def double(array: Any, log: Path) -> Any:
    attempt(log)
    return array * 2


@ray.remote
def total(array: Any) -> float:
    return float(array.sum())


def spill(folder: Path, *refs: ray.ObjectRef[Any]) -> list[Path]:
    """Fill the store with arrays that are looked at, until these are on disk; return their files."""
    names = [f"*/{int(ref.hex()[-16:], 16):x}-*" for ref in refs]
    views = []
    while not all(list(folder.glob(name)) for name in names):
        assert len(views) < 4, "the store is full of views"
        views.append(ray.get(ray.put(np.zeros(LENGTH))))
    return [path for name in names for path in folder.glob(name)]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "cut": lambda path: os.truncate(path, 1000),
    "flipped": flip,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_lost_result_is_made_again(folder: Path, tmp_path: Path, damage: str) -> None:
    ref = make.remote(tmp_path / "log", 7.0)
    ray.wait([ref])
    [file] = spill(folder, ref)
    DAMAGES[damage](file)
    assert ray.get(ref, timeout=PATIENCE_S)[-1] == 7.0
    assert (tmp_path / "log").stat().st_size == 2
    assert statistics()["retries"] > 0


def test_a_task_that_needs_it_waits_for_it(folder: Path, tmp_path: Path) -> None:
    """There is one CPU: the worker that finds the file gone gives it to the one that rebuilds."""
    ref = make.remote(tmp_path / "log", 3.0)
    ray.wait([ref])
    [file] = spill(folder, ref)
    file.unlink()
    assert ray.get(total.remote(ref), timeout=PATIENCE_S) == 3.0 * LENGTH


def test_inputs_that_were_released_are_made_again_too(folder: Path, tmp_path: Path) -> None:
    first = make.remote(tmp_path / "first", 1.0)
    second = double.remote(first, tmp_path / "second")
    third = double.remote(second, tmp_path / "third")
    ray.wait([third])
    del first, second
    eventually(lambda: statistics()["objects"] == 1)
    [file] = spill(folder, third)
    file.unlink()
    assert ray.get(third, timeout=PATIENCE_S)[0] == 4.0
    sizes = [(tmp_path / name).stat().st_size for name in ("first", "second", "third")]
    assert sizes == [2, 2, 2]


def test_only_the_lost_one_of_several_results_is_replaced(folder: Path, tmp_path: Path) -> None:
    @ray.remote(num_returns=2)
    def pair(log: Path) -> Any:
        return np.full(LENGTH, attempt(log)), np.full(LENGTH, 10.0)

    one, two = pair.remote(tmp_path / "log")
    ray.wait([one, two], num_returns=2)
    file, _ = spill(folder, one, two)
    kept = ray.get(two)  # back in memory, and looked at
    file.unlink()
    assert ray.get(one, timeout=PATIENCE_S)[0] == 2.0
    assert ray.get(two)[0] == kept[0] == 10.0


def test_a_value_given_to_put_cannot_be_made_again(folder: Path) -> None:
    ref = ray.put(np.ones(LENGTH))
    [file] = spill(folder, ref)
    file.unlink()
    with pytest.raises(ray.ObjectReconstructionFailedError, match=r"file is gone.*ray\.put"):
        ray.get(ref, timeout=PATIENCE_S)
    with pytest.raises(ray.ObjectLostError, match=f"object {ref.hex()[-8:].lstrip('0')} is lost"):
        ray.get(total.remote(ref), timeout=PATIENCE_S)


def test_what_may_run_once_is_not_run_again(folder: Path, tmp_path: Path) -> None:
    ref = make.options(max_retries=0).remote(tmp_path / "log", 7.0)
    ray.wait([ref])
    [file] = spill(folder, ref)
    flip(file)
    with pytest.raises(ray.ObjectReconstructionFailedError, match=r"damaged.*make.*max_retries=0"):
        ray.get(ref, timeout=PATIENCE_S)
    assert (tmp_path / "log").stat().st_size == 1


def test_it_is_repeated_as_often_as_max_retries_allows(folder: Path, tmp_path: Path) -> None:
    ref = make.options(max_retries=1).remote(tmp_path / "log", 7.0)
    ray.wait([ref])
    for lost in range(2):
        [file] = spill(folder, ref)
        file.unlink()
        if not lost:
            assert ray.get(total.remote(ref), timeout=PATIENCE_S) == 7.0 * LENGTH
    with pytest.raises(ray.ObjectReconstructionFailedError, match="repeated 1 times"):
        ray.get(ref, timeout=PATIENCE_S)


def test_an_input_that_cannot_be_made_again_is_named(folder: Path, tmp_path: Path) -> None:
    source = ray.put(np.ones(LENGTH))
    ref = double.remote(source, tmp_path / "log")
    ray.wait([ref])
    del source
    eventually(lambda: statistics()["objects"] == 1)
    [file] = spill(folder, ref)
    file.unlink()
    with pytest.raises(ray.ObjectReconstructionFailedError, match=r"double.*needs object"):
        ray.get(ref, timeout=PATIENCE_S)


def test_nothing_is_remembered_of_what_was_released(tmp_path: Path) -> None:
    ray.get([total.remote(make.remote(tmp_path / "log", i)) for i in range(3)], timeout=PATIENCE_S)
    eventually(lambda: statistics()["objects"] == 0)
    assert statistics()["lineage_bytes"] == 0
