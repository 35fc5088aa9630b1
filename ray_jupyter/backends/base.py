"""The seam between the API and the place where work runs.

Lives here: the ``Backend`` protocol. Does not: any implementation. See also
``ray_jupyter.testing.backend_suite``, the tests every backend must pass.

Rules
    * Ids are minted by the caller's side of the backend: ``submit``, ``put``,
      ``create_actor`` and ``call_actor`` return at once and never wait for a worker.
    * Every method may be called from any thread. Only ``get`` and ``wait`` block.
    * An argument that *is* a ``Reference`` is a dependency: the function sees its value.
      A ``Reference`` inside another value stays a reference.
    * A backend counts references: it is told of each new ``ObjectRef`` (``hold``, or
      implicitly for ids it returns) and of each one that died (``drop``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from ray_jupyter.runtime.protocol.output import Output
from ray_jupyter.runtime.protocol.specs import TaskTemplate


class Backend(Protocol):
    """Where tasks run. See the module docstring for the rules."""

    name: str
    """``"local"``, ``"inline"`` or ``"ray_cluster"``."""
    session_id: str
    """Random hex; a reference of another session is refused with ``StaleRefError``."""
    drop: Callable[[int], object]
    """Tells that one ``ObjectRef`` of this id died. Called from ``__del__``: in any thread,
    at any moment, perhaps while a lock is held; so it only appends to a deque."""

    show: Callable[[list[Output]], object]
    """What is done with what tasks print in other processes; called in any thread."""

    @property
    def next_id(self) -> int:
        """Ids minted here from now on are not smaller."""

    def submit(self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """Start a task; return its id, which is the id of its first result as well.

        Raises:
            SerializationError: an argument or the function cannot be pickled.
        """

    def create_actor(
        self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int:
        """Start an actor; return its id. The actor lives while references to that id do."""

    def call_actor(
        self, actor_id: int, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int:
        """Queue a method call, in order per caller; return the id of its first result."""

    def kill_actor(self, actor_id: int) -> None:
        """End an actor at once; its queued and later calls fail with ``ActorDiedError``."""

    def put(self, value: object) -> int:
        """Store a value; return its id.

        Raises:
            SerializationError: the value cannot be pickled.
            ObjectStoreFullError: no room, even after spilling.
        """

    def get(self, ids: Sequence[int], timeout_s: float | None) -> list[Any]:
        """Return the values of ``ids`` in order; raise the first error among them, in order.

        Raises:
            GetTimeoutError: not all were ready in time. ``timeout_s=0`` only looks.
        """

    def wait(
        self, ids: Sequence[int], num_returns: int, timeout_s: float | None
    ) -> tuple[list[int], list[int]]:
        """Return (at most ``num_returns`` ready ids, all others), both in the order given."""

    def future(self, object_id: int) -> Future[Any]:
        """Return a future that gets the value or the error when it is there."""

    def hold(self, object_id: int) -> None:
        """Count one more ``ObjectRef`` (it came out of a pickle)."""

    def cancel(self, object_id: int, *, force: bool, recursive: bool) -> None:
        """Cancel the task that makes ``object_id``; nothing happens if it has finished."""

    def resources(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """Return (total, available) amounts by name."""

    def nodes(self) -> list[dict[str, Any]]:
        """Return Ray's description of the machines; one entry on one machine."""

    def events(self, since: int) -> tuple[int, list[tuple[Any, ...]]]:
        """Return (next cursor, task records that ended since ``since``).

        A record is ``(task_id, parent_task_id, name, status, worker, submit_ns, start_ns,
        end_ns, attempt)``: times in ns of the session's monotonic clock, ``status`` one of
        Ray's task states, ``worker`` a pid.
        """

    def statistics(self) -> dict[str, Any]:
        """Return what ``%ray_status`` shows: workers, tasks by state, objects, store bytes.

        Keys: ``workers`` (int), ``workers_busy`` (int), ``workers_blocked`` (int),
        ``pids`` (list[int], runtime processes without the driver), ``tasks`` (dict state ->
        int, ``FINISHED`` and ``FAILED`` counted since the start), ``retries`` (int), ``objects`` (int),
        ``store_used_bytes``, ``store_limit_bytes``, ``spilled_bytes``, ``inline_bytes`` (int), ``task_cpu_ns``
        and ``task_wall_ns`` (int, summed over finished tasks).
        """

    def shutdown(self) -> None:
        """End the session and everything it started; idempotent."""
