"""What the scheduler's shell has to do. ``client`` is the process it concerns."""

from __future__ import annotations

from typing import NamedTuple

from ray_jupyter.runtime.protocol.messages import Assignment, Definition, Descriptor


class Dispatch(NamedTuple):
    """Send tasks to a worker, with the templates it does not know yet."""

    client: int
    definitions: list[tuple[int, Definition]]
    assignments: list[Assignment]
    in_place: bool


class Equip(NamedTuple):
    """The GPUs that the worker may use from now on, by number."""

    client: int
    devices: list[int]


class Deliver(NamedTuple):
    """Send the descriptors of finished objects."""

    client: int
    objects: list[tuple[int, Descriptor]]


class Retract(NamedTuple):
    """These objects were errors, and will be made again: forget what is known of them."""

    client: int
    ids: list[int]


class Stream(NamedTuple):
    """Tell the reader of a stream about items that are its references now, or of the end."""

    client: int
    task: int
    items: list[tuple[int, bytes | None]]
    state: int


class Resume(NamedTuple):
    """Tell the worker of a task how many items of its stream have been taken."""

    client: int
    task: int
    number: int


class Grant(NamedTuple):
    """Shared memory to write into; ``punch`` are extents to give back to the system first."""

    client: int
    request: int
    offset: int
    warm: bool
    punch: list[tuple[int, int]]


class Deny(NamedTuple):
    """No room; ``census`` says who holds what."""

    client: int
    request: int
    census: str


class SpillVictims(NamedTuple):
    """Write these to disk before the allocation can be granted."""

    client: int
    request: int
    victims: list[tuple[int, int, int]]


class Reclaim(NamedTuple):
    """Give up every mapping that no view needs."""

    client: int


class Recall(NamedTuple):
    """Hand back every task not yet started."""

    client: int


class InterruptTask(NamedTuple):
    """Cancel one task: drop it if it has not started, interrupt it if it runs."""

    client: int
    task: int


class Forget(NamedTuple):
    """Drop these templates and what their functions hold."""

    client: int
    templates: list[int]


class Reply(NamedTuple):
    """The answer to a question."""

    client: int
    request: int
    answer: object


class Total(NamedTuple):
    """Tell a process what resources the session has from now on, in units by name."""

    client: int
    total: dict[str, int]


class Complain(NamedTuple):
    """Tell the driver of ``root`` of a task's error: nobody has asked for its results, or will."""

    root: int
    task: int
    name: str
    value: Descriptor


class StopWorker(NamedTuple):
    """Let the process end by itself."""

    client: int


class KillWorker(NamedTuple):
    """End the process now."""

    client: int


class StartWorkers(NamedTuple):
    """Fork this many more."""

    number: int


class RemoveFiles(NamedTuple):
    """Delete spill files nobody needs."""

    paths: list[str]


Command = (
    Dispatch | Equip | Deliver | Retract | Stream | Resume | Grant | Deny | SpillVictims | Reclaim | Recall
    | InterruptTask | Forget
    | Reply | Total | Complain | StopWorker | KillWorker | StartWorkers | RemoveFiles
)  # fmt: skip
