"""One mapping of shared memory: written, looked at, punched, spilled and restored."""

from __future__ import annotations

import errno
import gc
import mmap
import os
import stat
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ray_jupyter.runtime.store import segment, spill
from ray_jupyter.runtime.store.segment import Segment
from ray_jupyter.runtime.store.serialization import deserialize, serialize

SIZE_BYTES = 64 << 20
PAGE_BYTES = 4096


@pytest.fixture
def memory() -> Iterator[Segment]:
    made = Segment(segment.create(SIZE_BYTES), SIZE_BYTES)
    yield made
    made.close()


def blocks_bytes(memory: Segment) -> int:
    """Return how much memory the segment's pages take."""
    return os.fstat(memory.fd).st_blocks * 512


def test_a_new_segment_is_private_and_takes_no_memory(memory: Segment) -> None:
    found = os.fstat(memory.fd)
    assert found.st_size == SIZE_BYTES
    assert blocks_bytes(memory) == 0
    assert not os.get_inheritable(memory.fd)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="needs Linux")
def test_elsewhere_it_is_a_file_without_a_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fd = segment.create(PAGE_BYTES)
    assert os.fstat(fd).st_size == PAGE_BYTES
    assert list(tmp_path.iterdir()) == []
    os.close(fd)


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("size", [1, 4095, 4096, 5000, 3_000_000])
def test_what_is_written_is_read(memory: Segment, warm: bool, size: int) -> None:
    value = np.arange(size, dtype=np.uint8)
    packed = serialize(value)
    memory.write(PAGE_BYTES, packed, warm=warm)
    assert bytes(memory.read(PAGE_BYTES, packed.size_bytes)) == packed.to_bytes()
    np.testing.assert_array_equal(deserialize(memory.read(PAGE_BYTES, packed.size_bytes)), value)


def test_writing_without_numpy_is_the_same(
    memory: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = serialize(np.arange(10_000))
    monkeypatch.delitem(sys.modules, "numpy")
    memory.write(0, packed, warm=True)
    assert bytes(memory.read(0, packed.size_bytes)) == packed.to_bytes()


def test_a_short_write_goes_on(memory: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:1000], at))
    packed = serialize(np.arange(10_000))
    memory.write(0, packed, warm=False)
    assert bytes(memory.read(0, packed.size_bytes)) == packed.to_bytes()


def test_looks_and_arrays_are_read_only_for_ever(memory: Segment) -> None:
    memory.write(0, serialize(np.arange(1000)), warm=False)
    assert memory.read(0, 100).readonly
    array = memory.array(0, 100)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    with pytest.raises(ValueError, match="cannot set WRITEABLE"):
        array.setflags(write=True)
    assert memoryview(array).readonly


def test_the_array_lives_as_long_as_anything_made_of_it(memory: Segment) -> None:
    memory.write(0, serialize(np.arange(1000)), warm=False)
    array = memory.array(0, 8000)
    watch = weakref.ref(array)
    look = memoryview(array)
    del array
    derived = np.frombuffer(look, np.int64)[100:200:3].reshape(2, 17).T
    del look
    gc.collect()
    assert watch() is not None
    del derived
    gc.collect()
    assert watch() is None


def test_another_process_sees_the_same_pages(memory: Segment) -> None:
    memory.write(PAGE_BYTES, serialize(b"from here"), warm=False)
    program = (
        "import sys; from ray_jupyter.runtime.store.segment import Segment\n"
        "from ray_jupyter.runtime.store.serialization import deserialize, serialize\n"
        f"s = Segment(int(sys.argv[1]), {SIZE_BYTES})\n"
        f"print(deserialize(s.read({PAGE_BYTES}, 100)).decode())\n"
        f"s.write({2 * PAGE_BYTES}, serialize('from there'), warm=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(memory.fd)],
        pass_fds=(memory.fd,), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "from here\n"
    assert deserialize(memory.read(2 * PAGE_BYTES, 100)) == "from there"


@pytest.mark.skipif(not hasattr(mmap, "MADV_REMOVE"), reason="needs Linux")
def test_punching_gives_the_pages_back(memory: Segment) -> None:
    packed = serialize(np.ones(1_000_000))
    memory.write(0, packed, warm=False)
    memory.write(16 << 20, packed, warm=False)
    before = blocks_bytes(memory)
    memory.punch([(0, 4 << 20)])
    assert blocks_bytes(memory) == before - (4 << 20)
    assert bytes(memory.read(0, 4 << 20)) == bytes(4 << 20)
    np.testing.assert_array_equal(
        deserialize(memory.read(16 << 20, packed.size_bytes)), np.ones(1_000_000)
    )


def test_spilled_and_restored_elsewhere(memory: Segment, tmp_path: Path) -> None:
    value = np.random.default_rng(0).random(2_500_000)
    packed = serialize(value)
    memory.write(0, packed, warm=False)
    path = tmp_path / "object"
    memory.spill(0, packed.size_bytes, str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size == packed.size_bytes + spill.TRAILER_BYTES
    assert [entry.name for entry in tmp_path.iterdir()] == ["object"]
    memory.restore(32 << 20, packed.size_bytes, str(path))
    np.testing.assert_array_equal(deserialize(memory.read(32 << 20, packed.size_bytes)), value)


def test_spilling_to_where_nobody_may_write_is_an_error(memory: Segment, tmp_path: Path) -> None:
    memory.write(0, serialize(b"x"), warm=False)
    with pytest.raises(OSError):
        memory.spill(0, 10, str(tmp_path / "missing" / "object"))
    (tmp_path / "taken.partial").touch()
    with pytest.raises(FileExistsError):
        memory.spill(0, 10, str(tmp_path / "taken"))


def test_a_full_disk_leaves_no_file(
    memory: Segment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space"):
        memory.spill(0, 10, str(tmp_path / "object"))
    assert list(tmp_path.iterdir()) == []


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (Path.unlink, "its file is gone"),
        (lambda path: os.truncate(path, 5), "its file has 5 bytes, not 1016"),
        (lambda path: os.truncate(path, 2_000), "its file has 2000 bytes, not 1016"),
        (lambda path: (path.unlink(), path.mkdir()), "its file cannot be read"),
        (_flip, "its file is damaged"),
    ],
)
def test_a_damaged_file_is_noticed(
    memory: Segment, tmp_path: Path, damage: Callable[[Path], object], text: str
) -> None:
    path = tmp_path / "object"
    memory.write(0, serialize(b"x" * 2_000), warm=False)
    memory.spill(0, 1_000, str(path))
    assert spill.view(str(path), 1_000) == memory.read(0, 1_000)
    damage(path)
    with pytest.raises(spill.SpillFileError, match=text):
        memory.restore(0, 1_000, str(path))
    with pytest.raises(spill.SpillFileError, match=text):
        spill.view(str(path), 1_000)


def test_closing_closes_and_views_stay_good() -> None:
    memory = Segment(segment.create(SIZE_BYTES), SIZE_BYTES)
    memory.write(0, serialize(np.arange(1000)), warm=False)
    kept = memory.array(0, 8000)
    before = bytes(kept)
    fd = memory.fd
    memory.close()
    with pytest.raises(OSError):
        os.fstat(fd)
    memory.close()
    assert bytes(kept) == before
