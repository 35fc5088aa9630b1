"""Ids that carry what they stand for: Ray's own reference, or Ray's handle of an actor.

A number is a hash of Ray's name for the same thing, so that every process finds the same one, and a task
its own: nothing has to travel with a call. Counting, as the local runtime does, was tried: then each call
carries its number, and Ray takes 11 % more time for a task with an argument than for one without.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakValueDictionary

import ray
from ray import cloudpickle

from ray_jupyter.backends.ray_cluster.present import attached
from ray_jupyter.errors import SerializationError

TASK_ID_BYTES = 24
_SERVER = "ray.util.client.server.server"
"""The module that only the server of Ray's client has loaded."""
_HASHED = 1 << 62
"""Ids are not smaller: numbers of cells are."""
_RESULTS = 0xFF
"""These bits of an id are free: results of one task have consecutive ids."""
_REMEMBERED = 100_000
"""So many of what a driver made are known by Ray's names; Ray remembers as many itself."""
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
    return _HASHED | (int.from_bytes(digest, "big") >> 2 & ~_RESULTS)


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
    """What this process names, and in which of its cells.

    Args:
        remembers: whether this is the driver, of whose tasks others ask later.
    """

    def __init__(self, *, remembers: bool) -> None:
        self._remembers = remembers
        self._cell = 0
        # Without a lock: each step is one operation of the dictionary, and none needs the one before.
        self._made: OrderedDict[int, tuple[bytes, int]] = OrderedDict()
        """By id: Ray's name of the task that makes it, and the cell."""
        self._is_client = ray.util.client.ray.is_connected()
        self._refs: WeakValueDictionary[int, Any] = WeakValueDictionary()
        """Of a driver behind Ray's client, which cannot make a reference of a name."""

    def begin_cell(self) -> int:
        """What is made from now on is of a new cell; return its id."""
        self._cell += 1
        return self._cell

    def of_call(self, ref: Any) -> RayId:
        """Return the id of what a call just made."""
        return self._named(task_of(ref), ref)

    def of_value(self, ref: Any) -> RayId:
        """Return the id of an object that no call of ours made: a put one, or a stream's item."""
        return self._named(ref.binary(), ref)

    def _named(self, name: bytes, ref: Any) -> RayId:
        made = RayId(hashed(name), ref)
        if self._remembers:
            self._made[int(made)] = name[:TASK_ID_BYTES], self._cell
            if len(self._made) > _REMEMBERED:
                self._made.popitem(last=False)
            if self._is_client:
                self._refs[int(made)] = ref
        return made

    def first_result(self, task_id: int) -> Any:
        """Return Ray's reference to the first result of one of the driver's newest tasks.

        Behind Ray's client ``None`` if nobody refers to it any more.
        """
        if self._is_client:
            return self._refs.get(int(task_id))
        known = self._made.get(int(task_id))
        return None if known is None else ray.ObjectRef(known[0] + _FIRST)

    def cell_of(self, object_id: int) -> int | None:
        """See ``Backend.cell_of``; of the newest that this driver made."""
        known = self._made.get(object_id & ~_RESULTS)  # any result of a task
        return None if known is None else known[1]
