"""The tables of the inline backend: values with their reference counts, and the journal.

Lives here: ``InlineStore`` and ``Journal``. Does not: running anything (``inline``).

Rules
    * A value lives while references to it do: ``ObjectRef``s, and other values that hold it.
    * A lock guards the tables; it is never held while user code runs.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from ray_jupyter.errors import GetTimeoutError, ObjectLostError
from ray_jupyter.runtime.protocol.ids import DRIVER_ID, first_id
from ray_jupyter.runtime.protocol.messages import ACTOR, METHOD, SYSTEM_ERROR, TASK, TASK_EVENTS
from ray_jupyter.runtime.protocol.specs import TaskTemplate
from ray_jupyter.runtime.store.serialization import Serialized, deserialize

_EVENTS_KEPT = 100_000
RECORD_FIELDS = 11
"""So many fields of a record are what ``Backend.events`` promises."""


class Value:
    """What the store holds under an id: a pickled value, or a pickled error."""

    __slots__ = ("contained", "is_error", "look", "objects", "payload", "seen")

    def __init__(self, serialized: Serialized, *, is_error: bool = False) -> None:
        # Bytes, because arrays made from immutable buffers are read-only, as in shared memory.
        self.payload = bytes(serialized.to_bytes())
        self.contained = serialized.contained
        self.look = serialized.look
        self.is_error = is_error
        self.objects = 0
        """How many ids it is stored under."""
        self.seen = False
        """Whether somebody has asked for it."""


class InlineStore:
    """Values by id, each with a count of the references to it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._next_id = first_id(DRIVER_ID)
        self._values: dict[int, Value] = {}
        self._counts: dict[int, int] = {}
        self._reserved: set[int] = set()
        self._dropped: deque[int] = deque()
        self.unseen: list[Value] = []
        """Errors that nobody has asked for, and nobody can any more."""
        self.drop: Callable[[int], object] = self._dropped.append

    def mint(self, count: int) -> int:
        """Return the first of ``count`` new ids (at least one is used up)."""
        with self._lock:
            minted = self._next_id
            self._next_id += max(count, 1)
            return minted

    def keep(self, first: int, values: list[Value]) -> int:
        """Store ``values`` from id ``first`` on, one reference each; return ``first``."""
        with self._lock:
            for object_id, value in enumerate(values, start=first):
                self._values[object_id] = value
                value.objects += 1
                for inside in (object_id, *value.contained):
                    self._counts[inside] = self._counts.get(inside, 0) + 1
        return first

    def reserve(self, object_id: int) -> None:
        """Count one reference to a value that comes later."""
        with self._lock:
            self._counts[object_id] = 1
            self._reserved.add(object_id)

    def fill(self, object_id: int, value: Value) -> None:
        """Store what was reserved, unless nobody refers to it any more."""
        with self._lock:
            self._reserved.discard(object_id)
            if object_id in self._counts:
                self._values[object_id] = value
                value.objects += 1
                for inside in value.contained:
                    self._counts[inside] = self._counts.get(inside, 0) + 1

    def is_reserved(self, object_id: int) -> bool:
        """Return whether the value comes later."""
        return object_id in self._reserved

    def hold(self, object_id: int) -> None:
        """Count one more reference."""
        with self._lock:
            self._counts[object_id] = self._counts.get(object_id, 0) + 1

    def value(self, object_id: int) -> Value:
        """Return what is stored.

        Raises:
            ObjectLostError: it has been released.
            GetTimeoutError: it comes later, and nothing runs meanwhile.
        """
        if object_id in self._reserved:
            raise GetTimeoutError(
                f"object {object_id:x} is the completion of a generator that waits for its reader "
                "(back-pressure), and in mode 'inline' nothing runs meanwhile: take its refs first"
            )
        value = self._values.get(object_id)
        if value is None:
            raise ObjectLostError(f"object {object_id:x} was released: no reference to it was left")
        return value

    def load(self, ids: Sequence[int]) -> list[Any]:
        """Return the values themselves, or raise the first that is an error."""
        loaded: list[Any] = []
        for object_id in ids:
            value = self.value(object_id)
            loaded.append(deserialize(value.payload))
            if value.is_error:
                break
        else:
            return loaded
        for object_id in ids:  # of all the user sees one error: that will do for the others
            if object_id in self._values:
                self._values[object_id].seen = True
        error = loaded.pop()
        try:
            raise error
        finally:
            del error  # the traceback holds this frame: no cycle, or references live on in it

    def release_dropped(self) -> list[int]:
        """Let go of what lost its last reference, and of what only that held; return the ids."""
        with self._lock:
            return self._release_dropped()

    def _release_dropped(self) -> list[int]:
        released = []
        dying = self._dropped
        while dying:
            object_id = dying.popleft()
            left = self._counts.get(object_id, 0) - 1
            if left > 0:
                self._counts[object_id] = left
                continue
            self._counts.pop(object_id, None)
            value = self._values.pop(object_id, None)
            if value is not None:
                dying.extend(value.contained)
                value.objects -= 1
                if value.is_error and not (value.objects or value.seen):
                    self.unseen.append(value)
            released.append(object_id)
        return released

    def sizes_bytes(self) -> list[int]:
        """Return the size of each value."""
        with self._lock:
            return [len(value.payload) for value in self._values.values()]

    def values(self) -> list[tuple[int, Value]]:
        """Return what is stored, with its id."""
        with self._lock:
            return list(self._values.items())

    def references(self) -> dict[int, int]:
        """Return how many references there are to each value, inside of others as well."""
        with self._lock:
            return {object_id: self._counts.get(object_id, 0) for object_id in self._values}

    def held_outside(self) -> dict[int, int]:
        """Return how many references there are to each value, but for those inside of others."""
        counts = self.references()
        for _, value in self.values():
            for inside in value.contained:
                counts[inside] = counts.get(inside, 0) - 1
        return counts

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self._reserved.clear()
            self._counts.clear()
            self._dropped.clear()


class Journal:
    """What ran, what runs now, and how long it took.

    Attributes:
        running: the calls on the stack, of all threads: template by task id.
        ended: how many calls ended, by state.
    """

    def __init__(self) -> None:
        self.running: dict[int, TaskTemplate] = {}
        self._unfinished: dict[int, tuple[Any, ...]] = {}
        self._failures: deque[tuple[Any, ...]] = deque(maxlen=1_000)
        self.ended = {"FINISHED": 0, "FAILED": 0}
        self.retries = self.cpu_ns = self.wall_ns = 0
        self._lock = threading.Lock()
        self._here = threading.local()
        self._records: deque[tuple[Any, ...]] = deque(maxlen=_EVENTS_KEPT)
        self._count = 0

    def enter(
        self, task_id: int, template: TaskTemplate, arguments: tuple[int, ...]
    ) -> tuple[int, int]:
        """Note that a call starts; return the marks that ``leave`` needs."""
        stack = getattr(self._here, "stack", ())
        self._unfinished[task_id] = (
            task_id, stack[-1] if stack else 0, template.name, "RUNNING", DRIVER_ID, os.getpid(),
            time.monotonic_ns(), 0, template.num_returns, arguments,
        )  # fmt: skip
        self._here.stack = [*stack, task_id]
        self.running[task_id] = template
        return time.thread_time_ns(), time.monotonic_ns()

    def leave(self, marks: tuple[int, int]) -> None:
        """Note that the innermost call of this thread is over."""
        with self._lock:
            task_id = self._here.stack.pop()
            del self._unfinished[task_id], self.running[task_id]
            self.cpu_ns += time.thread_time_ns() - marks[0]
            self.wall_ns += time.monotonic_ns() - marks[1]

    def record(
        self, task_id: int, template: TaskTemplate, status: str, submit_ns: int, start_ns: int,
        attempt: int, arguments: tuple[int, ...], error_text: str = "", actor_id: int = 0,
        error_type: str = "TASK_EXECUTION_EXCEPTION",
    ) -> None:  # fmt: skip
        """Note how a call ended; ``start_ns=0`` says that it never ran."""
        parent_id = (getattr(self._here, "stack", None) or [0])[-1]
        with self._lock:
            self.ended[status] += 1
            if template.extras.get(TASK_EVENTS) is False:
                return
            self._count += 1
            self._records.append((
                task_id, parent_id, template.name, status, os.getpid(),
                submit_ns, start_ns, time.monotonic_ns(), attempt,
                template.num_returns, arguments,
                kind_of(template), actor_id, error_type if status == "FAILED" else None,
            ))  # fmt: skip
            if status == "FAILED":
                pid = os.getpid() if start_ns else 0
                error = (SYSTEM_ERROR, "", error_text)
                self._failures.append((task_id, template.name, DRIVER_ID, pid, error))

    def failures(self) -> list[tuple[Any, ...]]:
        """Return the last calls that failed: see ``ClusterState.failures``."""
        with self._lock:
            return list(self._failures)

    def unfinished(self) -> list[tuple[Any, ...]]:
        """Return the calls on the stack: see ``queries.unfinished``."""
        with self._lock:
            return list(self._unfinished.values())

    def since(self, cursor: int) -> tuple[int, list[tuple[Any, ...]]]:
        """Return (next cursor, newer records); the oldest are forgotten beyond 100,000."""
        count, _, kept = self.new_records(cursor)
        return count, [record[:RECORD_FIELDS] for record in kept]

    def new_records(self, cursor: int) -> tuple[int, int, list[tuple[Any, ...]]]:
        """Return (next cursor, how many were forgotten, records with all fields)."""
        with self._lock:
            new = max(self._count - cursor, 0)
            kept = list(self._records)[max(len(self._records) - new, 0) :]
            return self._count, new - len(kept), kept

    def records(self) -> list[tuple[Any, ...]]:
        """Return what ``since`` gives, followed by kind, actor id and type of error."""
        with self._lock:
            return list(self._records)


def kind_of(template: TaskTemplate) -> str:
    """Return the kind of a call, as in a ``Definition``."""
    if template.method is not None:
        return METHOD
    return ACTOR if isinstance(template.function, type) else TASK
