"""Fake shared memory and a fake disk, for the simulation: they remember who wrote what."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

from ray_jupyter.runtime.protocol.messages import Descriptor

Content = tuple[Any, ...]
"""(object id, number, references inside)"""


class FakeMemory:
    """Finds every use of memory that is not the reader's, or not yet, or no longer.

    Args:
        random: decides whether the disk refuses.
        may_fail: whether it ever does.
    """

    def __init__(self, random: Random, *, may_fail: bool) -> None:
        self.files: dict[str, Content] = {}
        self._lost: set[str] = set()
        self._random = random
        self._may_fail = may_fail
        self._extents: dict[int, tuple[int, Content]] = {}
        self._pins: dict[tuple[int, int], list[int]] = {}

    def write(self, offset: int, size_bytes: int, content: Content) -> None:
        """Write a value; whatever was there is gone."""
        self._clear(offset, size_bytes)
        self._extents[offset] = (size_bytes, content)

    def read(self, descriptor: Descriptor) -> Content:
        """Return what is at the address."""
        _, offset, size_bytes = descriptor
        assert offset in self._extents, f"nothing was written at {offset}"
        size, content = self._extents[offset]
        assert size == size_bytes, f"{size} bytes are at {offset}, not {size_bytes}"
        return content

    def punch(self, extents: Iterable[tuple[int, int]]) -> None:
        """Give pages back to the system: what was there is gone."""
        for offset, size_bytes in extents:
            self._clear(offset, size_bytes)

    def _clear(self, offset: int, size_bytes: int) -> None:
        end = offset + size_bytes
        overlapping = [
            at for at, (size, _) in self._extents.items() if at < end and offset < at + size
        ]
        for at in overlapping:
            del self._extents[at]

    # Views

    def pin(self, client: int, object_id: int, descriptor: Descriptor) -> None:
        """A process maps a value."""
        assert self.read(descriptor)[0] == object_id, f"{descriptor} is not {object_id}"
        self._pins.setdefault((client, object_id), []).append(descriptor[1])

    def unpin(self, client: int, object_id: int) -> None:
        """A process gives up a mapping: what it saw must have been there to the end."""
        offset = self._pins[client, object_id].pop()
        content = self._extents.get(offset, (0, (None,)))[1]
        assert content[0] == object_id, f"{content} is where client {client} saw {object_id}"

    def forget(self, client: int) -> None:
        """A process is gone."""
        for key in [key for key in self._pins if key[0] == client]:
            del self._pins[key]

    # Disk

    def spill(
        self, client: int, request: int, victims: list[tuple[int, int, int]]
    ) -> list[tuple[int, str]]:
        """Write victims to files; return those that could be written."""
        if self._may_fail and self._random.random() < 0.1:
            return []
        files = []
        for object_id, offset, _ in victims:
            if self._may_fail and self._random.random() < 0.1:
                continue
            path = f"{client}-{request}-{object_id}-{len(self.files)}"
            self.files[path] = self._extents[offset][1]
            assert self.files[path][0] == object_id, f"{object_id} is not at {offset}"
            files.append((object_id, path))
        return files

    def remove(self, paths: Iterable[str]) -> None:
        """Delete files, which must be there unless they were lost."""
        for path in paths:
            if path in self._lost:
                self._lost.remove(path)
            else:
                del self.files[path]

    def lose(self) -> bool:
        """Somebody cleans the disk; return whether there was a file to lose."""
        if not self.files:
            return False
        path = self._random.choice(sorted(self.files))
        del self.files[path]
        self._lost.add(path)
        return True
