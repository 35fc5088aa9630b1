"""Values to and from the object store, for one client.

Everything here may block: on a round trip to the scheduler, on the disk, on a copy.
"""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Any, TypeVar

from ray_jupyter import errors
from ray_jupyter.runtime.client.task_errors import load_task_error, with_source
from ray_jupyter.runtime.protocol.messages import (
    ABANDON,
    ALLOCATE,
    DENY,
    FAILED,
    GRANT,
    LOST,
    PUNCHED,
    RESTORED,
    SEEN,
    SPILL,
    SPILLED,
    SPILLED_OUT,
    STORED,
    SYSTEM_ERROR,
    Descriptor,
)
from ray_jupyter.runtime.store import spill
from ray_jupyter.runtime.store.serialization import deserialize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ray_jupyter.runtime.client.channel import Channel
    from ray_jupyter.runtime.client.mappings import Mappings
    from ray_jupyter.runtime.client.requests import Requests
    from ray_jupyter.runtime.store.segment import Segment
    from ray_jupyter.runtime.store.serialization import Serialized


T = TypeVar("T")


class LostValueError(Exception):
    """A value is not where it was said to be: moved meanwhile, or being made again, or gone."""


class Values:
    """Stores and loads.

    Args:
        collect: posts what has died; under the lock.
        end_use: told when a stored object that was expected here has been loaded.
        spill_dir: where this session's spilled objects go; made when it is needed.
    """

    def __init__(
        self, channel: Channel, requests: Requests, segment: Segment, mappings: Mappings,
        collect: Callable[[], object], end_use: Callable[[int], None], spill_dir: str,
    ) -> None:  # fmt: skip
        self._channel = channel
        self._requests = requests
        self._segment = segment
        self._mappings = mappings
        self._collect = collect
        self._end_use = end_use
        self._spill_dir = spill_dir

    # Storing

    def store(self, value: Serialized, seal: Callable[[Descriptor], T]) -> T:
        """Copy a value into shared memory and tell of it; return what ``seal`` returns.

        Args:
            value: larger than travels inside messages.
            seal: posts a message with the descriptor; afterwards the extent is the
                scheduler's. Runs, like the copy, without interrupts: an extent is at every
                moment somebody's.

        Raises:
            ObjectStoreFullError: no room, even after spilling.
        """

        def fill(offset: int, warm: bool) -> T:
            self._segment.write(offset, value, warm=warm)
            return seal((STORED, offset, value.size_bytes, value.look))

        return self._allocate(value.size_bytes, fill)

    def abandon_all(self, descriptors: Iterable[Descriptor]) -> None:
        """Give back the memory of stored values that nobody will hear of."""
        for descriptor in descriptors:
            if type(descriptor) is tuple and descriptor[0] == STORED:
                self.abandon(descriptor[1])

    def abandon(self, offset: int) -> None:
        """Give an extent back that will not be used."""
        with self._channel.lock:
            self._channel.post((ABANDON, offset))

    def give_back(self, request: int, answer: tuple[Any, ...]) -> None:
        """An answer came that nobody waits for any more."""
        if answer[0] == GRANT:
            self.abandon(answer[1])
            self._post_punched(answer[3], done=False)
        elif answer[0] == SPILL:
            with self._channel.lock:
                self._channel.post((SPILLED_OUT, request, []))

    def _allocate(
        self, size_bytes: int, fill: Callable[[int, bool], T], *, patient: bool = True
    ) -> T:
        """Get an extent and have ``fill(offset, warm)`` use it; spill others' if told to."""
        with self._requests.open() as request:
            with self._channel.lock:
                self._collect()  # what died already makes room first, and its pages are warm
                self._channel.post((ALLOCATE, request, size_bytes, patient))
            while True:
                self._requests.wait(request)
                with self._channel.shield:
                    kind, *answer = self._requests.take(request)
                    if kind == GRANT:
                        return self._use(fill, *answer)
                    if kind == DENY:
                        raise errors.ObjectStoreFullError(answer[0])
                    assert kind == SPILL
                    files = self._spill(answer[0])
                    with self._channel.lock:
                        self._channel.post((SPILLED_OUT, request, files))

    def _use(
        self, fill: Callable[[int, bool], T], offset: int, warm: bool, punch: list[tuple[int, int]]
    ) -> T:
        try:
            if punch:
                self._segment.punch(punch)
                self._post_punched(punch, done=True)
            return fill(offset, warm)
        except BaseException:
            self.abandon(offset)
            raise

    def _post_punched(self, punch: list[tuple[int, int]], *, done: bool) -> None:
        if punch:
            with self._channel.lock:
                self._channel.post((PUNCHED, [offset for offset, _ in punch], done))

    def _spill(self, victims: list[tuple[int, int, int]]) -> list[tuple[int, str]]:
        files: list[tuple[int, str]] = []
        try:
            os.makedirs(self._spill_dir, mode=0o700, exist_ok=True)
        except OSError:  # nothing can be spilled: the allocation will be denied
            return files
        for object_id, offset, size_bytes in victims:
            path = os.path.join(self._spill_dir, f"{object_id:x}-{os.getpid()}-{offset:x}")
            try:
                self._segment.spill(offset, size_bytes, path)
            except OSError:  # a full disk: what is not in ``files`` stays in memory
                break
            files.append((object_id, path))
        return files

    # Loading

    def load(self, object_id: int, descriptor: Descriptor, asked: Sequence[int] = ()) -> Any:
        """Return the value a descriptor stands for; stored ones have been delivered.

        The caller of a stored one is shielded; users' code that unpickles is not. Of all that were
        ``asked`` for together the user sees one error: that will do for the others.

        Raises:
            RayError: the descriptor is an error.
            LostValueError: it could not be read from its file, and the scheduler knows: ask again.
        """
        if type(descriptor) is bytes:
            return _unpickle(descriptor)
        kind = descriptor[0]
        if kind == STORED:
            return self._load_stored(object_id, descriptor[1], descriptor[2])
        if kind == SPILLED:
            try:
                return self._load_spilled(object_id, descriptor[1], descriptor[2])
            except spill.SpillFileError as error:
                with self._channel.lock:
                    self._channel.post((LOST, object_id, descriptor[1], str(error)))
                raise LostValueError from error
        with self._channel.lock:
            self._channel.post((SEEN, [*asked] or [object_id]))
        raise error_of(descriptor)

    def _load_stored(self, object_id: int, offset: int, size_bytes: int) -> Any:
        head = self._segment.read(offset, 1)
        if head[0] == 0x80:  # no buffers: everything is copied out here and now
            with self._channel.shield.lifted:
                return _unpickle(self._segment.read(offset, size_bytes))
        with self._channel.shield, self._channel.lock:
            view = self._mappings.view(object_id, offset, size_bytes)
        with self._channel.shield.lifted:
            return _unpickle(view)

    def _load_spilled(self, object_id: int, path: str, size_bytes: int) -> Any:
        try:
            descriptor = self._restore(object_id, path, size_bytes)
        except errors.ObjectStoreFullError:
            # No room even for this: look at the file itself. The mapping keeps it alive.
            view = spill.view(path, size_bytes)
            with self._channel.shield.lifted:
                return _unpickle(view)
        try:
            return self.load(object_id, descriptor)
        finally:
            if type(descriptor) is tuple and descriptor[0] == STORED:
                self._end_use(object_id)

    def _restore(self, object_id: int, path: str, size_bytes: int) -> Descriptor:
        """Bring a spilled value back into memory; return where it is now, in use."""

        def fill(offset: int, warm: bool) -> None:
            self._segment.restore(offset, size_bytes, path)
            with self._channel.lock:
                self._channel.post((RESTORED, object_id, offset, size_bytes))

        with self._requests.expect(object_id) as arrived:
            self._allocate(size_bytes, fill, patient=False)
            return self._requests.wait_object(arrived)

    def equals(self, object_id: int, descriptor: Descriptor, value: Serialized) -> bool:
        """Return whether the stored bytes are exactly those of ``value``."""
        if type(descriptor) is not tuple or descriptor[0] != STORED:
            return False
        if descriptor[2] != value.size_bytes:
            return False
        import numpy

        stored = self._segment.array(descriptor[1], descriptor[2])
        for offset, piece in value.pieces():
            mine = numpy.frombuffer(piece, numpy.uint8)
            theirs = stored[offset : offset + len(mine)]
            # memcmp reads at the speed of memory and lets other threads run.
            if _memcmp(mine.ctypes.data, theirs.ctypes.data, len(mine)):
                return False
        return True


_libc = ctypes.CDLL(None)
_libc.memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_memcmp = _libc.memcmp


def _unpickle(data: bytes | memoryview) -> Any:
    """Return the value; what its own unpickling raises must not end the caller's process."""
    try:
        return deserialize(data)
    except (KeyboardInterrupt, Exception):
        raise
    except BaseException as error:
        raise errors.SerializationError(
            f"the value cannot be unpickled: {type(error).__name__}: {error}"
        ) from error


def error_of(descriptor: Descriptor) -> BaseException:
    """Return the exception that an error descriptor stands for."""
    kind = descriptor[0]
    if kind == FAILED:
        return load_task_error(*descriptor[1:])
    if kind == SYSTEM_ERROR:
        cls = getattr(errors, descriptor[1])
        return cls(with_source(descriptor[2]))  # type: ignore[no-any-return]
    error = errors.ActorDiedError(with_source(descriptor[1]))
    if descriptor[2] is not None:
        cause = load_task_error(descriptor[2])
        error = errors.ActorDiedError(f"{descriptor[1]}\n{cause}")
        error.__cause__ = cause
    return error
