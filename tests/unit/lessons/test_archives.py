"""Pictures in tar archives, in the file system and in a stand-in for object storage."""

from __future__ import annotations

import importlib.util
import io
import sys
import tarfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def archives() -> Any:
    import archives

    return archives


def picture(value: int, rows: int = 6, columns: int = 6) -> Any:
    made = np.full((rows, columns, 3), value, np.uint8)
    made[0, 0] = [1, 10, 32]  # bytes that a careless reader takes for the header's white space
    return made


def write(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_archives_are_listed_in_order(archives: Any, tmp_path: Path) -> None:
    for name in ("b.tar", "a.tar", "notes.txt"):
        (tmp_path / name).touch()
    assert [Path(p).name for p in archives.list_archives(tmp_path)] == ["a.tar", "b.tar"]
    with pytest.raises(FileNotFoundError, match="nothing-here"):
        archives.list_archives(tmp_path / "nothing-here")


def test_a_class_for_each_archive(archives: Any, tmp_path: Path) -> None:
    data = {f"{n}.ppm": archives.encode_ppm(picture(n)) for n in (40, 41)}
    path = write(tmp_path / "n01.tar", {**data, "README": b"no picture"})
    labels = archives.labels_of([str(path), "elsewhere/n02.tar"])
    assert labels == {"n01": 0, "n02": 1}
    pictures, classes = archives.load_archive(str(path), labels, 6)
    assert pictures.shape == (2, 6, 6, 3)
    assert pictures.dtype == np.uint8
    assert (pictures[1] == picture(41)).all()
    assert classes.tolist() == [0, 0]


def test_a_class_for_each_picture(archives: Any, tmp_path: Path) -> None:
    file = tmp_path / "train.txt"
    file.write_text("n01/one.ppm 7\ntwo.ppm 3\n")
    data = {
        "in/one.ppm": archives.encode_ppm(picture(1)),
        "two.ppm": archives.encode_ppm(picture(2)),
    }
    path = write(tmp_path / "mixed.tar", data)
    _, classes = archives.load_archive(str(path), archives.read_labels(file), 4)
    assert classes.tolist() == [7, 3]


def test_labels_that_cannot_be_read(archives: Any, tmp_path: Path) -> None:
    file = tmp_path / "train.txt"
    file.write_text("one.ppm 7\ntwo.ppm\n")
    with pytest.raises(ValueError, match=r"train.txt:2: expected 'name class', got 'two.ppm'"):
        archives.read_labels(file)


def test_pictures_without_a_label_and_archives_without_pictures(
    archives: Any, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.tar", {"x.ppm": archives.encode_ppm(picture(1))})
    with pytest.raises(ValueError, match=r"label for 'x.ppm'"):
        archives.load_archive(str(path), {"b": 0}, 4)
    path = write(tmp_path / "b.tar", {"x.txt": b""})
    with pytest.raises(ValueError, match=r"expected pictures .*b.tar"):
        archives.load_archive(str(path), {"b": 0}, 4)
    with pytest.raises(ValueError, match="expected a binary PPM"):
        archives.decode("x.ppm", b"P3 1 1 255 0 0 0")


def test_the_middle_square_is_scaled(archives: Any) -> None:
    wide = np.zeros((4, 8, 3), np.uint8)
    wide[:, 2:6] = 9
    assert (archives.fit(wide, 4) == 9).all()
    assert archives.fit(wide, 2).shape == archives.fit(wide.transpose(1, 0, 2), 2).shape
    ramp = np.repeat(np.arange(8, dtype=np.uint8), 3).reshape(1, 8, 3).repeat(8, axis=0)
    assert archives.fit(ramp, 4)[0, :, 0].tolist() == [1, 3, 5, 7]


def test_jpegs_need_pillow_and_are_read_with_it(
    archives: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("PIL") is not None:
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(np.full((5, 7, 3), 99, np.uint8)).save(buffer, "JPEG")
        decoded = archives.decode("x.JPEG", buffer.getvalue())
        assert decoded.shape == (5, 7, 3)
        assert abs(int(decoded.mean()) - 99) < 3
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ModuleNotFoundError, match="pip install pillow"):
        archives.decode("x.jpeg", b"")


def test_archives_in_object_storage(
    archives: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write(tmp_path / "a.tar", {"x.ppm": archives.encode_ppm(picture(5))}).read_bytes()
    stored = {"train/a.tar": data, "train/readme": b"", "valid/b.tar": b""}

    def pages(Bucket: str, Prefix: str) -> list[dict[str, Any]]:
        assert Bucket == "bucket"
        return [{"Contents": [{"Key": key}]} for key in stored if key.startswith(Prefix)] + [{}]

    client = SimpleNamespace(
        get_paginator=lambda name: SimpleNamespace(paginate=pages),
        get_object=lambda Bucket, Key: {"Body": io.BytesIO(stored[Key])},
    )
    boto3 = ModuleType("boto3")
    boto3.client = lambda name: client  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "boto3", boto3)
    found = archives.list_archives("s3://bucket/train")
    assert found == ["s3://bucket/train/a.tar"]
    pictures, _ = archives.load_archive(found[0], archives.labels_of(found), 6)
    assert (pictures[0] == picture(5)).all()

    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ModuleNotFoundError, match="pip install boto3"):
        archives.list_archives("s3://bucket/train")
