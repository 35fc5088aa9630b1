"""Ids that carry what they stand for: Ray's own reference, or Ray's handle of an actor.

A driver mints ids by counting, as the local runtime does, so that later calls have larger ids.
What a worker makes is named by a hash of Ray's name for it: any process finds the same id.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import ray
from ray import cloudpickle

from ray_jupyter.backends.ray_cluster.present import attached
from ray_jupyter.errors import SerializationError

TASK_ID_BYTES = 24
_SERVER = "ray.util.client.server.server"
"""The module that only the server of Ray's client has loaded."""
_HASHED = 1 << 62
"""Ids from here on are hashes; those that a driver counts stay below."""
_REMEMBERED = 100_000
"""So many of the driver's tasks are known by Ray's names; Ray remembers as many itself."""
_FIRST = (1).to_bytes(4, "little")
"""Ends Ray's name of a first result; the name of the task comes before it."""
_NO_ACTOR = b"\xff" * 12
"""In the middle of Ray's name of a task, where no actor runs it."""
_CREATION = b"\xff" * 8
"""Begins Ray's name of the task that makes an actor; the actor's own name follows."""


_refusing = threading.local()


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Have ids not be pickled in this thread: a pickle of the user's own would keep the object."""
    _refusing.is_on = True
    try:
        yield
    finally:
        _refusing.is_on = False


class RayId(int):
    """An id, and the reference of Ray that keeps what it stands for.

    Attributes:
        ref: an ``ObjectRef`` or an ``ActorHandle`` of Ray.
        kept: of an actor, what making it again needs.
        further: of a task with several results, the other ids, until somebody takes them.
    """

    ref: Any
    kept: Any
    further: tuple[RayId, ...]

    def __new__(cls, number: int, ref: Any) -> RayId:
        """Return the id ``number``, which keeps ``ref``."""
        made = super().__new__(cls, number)
        made.ref = ref
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        if getattr(_refusing, "is_on", False):
            raise SerializationError("there is a reference inside")
        if _is_ray_pickling():
            return _arrive, (int(self), self.ref)
        # A pickle of the user's own: Ray then keeps the object until this process ends.
        job_id = ray.get_runtime_context().get_job_id()
        return _arrive_later, (int(self), job_id, cloudpickle.dumps(self.ref))


def _is_ray_pickling() -> bool:
    """Return whether Ray makes the pickle, so that it sees the reference inside."""
    if ray.util.client.ray.is_connected() or _SERVER in sys.modules:
        return True  # the picklers of Ray's client and its server see references wherever they are
    context = ray._private.worker.global_worker.get_serialization_context()
    return bool(context.is_in_band_serialization())


def _arrive(number: int, ref: Any) -> RayId:
    """Unpickle an id; the first one that a worker meets attaches it to the session."""
    attached()
    return RayId(number, ref)


def _arrive_later(number: int, job_id: str, data: bytes) -> int:
    if not ray.is_initialized() or ray.get_runtime_context().get_job_id() != job_id:
        return number  # of a session that has ended: nothing can be got, and every use says so
    return _arrive(number, cloudpickle.loads(data))


def hashed(name: bytes) -> int:
    """Return the id for a name of Ray's: of a task, or of an object that was put."""
    digest = hashlib.blake2b(name, digest_size=8).digest()
    # The lowest byte is free: results of one task have consecutive ids.
    return _HASHED | (int.from_bytes(digest, "big") >> 2 & ~0xFF)


def task_of_actor(actor_id: bytes) -> bytes:
    """Return Ray's name of the task that made an actor."""
    return _CREATION + actor_id


def task_of(ref: Any) -> bytes:
    """Return Ray's name of the task that makes an object, or that made an actor."""
    if hasattr(ref, "task_id"):
        name: bytes = ref.binary()[:TASK_ID_BYTES]
        return name
    return task_of_actor(ref._actor_id.binary())


def is_actor_call(ref: Any) -> bool:
    """Return whether Ray's reference is to what an actor makes."""
    return task_of(ref)[8:20] != _NO_ACTOR


def are_there(refs: Sequence[Any]) -> list[Any]:
    """Return those of Ray's references whose results have come.

    Asked before each cancel: Ray 2.60 ends the whole process ("Tried to complete task that was
    not pending") when a task is cancelled while its results are being taken in, and whoever
    waits for them wakes up in that moment.
    """
    if not refs:
        return []
    ready: list[Any] = ray.wait(list(refs), num_returns=len(refs), timeout=0, fetch_local=False)[0]
    return ready


class Ids:
    """The ids of one process.

    Args:
        counts: whether this is the driver, which counts.
    """

    def __init__(self, *, counts: bool) -> None:
        self._counts = counts
        self._lock = threading.Lock()
        self._next_id = 1
        self._known: OrderedDict[bytes, int] = OrderedDict()
        self._names: dict[int, bytes] = {}

    def mint(self, count: int = 1) -> int:
        """Return the first of ``count`` new ids; 0 in a worker, where Ray's names decide."""
        if not self._counts:
            return 0
        with self._lock:
            first = self._next_id
            self._next_id = first + max(count, 1)
            return first

    def named(self, first: int, ref: Any) -> RayId:
        """Return the id of what a call just made: ``first``, if that was minted for it."""
        name = task_of(ref)
        if not first:
            return RayId(hashed(name), ref)
        with self._lock:
            self._known[name] = first
            self._names[first] = name
            if len(self._known) > _REMEMBERED:
                _, oldest = self._known.popitem(last=False)
                self._names.pop(oldest, None)
        return RayId(first, ref)

    def of_value(self, ref: Any) -> RayId:
        """Return the id of an object that no call of ours made: a put one, or a stream's item."""
        return RayId(self.mint() or hashed(ref.binary()), ref)

    def first_result(self, task_id: int) -> Any:
        """Return Ray's reference to the first result of one of the driver's newest tasks."""
        name = self._names.get(int(task_id))
        return None if name is None else ray.ObjectRef(name + _FIRST)

    def of_task(self, name: bytes) -> int:
        """Return the id for Ray's name of a task."""
        return self._known.get(name) or hashed(name)
