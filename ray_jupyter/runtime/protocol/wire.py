"""Messages to bytes and back.

A frame is a little-endian u32 length and a marshalled list of messages. ``marshal`` is
twice as fast as pickle here (RUNTIME measurements in docs/design/performance.md) and in
the standard library; it is fit for this because both ends are processes of one session,
started from one interpreter. User data inside is opaque bytes: decoding a frame never
runs user code.
"""

from __future__ import annotations

import struct
from marshal import dumps, loads

from ray_jupyter.runtime.protocol.messages import Message

_length = struct.Struct("<I")
HEADER_BYTES = _length.size
MAX_FRAME_BYTES = 2**32 - 1
_VERSION = 2  # later versions look for shared objects, which costs a third and finds none


def encode(messages: list[Message]) -> bytes:
    """Return one frame.

    Raises:
        ValueError: the messages hold something that is not plain data, or 4 GiB of it.
    """
    body = dumps(messages, _VERSION)
    if len(body) > MAX_FRAME_BYTES:
        raise ValueError(f"a frame holds at most {MAX_FRAME_BYTES} bytes, got {len(body)}")
    return _length.pack(len(body)) + body


class Decoder:
    """Collects received bytes and returns the messages that are whole."""

    __slots__ = ("_missing_bytes", "_pending")

    def __init__(self) -> None:
        self._pending = bytearray()
        self._missing_bytes = 0

    def feed(self, chunk: bytes) -> list[Message]:
        """Return the messages completed by ``chunk``, in order.

        Raises:
            ValueError: the bytes are not frames of ours.
        """
        if self._pending:
            self._pending += chunk
            self._missing_bytes -= len(chunk)
            if self._missing_bytes > 0:
                return []
            chunk = bytes(self._pending)
            self._pending.clear()
        messages: list[Message] = []
        at, size = 0, len(chunk)
        while size - at >= HEADER_BYTES:
            end = at + HEADER_BYTES + _length.unpack_from(chunk, at)[0]
            if end > size:
                self._missing_bytes = end - size
                break
            try:
                body = loads(chunk[at + HEADER_BYTES : end])
            except (EOFError, MemoryError, TypeError, ValueError) as error:
                raise ValueError(f"not a frame of this protocol: {error}") from error
            if type(body) is not list:
                raise ValueError(f"a frame holds a list of messages, got {type(body).__name__}")
            messages += body
            at = end
        else:
            self._missing_bytes = HEADER_BYTES - (size - at)
        if at < size:
            self._pending += chunk[at:] if at else chunk
        return messages
