"""Files of spilled values: the bytes, then a trailer by which damage is noticed.

The value comes first and unchanged, so that the file can be looked at in place when there is
no memory to restore it to.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

_trailer = struct.Struct("<4sIQ")
_MAGIC = b"rjsp"
TRAILER_BYTES = _trailer.size
_CHUNK_BYTES = 8 << 20


class SpillFileError(Exception):
    """A value cannot be read from its file; the text says why."""


def write(path: str, size_bytes: int, read: Callable[[int, int], memoryview]) -> None:
    """Make the file at ``path`` of what ``read(start, size)`` returns; all of it or nothing.

    Raises:
        OSError: the disk is full, or the path cannot be made.
    """
    partial = Path(f"{path}.partial")
    checksum = 0
    try:
        with open(partial, "wb", opener=_private) as file:
            for at in range(0, size_bytes, _CHUNK_BYTES):
                chunk = read(at, min(_CHUNK_BYTES, size_bytes - at))
                checksum = zlib.crc32(chunk, checksum)
                file.write(chunk)
            file.write(_trailer.pack(_MAGIC, checksum, size_bytes))
        partial.rename(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def read_into(path: str, size_bytes: int, write: Callable[[int, bytes], None]) -> None:
    """Hand the value to ``write(start, bytes)``, piece by piece.

    Raises:
        SpillFileError: there is no such value; a part of something may have been written.
    """
    checksum, at = 0, 0
    try:
        with open(path, "rb", buffering=0) as file:
            _check_size(file.fileno(), size_bytes)
            while at < size_bytes:
                chunk = file.read(min(_CHUNK_BYTES, size_bytes - at))
                if not chunk:
                    raise SpillFileError("its file was cut while it was read")
                checksum = zlib.crc32(chunk, checksum)
                write(at, chunk)
                at += len(chunk)
            _check_trailer(file.read(TRAILER_BYTES), checksum, size_bytes)
    except OSError as error:
        raise _unreadable(error) from error


def view(path: str, size_bytes: int) -> memoryview:
    """Return the value in place; the view keeps the file's contents.

    Raises:
        SpillFileError: there is no such value.
    """
    try:
        with open(path, "rb") as file:
            _check_size(file.fileno(), size_bytes)
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise _unreadable(error) from error
    value = mapped[:size_bytes]
    _check_trailer(bytes(mapped[size_bytes:]), zlib.crc32(value), size_bytes)
    return value


def _unreadable(error: OSError) -> SpillFileError:
    gone = isinstance(error, FileNotFoundError)
    return SpillFileError("its file is gone" if gone else f"its file cannot be read: {error}")


def _check_size(fd: int, size_bytes: int) -> None:
    found = os.fstat(fd).st_size
    if found != size_bytes + TRAILER_BYTES:
        raise SpillFileError(f"its file has {found} bytes, not {size_bytes + TRAILER_BYTES}")


def _check_trailer(trailer: bytes, checksum: int, size_bytes: int) -> None:
    if trailer != _trailer.pack(_MAGIC, checksum, size_bytes):
        raise SpillFileError("its file is damaged: the checksum is wrong")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, 0o600)
