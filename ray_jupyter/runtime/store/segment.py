"""The shared memory of a session: one sparse, anonymous segment that every process maps.

One segment rather than one per process (the first design): locations are a single
number, readers attach nothing, blocks outlive the process that wrote them, and one
allocator in the scheduler sees all of memory (docs/design/object-store.md).

On Linux it is a memfd: not limited by the size of ``/dev/shm``, and gone with the last
process, however that ends. Elsewhere it is an unlinked file in the temporary directory,
which has the same life.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from ray_jupyter.runtime.store import spill

if TYPE_CHECKING:
    from ray_jupyter.runtime.store.serialization import Serialized

NAME = "ray_jupyter"
_WRITE_BYTES = 1 << 30  # Linux writes at most 2 GiB - 4 KiB per call


def create(size_bytes: int) -> int:
    """Return the descriptor of a new segment; no memory is used until it is written."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create(NAME, os.MFD_CLOEXEC)
    else:
        fd, path = tempfile.mkstemp(prefix=NAME)
        os.unlink(path)
    os.ftruncate(fd, size_bytes)
    return fd


class Segment:
    """One process's mapping of the segment.

    Args:
        fd: its descriptor; closed by ``close``.
        size_bytes: its address range.
    """

    def __init__(self, fd: int, size_bytes: int) -> None:
        self.fd = fd
        self.size_bytes = size_bytes
        # Mapped at once: it takes no memory, and the first ``get`` need not wait for it.
        self._map: mmap.mmap | None = mmap.mmap(fd, size_bytes)
        self._bytes: Any = None
        self._writable: Any = None

    def _mapped(self) -> mmap.mmap:
        if self._map is None:
            raise ValueError("the segment is closed")
        return self._map

    def write(self, offset: int, value: Serialized, *, warm: bool) -> None:
        """Copy a value to ``offset``.

        Pages that exist are written through the mapping, at the speed of memcpy. Fresh
        ones are written with ``pwrite``: no page fault and no zeroing, twice as fast.
        """
        for start, piece in value.pieces():
            if warm:
                self._copy(offset + start, piece)
            else:
                self._pwrite(offset + start, piece)

    def _copy(self, at: int, piece: bytes | memoryview) -> None:
        numpy = sys.modules.get("numpy")
        if numpy is None or len(piece) < 4096:
            self._mapped()[at : at + len(piece)] = piece
            return
        if self._writable is None:
            self._writable = numpy.frombuffer(self._mapped(), numpy.uint8)
        # numpy's copy lets other threads run; assigning to a slice of the map does not.
        numpy.copyto(self._writable[at : at + len(piece)], numpy.frombuffer(piece, numpy.uint8))

    def _pwrite(self, at: int, piece: bytes | memoryview) -> None:
        view = memoryview(piece).cast("B")
        while view:
            written = os.pwrite(self.fd, view[:_WRITE_BYTES], at)
            view, at = view[written:], at + written

    def read(self, offset: int, size_bytes: int) -> memoryview:
        """Return a read-only look at the bytes, for use before the extent can be freed."""
        return memoryview(self._mapped())[offset : offset + size_bytes].toreadonly()

    def array(self, offset: int, size_bytes: int) -> Any:
        """Return the bytes as a read-only uint8 array of shape (size_bytes,).

        Whatever is made from its buffer keeps this very array alive, so a weak reference
        to it tells when the last view is gone, in every numpy and Python we support.
        """
        if self._bytes is None:
            import numpy

            # Read-only from the bottom up: no view of it can be made writable again.
            self._bytes = numpy.frombuffer(memoryview(self._mapped()).toreadonly(), numpy.uint8)
        return self._bytes[offset : offset + size_bytes]

    def punch(self, extents: list[tuple[int, int]]) -> None:
        """Give the pages of (offset, size) back to the system; they read as zeros then."""
        advice = getattr(mmap, "MADV_REMOVE", None)
        if advice is not None:  # without it pages stay: the limit is then one of addresses
            for offset, size in extents:
                self._mapped().madvise(advice, offset, size)

    def spill(self, offset: int, size_bytes: int, path: str) -> None:
        """Write the bytes to a new file at ``path``.

        Raises:
            OSError: the disk is full, or the path cannot be made.
        """
        spill.write(path, size_bytes, lambda at, size: self.read(offset + at, size))

    def restore(self, offset: int, size_bytes: int, path: str) -> None:
        """Copy the value in the file at ``path`` to ``offset``.

        Raises:
            SpillFileError: the file is gone or damaged.
        """
        spill.read_into(path, size_bytes, lambda at, piece: self._pwrite(offset + at, piece))

    def close(self) -> None:
        """Forget the segment. Views that are alive keep the memory."""
        self._bytes = self._writable = None
        self._map = None
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
