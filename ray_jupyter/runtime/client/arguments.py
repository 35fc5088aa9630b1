"""The arguments of a call on their way into a spec.

A packed call is a pickled ``(args, kwargs)``, or ``(args, kwargs, slots)`` when some arguments
are references: slot ``i`` says where the value of dependency ``i`` goes (an index or a
keyword). Large arguments become objects of the store and dependencies in their place, so a
100 MB array passed to ten tasks is copied once.
"""

from __future__ import annotations

import inspect
import pickle
import sys
import threading
import time
import warnings
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from ray_jupyter.errors import LargeArgumentWarning, SerializationError, StaleRefError
from ray_jupyter.runtime.protocol.ids import Reference
from ray_jupyter.runtime.store.serialization import (
    PROTOCOL,
    SCALARS,
    Serialized,
    deserialize,
    serialize,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ray_jupyter.runtime.client.interrupts import InterruptShield
    from ray_jupyter.runtime.protocol.specs import TaskTemplate

Packed = tuple[bytes, tuple[int, ...], tuple[int, ...]]
"""Payload, dependencies, references inside."""

NO_ARGUMENTS: Packed = (b"", (), ())
ALL_IN_STORE = b"@"
"""The payload of a call whose packed arguments are themselves dependency 0."""
NOTICE_BYTES = 10_000_000
_REMEMBERED = 16
_KEEP_S = 5.0
_PACKAGE = __name__.partition(".")[0]


def unpack(payload: bytes, values: list[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
    """Return the arguments of a packed call by position and by name.

    Args:
        payload: not empty.
        values: those of the dependencies, in order.
    """
    call = values.pop(0) if payload == ALL_IN_STORE else deserialize(payload)
    if not values:
        return call[0], call[1]
    args, kwargs, slots = list(call[0]), call[1], call[2]
    for slot, value in zip(slots, values, strict=True):
        if isinstance(slot, int):
            args[slot] = value
        else:
            kwargs[slot] = value
    return args, kwargs


class _Copy:
    """A stored copy of an argument, for as long as the original may come again."""

    __slots__ = ("object_id", "used_s", "watch")

    def __init__(self, watch: weakref.ref[Any], object_id: int) -> None:
        self.watch = watch
        self.object_id = object_id
        self.used_s = time.monotonic()


class Arguments:
    """Packs calls for one client.

    Args:
        session_id: references of other sessions are refused.
        store: puts a value into the object store and returns its id, counted once.
        drop: ends such a count.
        shield: keeps interrupts out of the moments in which a copy is nobody's.
        same: tells whether a stored object still equals a serialized value.
    """

    def __init__(
        self, session_id: str, store: Callable[[Serialized], int],
        drop: Callable[[int], object], shield: InterruptShield,
        same: Callable[[int, Serialized], bool], inline_max_bytes: int,
    ) -> None:  # fmt: skip
        self._session_id = session_id
        self._store = store
        self._drop = drop
        self._same = same
        self._shield = shield
        self._inline_max_bytes = inline_max_bytes
        self._promoted: OrderedDict[int, _Copy] = OrderedDict()
        self._lock = threading.Lock()
        self._noticed: set[tuple[str, str]] = set()
        self.packed_ns = 0
        """What pickling took, and nobody has been told."""

    def pack(
        self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Packed, list[int]]:
        """Return the packed call, and objects to drop once it has been posted.

        Raises:
            SerializationError: names the argument that cannot be pickled.
            StaleRefError: an argument is a reference of another session.
        """
        if not kwargs:
            for value in args:
                if type(value) not in SCALARS:
                    break
            else:
                payload = pickle.dumps((args, kwargs), PROTOCOL)
                if len(payload) <= self._inline_max_bytes:
                    return (payload, (), ()), []
        began_ns = time.monotonic_ns()
        packed = self._pack_any(template, list(args), dict(kwargs))
        self.packed_ns += time.monotonic_ns() - began_ns
        return packed

    def _pack_any(
        self, template: TaskTemplate, args: list[Any], kwargs: dict[str, Any]
    ) -> tuple[Packed, list[int]]:
        slots: list[int | str] = []
        deps: list[int] = []
        places: list[tuple[Any, int | str, Any]] = [(args, i, v) for i, v in enumerate(args)]
        places += [(kwargs, name, value) for name, value in kwargs.items()]
        for container, place, value in places:
            if isinstance(value, Reference):
                self._check_session(value)
                slots.append(place)
                deps.append(value.id)
                container[place] = None
        packed = self._serialize(template, args, kwargs, slots)
        if packed.size_bytes <= self._inline_max_bytes:
            return (packed.to_bytes(), tuple(deps), packed.contained), []
        stored: list[int] = []
        try:
            return self._pack_large(template, args, kwargs, places, slots, deps, stored)
        except BaseException:  # an interrupt, say: nothing will be posted that holds these
            for object_id in stored:
                self._drop(object_id)
            raise

    def _pack_large(
        self, template: TaskTemplate, args: list[Any], kwargs: dict[str, Any],
        places: list[tuple[Any, int | str, Any]], slots: list[int | str], deps: list[int],
        stored: list[int],
    ) -> tuple[Packed, list[int]]:  # fmt: skip
        for container, place, value in places:
            if container[place] is None or (type(value) in SCALARS and not _is_long(value)):
                continue
            piece = serialize(value)
            if piece.size_bytes > self._inline_max_bytes:
                self._notice(template, place, value, piece.size_bytes)
                object_id = self._promote(value, piece, stored)
                slots.append(place)
                deps.append(object_id)
                container[place] = None
        packed = self._serialize(template, args, kwargs, slots)
        if packed.size_bytes <= self._inline_max_bytes:
            return (packed.to_bytes(), tuple(deps), packed.contained), stored
        stored.append(self._store(packed))  # many middling arguments: all of them together
        return (ALL_IN_STORE, (stored[-1], *deps), packed.contained), stored

    def _check_session(self, ref: Reference) -> None:
        if ref.session_id != self._session_id:
            raise StaleRefError(
                f"{ref!r} belongs to a session that has ended, and its objects ended with it; "
                "run the code that made it again"
            )

    def _serialize(
        self, template: TaskTemplate, args: list[Any], kwargs: dict[str, Any],
        slots: list[int | str],
    ) -> Serialized:  # fmt: skip
        call = (tuple(args), kwargs, tuple(slots)) if slots else (tuple(args), kwargs)
        try:
            return serialize(call)
        except SerializationError as error:
            places: list[tuple[int | str, Any]] = [*enumerate(args), *kwargs.items()]
            for place, value in places:
                try:
                    serialize(value)
                except SerializationError as culprit:
                    name = parameter_name(template, place)
                    raise SerializationError(
                        f"argument {name!r} of {template.name} "
                        f"({type(value).__qualname__}): {culprit}"
                    ) from error
            raise

    def _promote(self, value: Any, piece: Serialized, stored: list[int]) -> int:
        """Return the id of the stored value, stored now unless an equal copy is there.

        The copy is compared byte by byte: the user may have changed the array since.
        """
        with self._shield, self._lock:
            known = self._promoted.get(id(value))
            if known is not None:
                if known.watch() is value and self._same(known.object_id, piece):
                    self._promoted.move_to_end(id(value))
                    known.used_s = time.monotonic()
                    return known.object_id
                self._forget(id(value))  # changed since, or another object at the same address
            object_id = self._store(piece)
            try:
                watch = weakref.ref(value)
            except TypeError:  # a list, say: it cannot be recognised later
                stored.append(object_id)
                return object_id
            self._promoted[id(value)] = _Copy(watch, object_id)
            if len(self._promoted) > _REMEMBERED:
                self._forget(next(iter(self._promoted)))
            return object_id

    def copies(self) -> frozenset[int]:
        """Return the objects that are copies kept for the next call with the same argument."""
        return frozenset(copy.object_id for copy in list(self._promoted.values()))

    def _forget(self, key: int) -> None:
        self._drop(self._promoted.pop(key).object_id)

    def forget_unused(self, *, everything: bool = False) -> None:
        """Let go of copies whose original is gone, or that were not used for a while.

        Args:
            everything: let go of all of them, because memory is short.
        """
        if not self._promoted or not self._lock.acquire(blocking=False):
            return  # a copy is being made right now: the next look is soon enough
        try:
            oldest_s = time.monotonic() - _KEEP_S
            for key, copy in list(self._promoted.items()):
                if everything or copy.watch() is None or copy.used_s < oldest_s:
                    self._forget(key)
        finally:
            self._lock.release()

    def _notice(self, template: TaskTemplate, place: int | str, value: Any, size: int) -> None:
        name = parameter_name(template, place)
        if size >= NOTICE_BYTES and (template.name, name) not in self._noticed:
            self._noticed.add((template.name, name))
            warnings.warn(
                f"{template.name}.remote(): argument {name!r} ({type(value).__qualname__}, "
                f"{size / 1e6:.0f} MB) was copied into the object store; the same object is not "
                "copied again. ray.put(...) does it once, explicitly",
                LargeArgumentWarning,
                stacklevel=levels_to_user(),
            )


def levels_to_user() -> int:
    """Return the ``stacklevel`` (seen from our caller) of the first frame of the user's."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals):
        level, frame = level + 1, frame.f_back
    return level


def _is_ours(module: dict[str, Any]) -> bool:
    return str(module.get("__name__")).partition(".")[0] == _PACKAGE


def _is_long(value: Any) -> bool:
    return isinstance(value, (str, bytes)) and len(value) > 4096


def parameter_name(template: TaskTemplate, place: int | str) -> str:
    """Return the parameter that the argument at ``place`` is bound to."""
    if isinstance(place, str):
        return place
    try:
        parameters = list(inspect.signature(template.function).parameters.values())  # type: ignore[arg-type]
    except (TypeError, ValueError):  # no Python signature, or an actor method: by position
        return f"#{place}"
    by_position = [
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if place < len(by_position):
        return by_position[place]
    return next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), f"#{place}")
