"""Pictures in tar archives: the loader of ``alexnet.ipynb``.

The layout is ImageNet's: each archive has pictures of one or of several classes, and a file of
labels has one ``name class`` a line. Without that file, the class of a picture is the archive it is
in (``n01440764.tar``), as in ImageNet's own training set. Archives are in a directory, or in
object storage under ``s3://bucket/prefix`` (needs ``boto3``). PPM pictures are read by numpy
alone; for JPEG and PNG Pillow is needed.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

PICTURES = {".jpeg", ".jpg", ".png", ".ppm"}


def list_archives(place: str | Path) -> list[str]:
    """Return the archives in a directory, or under ``s3://bucket/prefix``, in order.

    Raises:
        FileNotFoundError: there are none.
    """
    if str(place).startswith("s3://"):
        bucket, _, prefix = str(place)[len("s3://") :].partition("/")
        pages = _s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        found = [f"s3://{bucket}/{key}" for key in keys if key.endswith(".tar")]
    else:
        found = [str(path) for path in Path(place).glob("*.tar")]
    if not found:
        raise FileNotFoundError(f"expected .tar archives in {str(place)!r}, found none")
    return sorted(found)


def read_labels(path: str | Path) -> dict[str, int]:
    """Return the class of each picture by its name, from lines of ``name class``."""
    labels = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if len(words) != 2 or not words[1].isdigit():
            raise ValueError(f"{path}:{number}: expected 'name class', got {line!r}")
        labels[Path(words[0]).name] = int(words[1])
    return labels


def labels_of(archives: list[str]) -> dict[str, int]:
    """Return a class for each archive, by its name without ``.tar``, in alphabetical order."""
    return {name: label for label, name in enumerate(sorted(Path(a).stem for a in archives))}


def load_archive(archive: str, labels: dict[str, int], size: int) -> tuple[Array, Array]:
    """Return the pictures of one archive, (count, size, size, 3) uint8, and their classes.

    Args:
        archive: a file, or ``s3://bucket/key``.
        labels: the class by the name of a picture, or of its archive.
        size: to how many pixels a side pictures are cropped and scaled.

    Raises:
        ValueError: no picture is in it, or there is no label for one.
    """
    pictures, classes = [], []
    for name, data in _members(archive):
        label = labels.get(Path(name).name, labels.get(Path(archive).stem))
        if label is None:
            raise ValueError(f"expected a label for {name!r} or for its archive {archive!r}")
        pictures.append(fit(decode(name, data), size))
        classes.append(label)
    if not pictures:
        raise ValueError(f"expected pictures ({', '.join(sorted(PICTURES))}) in {archive!r}")
    return np.stack(pictures), np.array(classes)


def decode(name: str, data: bytes) -> Array:
    """Return a picture, (rows, columns, 3) uint8.

    Raises:
        ModuleNotFoundError: it is no PPM, and Pillow is not installed.
    """
    if name.lower().endswith(".ppm"):
        return _decode_ppm(name, data)
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"reading {name!r} needs Pillow: pip install pillow") from error
    with Image.open(io.BytesIO(data)) as image:
        pixels: Array = np.asarray(image.convert("RGB"))
        return pixels


def encode_ppm(picture: Array) -> bytes:
    """Return a picture, (rows, columns, 3) uint8, as a PPM file."""
    rows, columns, _ = picture.shape
    return b"P6\n%d %d\n255\n" % (columns, rows) + picture.tobytes()


def fit(picture: Array, size: int) -> Array:
    """Return the middle square of a picture, scaled to ``size`` by the nearest pixels."""
    side = min(picture.shape[:2])
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    nearest = (np.arange(size) * side + side // 2) // size
    scaled: Array = picture[top + nearest[:, None], left + nearest]
    return scaled


def _members(archive: str) -> Iterator[tuple[str, bytes]]:
    with _opened(archive) as file, tarfile.open(fileobj=file, mode="r|*") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None and Path(member.name).suffix.lower() in PICTURES:
                yield member.name, content.read()


def _opened(archive: str) -> Any:
    if not archive.startswith("s3://"):
        return Path(archive).open("rb")
    bucket, _, key = archive[len("s3://") :].partition("/")
    return io.BytesIO(_s3().get_object(Bucket=bucket, Key=key)["Body"].read())


def _s3() -> Any:
    try:
        import boto3
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("archives in s3:// need boto3: pip install boto3") from error
    return boto3.client("s3")


def _decode_ppm(name: str, data: bytes) -> Array:
    # The header is four words: P6, columns, rows, the largest value; then one white space.
    words = data.split(maxsplit=4)[:4]
    if len(words) < 4 or words[0] != b"P6" or words[3] != b"255":
        raise ValueError(
            f"expected a binary PPM of 8 bits (P6 ... 255), got {name!r}: {data[:16]!r}"
        )
    columns, rows = int(words[1]), int(words[2])
    pixels = np.frombuffer(data[-rows * columns * 3 :], np.uint8)
    return pixels.reshape(rows, columns, 3)
