"""The records of the state API: Ray's names for what a task, an actor, an object … is.

Lives here: fields, and making records of a backend's rows. Does not: asking (``state``).
Fields that Ray has and that mean nothing on one machine are not there.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

R = TypeVar("R", bound="Record")


@dataclass
class Record:
    """What all records can do: fields as attributes and as items."""

    ids: ClassVar[frozenset[str]] = frozenset()
    """Fields that hold the id of an object, a task or an actor."""
    details: ClassVar[frozenset[str]] = frozenset()
    """Fields that are only filled with ``detail=True``."""
    opaque: ClassVar[frozenset[str]] = frozenset()
    """Further fields that ``filters`` cannot name: what is neither text nor a number."""

    def __getitem__(self, name: str) -> Any:
        if name not in self.keys():
            raise KeyError(f"{type(self).__name__} has no field {name!r}")
        return getattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field, or ``default`` if there is none of that name."""
        return getattr(self, name) if name in self.keys() else default

    @classmethod
    def keys(cls) -> list[str]:
        """Return the names of all fields, so that ``dict(record)`` works."""
        return [f.name for f in dataclasses.fields(cls)]

    def asdict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return dataclasses.asdict(self)

    @classmethod
    def filterable_columns(cls) -> set[str]:
        """Return the fields that ``filters`` may name."""
        return set(cls.keys()) - cls.details - cls.opaque

    @classmethod
    def of_row(cls: type[R], row: dict[str, Any], session_id: str, *, detail: bool) -> R:
        """Return the record of a backend's row."""
        values: dict[str, Any] = {}
        names = cls.keys() if detail else [n for n in cls.keys() if n not in cls.details]  # noqa: SIM118
        for name in names:
            if name.endswith("_ms"):
                values[name] = _milliseconds(row.get(f"{name[:-3]}_ns"))
            elif name in cls.ids:
                values[name] = hexadecimal(row.get(name), session_id)
            else:
                values[name] = row.get(name)
        return cls(**values)


def _milliseconds(clock_ns: int | None) -> int | None:
    """Return when something happened, since the epoch, from the session's clock."""
    if clock_ns is None:
        return None
    return (clock_ns + time.time_ns() - time.monotonic_ns()) // 1_000_000


def hexadecimal(number: int | None, session_id: str) -> str | None:
    """Return an id in the form of ``ObjectRef.hex``."""
    return None if number is None else f"{session_id}{number:016x}"


@dataclass
class TaskState(Record):
    """One call of a remote function or of an actor's method; its last attempt.

    ``version`` is ours: it tells the code that a task runs from what the function was before an
    edit; ``None`` once the task has ended.
    """

    task_id: str
    attempt_number: int
    name: str
    state: str
    job_id: str
    actor_id: str | None
    type: str
    func_or_class_name: str
    parent_task_id: str
    node_id: str
    worker_id: str | None
    worker_pid: int | None
    error_type: str | None
    required_resources: dict[str, float] | None = None
    creation_time_ms: int | None = None
    start_time_ms: int | None = None
    end_time_ms: int | None = None
    error_message: str | None = None
    version: str | None = None

    ids: ClassVar[frozenset[str]] = frozenset({"task_id", "actor_id", "parent_task_id"})
    details: ClassVar[frozenset[str]] = frozenset(
        {
            "required_resources",
            "creation_time_ms",
            "start_time_ms",
            "end_time_ms",
            "error_message",
            "version",
        }
    )


@dataclass
class ActorState(Record):
    """An actor, also after its end. ``version`` is ours: that of its class, while it lives."""

    actor_id: str
    class_name: str
    state: str
    job_id: str
    name: str
    node_id: str
    pid: int | None
    required_resources: dict[str, float] | None = None
    death_cause: str | None = None
    version: str | None = None

    ids: ClassVar[frozenset[str]] = frozenset({"actor_id"})
    details: ClassVar[frozenset[str]] = frozenset({"required_resources", "death_cause", "version"})


@dataclass
class ObjectState(Record):
    """One reference to an object: by a process, a waiting task, a function or an object.

    ``location`` is ours: ``MESSAGE`` (small), ``MEMORY``, ``DISK``, ``ERROR``, or ``None``
    while there is no value; then ``object_size`` is -1. So is ``held_by``: who that is in words,
    ``task load``, say; of this process, the names of its variables.
    """

    object_id: str
    object_size: int
    task_status: str
    attempt_number: int
    reference_type: str
    type: str
    pid: int
    ip: str
    location: str | None
    held_by: str | None = None

    ids: ClassVar[frozenset[str]] = frozenset({"object_id"})
    details: ClassVar[frozenset[str]] = frozenset({"held_by"})


@dataclass
class WorkerState(Record):
    """A connected process. ``activity`` is ours: ``IDLE``, ``RUNNING`` or ``BLOCKED``."""

    worker_id: str
    is_alive: bool
    worker_type: str
    node_id: str
    ip: str
    pid: int
    activity: str | None
    actor_id: str | None
    task_ids: list[str] | None = None

    ids: ClassVar[frozenset[str]] = frozenset({"actor_id"})
    details: ClassVar[frozenset[str]] = frozenset({"task_ids"})


@dataclass
class NodeState(Record):
    """The machine."""

    node_id: str
    node_ip: str
    is_head_node: bool
    state: str
    node_name: str
    resources_total: dict[str, float]
    labels: dict[str, str]

    opaque: ClassVar[frozenset[str]] = frozenset({"resources_total", "labels"})
