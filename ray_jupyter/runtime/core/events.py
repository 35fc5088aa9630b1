"""What may happen to the scheduler. Each client message is one event, fields in order.

``client`` is the process the event comes from. Batches stay batches: one event may carry
thousands of tasks, and the tuples inside are exactly those of ``protocol.messages``.
"""

from __future__ import annotations

from typing import NamedTuple

from ray_jupyter.runtime.protocol.messages import Definition, Descriptor, Result, Spec


class ClientJoined(NamedTuple):
    """A process is connected: the driver (``is_worker`` False) or a worker."""

    client: int
    is_worker: bool
    pid: int


class WorkerRefused(NamedTuple):
    """A worker could not be started."""


class ClientLost(NamedTuple):
    """A process is gone; ``running`` is the task it last announced (0: none)."""

    client: int
    reason: str
    running: int


class Submitted(NamedTuple):
    """Tasks to run."""

    client: int
    specs: list[Spec]


class Claimed(NamedTuple):
    """Tasks that the submitting worker already runs itself."""

    client: int
    specs: list[Spec]


class CellBegan(NamedTuple):
    """What the client submits from now on belongs to this cell."""

    client: int
    cell: int


class Defined(NamedTuple):
    """A template that later specs name."""

    client: int
    template: int
    definition: Definition


class Undefined(NamedTuple):
    """Templates that no later spec will name."""

    client: int
    templates: list[int]


class Put(NamedTuple):
    """Values made outside of tasks."""

    client: int
    entries: list[tuple[int, Descriptor, tuple[int, ...]]]


class Held(NamedTuple):
    """The process now has references to these objects."""

    client: int
    ids: list[int]


class Released(NamedTuple):
    """The process has no references to these objects any more."""

    client: int
    ids: list[int]


class Seen(NamedTuple):
    """The process's user has got to see that these objects are errors."""

    client: int
    ids: list[int]


class Wanted(NamedTuple):
    """The process waits for these objects."""

    client: int
    ids: list[int]


class Finished(NamedTuple):
    """Tasks ended, well or badly."""

    client: int
    results: list[Result]


class Yielded(NamedTuple):
    """A running task yielded items; ``place`` is that of the first in the stream."""

    client: int
    task: int
    place: int
    items: list[tuple[int, Descriptor, tuple[int, ...]]]


class Consumed(NamedTuple):
    """The reader of a stream with back-pressure has taken so many items."""

    client: int
    task: int
    number: int


class StreamsClosed(NamedTuple):
    """The process will not read these tasks' streams any more."""

    client: int
    tasks: list[int]


class Blocked(NamedTuple):
    """The running task waits for ``ids``; ``returned`` are unstarted tasks handed back."""

    client: int
    ids: list[int]
    returned: list[int]


class Unblocked(NamedTuple):
    """The task that waited goes on."""

    client: int


class Returned(NamedTuple):
    """Unstarted tasks handed back."""

    client: int
    tasks: list[int]


class CancelRequested(NamedTuple):
    """Somebody wants the task that makes ``object_id`` to end."""

    client: int
    object_id: int
    force: bool
    recursive: bool


class KillActorRequested(NamedTuple):
    """Somebody wants the actor's process to end now; it may start again unless ``no_restart``."""

    client: int
    actor: int
    no_restart: bool = True


class ActorExited(NamedTuple):
    """An actor ends of its own will; ``how`` completes the sentence that begins with it."""

    client: int
    how: str


class ActorSought(NamedTuple):
    """The process wants a reference to the actor of this name."""

    client: int
    request: int
    namespace: str
    name: str


class ResumeRequested(NamedTuple):
    """Somebody wants the failed task of an object to run again, with this template (0: its own)."""

    client: int
    request: int
    object_id: int
    template: int


class RenewalRequested(NamedTuple):
    """Somebody wants fresh processes in place of the idle workers."""

    client: int


class Moved(NamedTuple):
    """Pickling and unpickling for this task took so long; task 0 is the driver's cell."""

    client: int
    task: int
    moved_ns: int


class ResizeRequested(NamedTuple):
    """From now on there shall be ``cpus`` CPUs, and as many workers."""

    client: int
    request: int
    cpus: int


class AllocationRequested(NamedTuple):
    """The process needs ``size_bytes`` of shared memory; ``patient``: it has no other way."""

    client: int
    request: int
    size_bytes: int
    patient: bool = True


class Abandoned(NamedTuple):
    """A granted extent will not be used."""

    client: int
    offset: int


class Punched(NamedTuple):
    """Extents of a grant's ``punch`` have no pages any more (or, not ``done``, may have)."""

    client: int
    offsets: list[int]
    done: bool


class SpilledOut(NamedTuple):
    """The victims of a ``SpillVictims`` command are in files; missing ones failed."""

    client: int
    request: int
    files: list[tuple[int, str]]


class Restored(NamedTuple):
    """A spilled value is in shared memory again."""

    client: int
    object_id: int
    offset: int
    size_bytes: int


class ObjectLost(NamedTuple):
    """A spilled value cannot be read from its file."""

    client: int
    object_id: int
    path: str
    reason: str


class Unpinned(NamedTuple):
    """The process keeps no mapping of these objects any more."""

    client: int
    ids: list[int]


class Tick(NamedTuple):
    """The deadline that ``next_deadline_ns`` named has passed."""


Event = (
    ClientJoined | WorkerRefused | ClientLost | CellBegan | Submitted | Claimed | Defined | Undefined | Put | Held | Released
    | Seen | Wanted | Finished | Yielded | Consumed | StreamsClosed | Blocked | Unblocked | Returned | CancelRequested | KillActorRequested
    | ActorExited | ActorSought | ResumeRequested | RenewalRequested | ResizeRequested | Moved
    | AllocationRequested | Abandoned | Punched | SpilledOut | Restored | ObjectLost | Unpinned | Tick
)  # fmt: skip
