"""What is said at a session's door: JSON behind its length, the same in every Python.

Frames (``wire``) are for processes of one interpreter. Whoever knocks may be of another
version, and is told so in words that it understands. A note is never large in this
direction: at the door nobody is trusted with the scheduler's memory.
"""

from __future__ import annotations

import json
import struct
from typing import Any

_length = struct.Struct("<I")
HEADER_BYTES = _length.size
MAX_QUESTION_BYTES = 1 << 16


def encode_note(value: Any) -> bytes:
    """Return the bytes of one note.

    Raises:
        TypeError: the value is not plain data.
    """
    body = json.dumps(value).encode()
    return _length.pack(len(body)) + body


def note_bytes(header: bytes) -> int:
    """Return how many bytes follow the header of a note."""
    return int(_length.unpack(header)[0])


def decode_note(body: bytes) -> Any:
    """Return what a note says.

    Raises:
        ValueError: it is not a note.
    """
    return json.loads(body)


class NoteDecoder:
    """Collects received bytes and returns the notes that are whole."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, chunk: bytes) -> list[Any]:
        """Return the notes completed by ``chunk``, in order.

        Raises:
            ValueError: the bytes are no notes, or one is longer than a question may be.
        """
        self._pending += chunk
        notes: list[Any] = []
        while len(self._pending) >= HEADER_BYTES:
            size = note_bytes(self._pending[:HEADER_BYTES])
            if size > MAX_QUESTION_BYTES:
                raise ValueError(f"a question has at most {MAX_QUESTION_BYTES} bytes, got {size}")
            end = HEADER_BYTES + size
            if len(self._pending) < end:
                break
            notes.append(decode_note(self._pending[HEADER_BYTES:end]))
            self._pending = self._pending[end:]
        return notes
