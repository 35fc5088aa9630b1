"""Values to bytes and back, with the references inside them.

Lives here: which pickler a value gets, and collecting references while it works. Does
not: cloudpickle (``cloudpickler``), the layout of the bytes (``layout``), where they are
kept (``segment``).

Rules
    * Values of exact plain types take the C pickler; everything else takes cloudpickle.
      Trying C first and looking for ``__main__`` afterwards was measured: wrong for
      modules registered by value, and slower from 1 MB on.
    * Buffers always leave the pickle (protocol 5): inside it a 1 MB array costs 100 times
      as much, and only outside can it be shared. So arrays come back read-only, whatever
      their size.
"""

from __future__ import annotations

import pickle
import threading
from pickle import PickleBuffer
from typing import TYPE_CHECKING, Any

from ray_jupyter.errors import RayError, SerializationError
from ray_jupyter.runtime.store.layout import parse, plan
from ray_jupyter.runtime.store.looks import look_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray_jupyter.runtime.protocol.ids import Reference

PROTOCOL = 5
SCALARS = frozenset({int, float, bool, type(None), str, bytes, complex})
"""Types the C pickler gets right alone. Exact types: a subclass may be the user's."""
_GATE_ITEMS = 16
_LOOKED_AT_BYTES = 16_000
"""Of larger values is noted what they look like; of smaller ones their bytes tell it later."""


class _Collector(threading.local):
    ids: list[int] | None = None


_collector = _Collector()


def note_reference(ref: Reference) -> bool:
    """Count ``ref`` into the pickle this thread is making; return whether it makes one."""
    if _collector.ids is None:
        return False
    _collector.ids.append(ref.id)
    return True


def is_plain(value: object) -> bool:
    """Return whether ``value`` is a scalar, or a small container of scalars two levels deep."""
    if type(value) in SCALARS:
        return True
    return _is_plain_container(value, 2)


def _is_plain_container(value: Any, depth: int) -> bool:
    kind = type(value)
    if kind is dict:
        if len(value) > _GATE_ITEMS:
            return False
        items: Sequence[Any] = [*value.keys(), *value.values()]
    elif kind is list or kind is tuple:
        if len(value) > _GATE_ITEMS:
            return False
        items = value
    else:
        return False
    for item in items:
        if type(item) not in SCALARS and (depth < 2 or not _is_plain_container(item, depth - 1)):
            return False
    return True


class Serialized:
    """A pickle, the buffers it left out, and the ids of the references inside.

    Attributes:
        pickle: protocol 5.
        buffers: contiguous bytes, in the order the pickle wants them; not copied.
        contained: each reference once.
        look: what the value looks like; empty if nobody noted it.
        size_bytes: of the value as ``layout`` writes it.
    """

    __slots__ = ("_header", "_offsets", "buffers", "contained", "look", "pickle", "size_bytes")

    def __init__(self, data: bytes, buffers: list[memoryview], contained: tuple[int, ...]) -> None:
        self.pickle = data
        self.buffers = buffers
        self.contained = contained
        self.look = ""
        if buffers:
            self._header, self._offsets, self.size_bytes = plan(
                len(data), [buffer.nbytes for buffer in buffers]
            )
        else:
            self._header, self._offsets, self.size_bytes = b"", [0], len(data)

    def pieces(self) -> list[tuple[int, bytes | memoryview]]:
        """Return what to write where: (offset in the value, bytes), in order."""
        pieces: list[tuple[int, bytes | memoryview]] = [(0, self._header)] if self._header else []
        pieces += zip(self._offsets, (self.pickle, *self.buffers), strict=True)
        return pieces

    def to_bytes(self) -> bytes:
        """Return the value as one piece."""
        if not self.buffers:
            return self.pickle
        out = bytearray(self.size_bytes)
        for offset, piece in self.pieces():
            out[offset : offset + len(piece)] = piece
        return bytes(out)


def serialize(value: object) -> Serialized:
    """Return ``value`` as bytes that ``deserialize`` understands in any process.

    Raises:
        SerializationError: it cannot be pickled; the message says which type, and why.
    """
    packed = _serialize(value)
    if packed.size_bytes > _LOOKED_AT_BYTES:
        packed.look = look_of(value)
    return packed


def _serialize(value: object) -> Serialized:
    if is_plain(value):
        return Serialized(pickle.dumps(value, PROTOCOL), [], ())
    buffers: list[PickleBuffer] = []
    outer, found = _collector.ids, []  # type: ignore[var-annotated]
    _collector.ids = found
    try:
        if _is_simple_array(value):
            data = pickle.dumps(value, PROTOCOL, buffer_callback=buffers.append)
        else:
            from ray_jupyter.runtime.store.cloudpickler import dumps

            data = dumps(value, PROTOCOL, buffers.append)
    except (RayError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a user's __reduce__ may raise anything, SystemExit too
        raise SerializationError(
            f"cannot pickle a value of type {type(value).__module__}.{type(value).__qualname__}: "
            f"{type(error).__name__}: {error}"
        ) from error
    finally:
        _collector.ids = outer
    contained = tuple(dict.fromkeys(found)) if found else ()
    return Serialized(data, [buffer.raw() for buffer in buffers], contained)


def _is_simple_array(value: object) -> bool:
    """Return whether this is a numpy array of plain numbers (C pickle is right for it)."""
    kind = type(value)
    return (
        kind.__module__ == "numpy" and kind.__name__ == "ndarray"
        and not value.dtype.hasobject and value.dtype.names is None  # type: ignore[attr-defined]
    )  # fmt: skip


def deserialize(data: bytes | memoryview) -> Any:
    """Return the value; its arrays are read-only views of ``data`` if that is read-only."""
    if data[0] == 0x80:
        return pickle.loads(data)
    (start, end), spans = parse(data)
    view = data if isinstance(data, memoryview) else memoryview(data)
    return pickle.loads(view[start:end], buffers=[view[a:b] for a, b in spans])
