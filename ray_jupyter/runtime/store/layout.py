"""The bytes of a stored value.

A value is a pickle and the buffers that pickle protocol 5 left out of it. Without
buffers the bytes are the pickle itself (it begins with ``0x80``). With buffers::

    u8 0x01 | 3 pad | u32 n | u64 pickle size | n x u64 buffer size | pickle | pad | buffer | pad | …

Every buffer begins at a multiple of ``ALIGNMENT_BYTES`` from the start of the value, and
extents are page-aligned, so arrays in shared memory are aligned for any dtype and SIMD.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

ALIGNMENT_BYTES = 64
_MARK = 1
_PICKLE_MARK = 0x80
_head = struct.Struct("<B3xIQ")


def _align(offset: int) -> int:
    return -(-offset // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def plan(pickle_bytes: int, buffer_bytes: Sequence[int]) -> tuple[bytes, list[int], int]:
    """Return (header, offsets of the pickle and of each buffer, total size) in bytes."""
    header = _head.pack(_MARK, len(buffer_bytes), pickle_bytes)
    header += struct.pack(f"<{len(buffer_bytes)}Q", *buffer_bytes)
    offsets = [len(header)]
    end = len(header) + pickle_bytes
    for size in buffer_bytes:
        start = _align(end)
        offsets.append(start)
        end = start + size
    return header, offsets, end


def parse(data: bytes | memoryview) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """Return (start, end) of the pickle and of each buffer.

    Raises:
        ValueError: the bytes are not a value of ours.
    """
    size = len(data)
    if size and data[0] == _PICKLE_MARK:
        return (0, size), []
    if size < _head.size or data[0] != _MARK:
        raise ValueError(f"not a stored value: {size} bytes beginning with {bytes(data[:8])!r}")
    _, count, pickle_bytes = _head.unpack_from(data)
    if _head.size + 8 * count > size:
        raise ValueError(f"not a stored value: {count} buffers in {size} bytes")
    sizes = struct.unpack_from(f"<{count}Q", data, _head.size)
    _, offsets, total = plan(pickle_bytes, sizes)
    if total > size:
        raise ValueError(f"a stored value of {total} bytes was cut to {size}")
    spans = [(at, at + n) for at, n in zip(offsets[1:], sizes, strict=True)]
    return (offsets[0], offsets[0] + pickle_bytes), spans


def pickle_in(head: bytes) -> bytes:
    """Return the pickle of a value of which only the beginning is there, as far as it is there.

    Raises:
        ValueError: the bytes are not the beginning of a value of ours.
    """
    if head[:1] == bytes([_PICKLE_MARK]):
        return head
    if len(head) < _head.size or head[0] != _MARK:
        raise ValueError(f"not a stored value: {len(head)} bytes beginning with {head[:8]!r}")
    _, count, pickle_bytes = _head.unpack_from(head)
    start = _head.size + 8 * count
    return head[start : start + pickle_bytes]
