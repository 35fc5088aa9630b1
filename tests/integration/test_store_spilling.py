"""A store of 64 MB under values of 8 MB each: the disk takes what does not fit."""

from __future__ import annotations

import errno
import gc
import os
import random
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.runtime.store.segment import Segment
from ray_jupyter.runtime.store.spill import TRAILER_BYTES
from ray_jupyter.testing.suite.base import eventually, statistics

LIMIT_BYTES = 64_000_000
LENGTH = 1_000_000
SIZE_BYTES = 8 * LENGTH
FIT = 7
"""How many values fit in memory."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spilled")


@pytest.fixture(scope="module", autouse=True)
def running_session(folder: Path) -> Iterator[None]:
    start(folder)
    yield
    ray.shutdown()
    assert list(folder.iterdir()) == [], "files end with the session"


def start(folder: Path) -> None:
    ray.init(num_cpus=2, object_store_memory=LIMIT_BYTES, spill_dir=str(folder))


@pytest.fixture(autouse=True)
def nothing_left(folder: Path) -> Iterator[None]:
    yield
    try:
        eventually(lambda: (*in_store(), spilled_files(folder)) == (0, 0, 0, []), 10)
    except AssertionError:
        ray.shutdown()  # so that the next test begins with nothing
        start(folder)
        raise


def in_store() -> tuple[int, int, int]:
    """Return (objects, bytes in memory, bytes on disk)."""
    gc.collect()
    found = statistics()
    return found["objects"], found["store_used_bytes"], found["spilled_bytes"]


def spilled_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*"))


def numbered(number: int) -> Any:
    array = np.full(LENGTH, number, dtype=np.int64)
    array[-1] = -number
    return array


def number_of(array: Any) -> int:
    """Return the number of ``numbered``, after a look at every element."""
    assert (array[:-1] == array[0]).all()
    assert array[-1] == -array[0]
    return int(array[0])


def put_many(count: int) -> list[Any]:
    return [ray.put(numbered(i)) for i in range(count)]


def name_part(ref: Any) -> str:
    return f"{int(ref.hex()[-16:], 16):x}"


read = ray.remote(number_of)


def test_forty_values_in_the_room_of_seven() -> None:
    refs = put_many(40)
    objects, used, spilled = in_store()
    assert objects == 40
    assert used <= LIMIT_BYTES
    assert spilled >= (40 - FIT) * SIZE_BYTES
    assert [number_of(ray.get(ref)) for ref in refs] == list(range(40))
    order = random.sample(range(40), 40)
    assert [number_of(ray.get(refs[i])) for i in order] == order
    assert in_store()[1] <= LIMIT_BYTES


def test_files_are_private_and_go_with_their_objects(folder: Path) -> None:
    refs = put_many(12)
    files = spilled_files(folder)
    assert len(files) >= 12 - FIT
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o700]
    sizes = [path.stat().st_size - TRAILER_BYTES for path in files]
    assert sum(sizes) == in_store()[2]
    del refs[:4]
    eventually(lambda: len(spilled_files(folder)) == len(files) - 4)
    del refs
    eventually(lambda: spilled_files(folder) == [])


def test_a_restored_value_leaves_the_disk(folder: Path) -> None:
    refs = put_many(FIT + 2)
    on_disk = {path.name.partition("-")[0] for path in spilled_files(folder)}
    spilled = next(ref for ref in refs if name_part(ref) in on_disk)
    number_of(ray.get(spilled))
    eventually(
        lambda: name_part(spilled) not in {p.name.partition("-")[0] for p in spilled_files(folder)}
    )


def test_the_least_recently_used_goes_first(folder: Path) -> None:
    refs = put_many(FIT)
    assert ray.get(read.remote(refs[0])) == 0
    refs.append(ray.put(numbered(FIT)))
    eventually(lambda: len(spilled_files(folder)) >= 1)
    on_disk = {path.name.partition("-")[0] for path in spilled_files(folder)}
    assert name_part(refs[0]) not in on_disk
    assert name_part(refs[1]) in on_disk


def test_spilled_values_as_arguments_and_inside_arguments() -> None:
    @ray.remote
    def read_inside(box: Any) -> int:
        return number_of(ray.get(box["ref"]))

    refs = put_many(20)
    assert ray.get([read.remote(ref) for ref in refs]) == list(range(20))
    assert ray.get([read_inside.remote({"ref": ref}) for ref in refs]) == list(range(20))


def test_one_spilled_value_wanted_by_many() -> None:
    refs = put_many(FIT + 3)
    assert ray.get([read.remote(refs[0]) for _ in range(20)]) == [0] * 20
    assert number_of(ray.get(refs[0])) == 0


def test_several_workers_returning_large_results() -> None:
    make = ray.remote(numbered)
    refs = [make.remote(i) for i in range(30)]
    assert [number_of(ray.get(ref)) for ref in refs] == list(range(30))


def test_large_results_handed_from_task_to_task() -> None:
    @ray.remote
    def next_of(array: Any) -> Any:
        return numbered(number_of(array) + 1)

    refs = [ray.put(numbered(0))]
    for _ in range(20):
        refs.append(next_of.remote(refs[-1]))
    assert [number_of(ray.get(ref)) for ref in refs] == list(range(21))


def test_tasks_that_put_more_than_fits() -> None:
    @ray.remote
    def put_ten(first: int) -> Any:
        return [ray.put(numbered(first + i)) for i in range(10)]

    lists = ray.get([put_ten.remote(first) for first in (0, 10, 20)])
    assert [number_of(ray.get(ref)) for refs in lists for ref in refs] == list(range(30))


def test_get_of_more_than_fits() -> None:
    refs = put_many(10)
    for _ in range(2):
        assert [number_of(array) for array in ray.get(refs)] == list(range(10))


def test_plain_bytes_spill_as_well() -> None:
    refs = [ray.put(bytes([i]) * SIZE_BYTES) for i in range(15)]
    assert [ray.get(ref)[-1] for ref in refs] == list(range(15))
    assert ray.get([ray.remote(lambda b: b[0]).remote(ref) for ref in refs]) == list(range(15))


@pytest.mark.parametrize("where", ["driver", "worker"])
def test_putting_and_dropping_recycles_memory(where: str) -> None:
    def loop() -> list[tuple[int, int]]:
        array, seen = numbered(3), []
        for _ in range(200):
            ref = ray.put(array)
            found = statistics()
            seen.append((found["store_used_bytes"], found["spilled_bytes"]))
        assert number_of(ray.get(ref)) == 3
        return seen

    before = segment_bytes()
    seen = loop() if where == "driver" else ray.get(ray.remote(loop).remote())
    assert {spilled for _, spilled in seen} == {0}
    assert max(used for used, _ in seen) < 3 * (SIZE_BYTES + 8192)
    assert segment_bytes() <= max(before, 3 * (SIZE_BYTES + 8192))


def segment_bytes() -> int:
    """Return the memory behind the session's segment."""
    for entry in Path("/proc/self/fd").iterdir():
        if entry.is_symlink() and "memfd:ray_jupyter" in str(entry.readlink()):
            return entry.stat().st_blocks * 512
    pytest.skip("needs Linux's /proc")


def test_arrays_in_use_are_not_spilled_and_the_error_counts_them() -> None:
    refs = put_many(FIT)
    held = ray.get(refs)
    with pytest.raises(ray.ObjectStoreFullError) as caught:
        ray.put(np.ones(2 * LENGTH))
    text = str(caught.value)
    assert isinstance(caught.value, MemoryError)
    assert re.search(r"no room for 15\.3 MiB .* of 61\.0 MiB", text)
    assert re.search(r"mapped by a process: 7 objects, 53\.4 MiB", text)
    assert re.search(r"not mapped: 0 objects, 0\.0 MiB", text)
    assert re.search(r"on disk: 0\.0 MiB", text)
    del refs
    with pytest.raises(ray.ObjectStoreFullError, match=r"reference is gone: 7 objects, 53\.4 MiB"):
        ray.put(np.ones(2 * LENGTH))
    assert [number_of(array) for array in held] == list(range(FIT))
    assert ray.get(ray.remote(lambda: 5).remote()) == 5, "the session works"
    del held
    eventually(lambda: in_store() == (0, 0, 0))
    assert ray.get(ray.put(np.ones(2 * LENGTH))).sum() == 2 * LENGTH


def test_memory_comes_back_when_some_arrays_go() -> None:
    refs = put_many(FIT)
    held = ray.get(refs)
    del held[3:], refs
    assert number_of(ray.get(ray.put(numbered(9)))) == 9
    assert [number_of(array) for array in held] == [0, 1, 2]


def test_a_value_larger_than_the_store() -> None:
    for make in (lambda: ray.put(np.ones(9 * LENGTH)), lambda: ray.get(big.remote())):
        with pytest.raises(ray.ObjectStoreFullError, match=r"no room for 68\.7 MiB"):
            make()
    assert in_store() == (0, 0, 0)


@ray.remote
def big() -> Any:
    """Return more than the store holds."""
    return np.ones(9 * LENGTH)


def test_a_spilled_value_is_read_from_disk_when_all_memory_is_in_use(folder: Path) -> None:
    refs = put_many(FIT + 1)
    on_disk = {path.name.partition("-")[0] for path in spilled_files(folder)}
    spilled = [ref for ref in refs if name_part(ref) in on_disk]
    held = ray.get([ref for ref in refs if ref not in spilled])
    arrays = ray.get(spilled)
    assert sorted(map(number_of, [*held, *arrays])) == list(range(FIT + 1))
    assert not arrays[0].flags.writeable
    del refs, spilled
    eventually(lambda: in_store()[0] == 0)
    assert sorted(map(number_of, [*held, *arrays])) == list(range(FIT + 1))


class TestADiskThatRefuses:
    """What is in memory stays there; the error says the store is full."""

    def assert_full_then_fine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        refs = put_many(FIT)
        with pytest.raises(ray.ObjectStoreFullError, match="no room"):
            ray.put(np.ones(2 * LENGTH))
        assert [number_of(ray.get(ref)) for ref in refs] == list(range(FIT))
        monkeypatch.undo()
        more = [ray.put(numbered(i)) for i in range(FIT, 2 * FIT)]
        assert [number_of(ray.get(ref)) for ref in refs + more] == list(range(2 * FIT))

    def test_no_space(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Segment, "spill", full)
        self.assert_full_then_fine(monkeypatch)

    def test_no_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr(os, "makedirs", refuse)
        self.assert_full_then_fine(monkeypatch)

    def test_space_for_some(self, monkeypatch: pytest.MonkeyPatch) -> None:
        spill, calls = Segment.spill, []

        def sometimes(*arguments: Any) -> None:
            calls.append(arguments)
            if len(calls) % 2 == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            spill(*arguments)

        refs = put_many(FIT)
        monkeypatch.setattr(Segment, "spill", sometimes)
        more = ray.put(np.ones(2 * LENGTH))
        assert ray.get(more).sum() == 2 * LENGTH
        assert [number_of(ray.get(ref)) for ref in refs] == list(range(FIT))


PROGRAM = """
import sys, numpy as np, ray_jupyter as ray
ray.init(num_cpus=1, object_store_memory=64_000_000, spill_dir=sys.argv[1])
refs = [ray.put(np.full(1_000_000, i)) for i in range(12)]
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("ending", ["exit", "kill"])
def test_files_end_with_the_driver(ending: str, tmp_path: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        assert len(spilled_files(tmp_path)) >= 12 - FIT
        if ending == "kill":
            program.send_signal(signal.SIGKILL)
    eventually(lambda: list(tmp_path.iterdir()) == [])
