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
from enum import Enum
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from ray_jupyter.runtime.protocol.output import Output
from ray_jupyter.runtime.protocol.specs import CallContext, TaskTemplate

if TYPE_CHECKING:  # importing the package must stay light
    from ray_jupyter.runtime.client.failed import FailedCall
    from ray_jupyter.runtime.client.holding import Held

T = TypeVar("T")


class Capability(Enum):
    """What not every backend has; the value says it to people. See ``Backend.lacks``."""

    WORKER_RENEWAL = "worker processes are not ours to replace"
    RESIZING = "the number of workers is not ours to change"
    REFERENCE_COUNTS = "how often an object is referred to is not told"
    OBJECT_TABLE = "which objects there are is not told"
    FRESH_STATE = "what it tells of tasks and resources lags by up to a second"
    HOLDING_BY_NAME = "a handle that was found by name does not keep its actor alive"
    DEATH_WORDS = "why an actor left is told in the words of Ray"
    ORDERED_EXIT = "an actor that runs several calls at once may leave before earlier calls"
    RESULT_AFTER_CANCEL = "a cancelled call has no result, even if it goes on and returns one"
    COMPLETION_ERROR = "the completion of a stream does not tell the error of its task"
    STREAMS = "tasks and methods that yield do not work through Ray's client (ray://)"
    FEASIBILITY = "what asks for more than there is waits for further nodes"
    ARGUMENTS = "which objects a task takes is not told"
    UNSEEN_ERRORS = "an error that nobody asks for is printed by Ray, or not at all"
    QUEUED_CANCEL = "a call that waits inside an actor may be cancelled only when its turn comes"
    DROPPED_STREAMS = "a paused task whose stream nobody reads goes on, instead of being cancelled"
    CAUSAL_ORDER = "calls of one actor by different processes may overtake one another"
    VERSIONS = "which version of a function or class something runs is not told"
    RESUMING = "what failed is not run again in its place: call the function again"
    TASK_FILES = "directories are sent with the session, init(runtime_env=...), not with one task"
    ITEMS_AFTER_CANCEL = "a cancelled stream loses the items that nobody has taken"

    def refuse(self, backend: str) -> NoReturn:
        """Say that ``backend`` lacks this.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(f"not with the backend {backend}: {self.value} ({self.name})")


class Backend(Protocol):
    """Where tasks run. See the module docstring for the rules."""

    name: str
    """``"local"``, ``"inline"`` or ``"ray_cluster"``."""
    session_id: str
    """Random hex; a reference of another session is refused with ``StaleRefError``."""
    namespace: str
    """Where names of actors are looked up by default."""
    lacks: frozenset[Capability]
    """What it cannot do; where that is asked for it refuses (``Capability.refuse``)."""
    drop: Callable[[int], object]
    """Tells that one ``ObjectRef`` of this id died. Called from ``__del__``: in any thread,
    at any moment, perhaps while a lock is held; so it only appends to a deque."""

    show: Callable[[list[Output]], object]
    """What is done with what tasks print in other processes; called in any thread."""

    @property
    def node_id(self) -> str:
        """The machine of this process, as ``nodes`` calls it."""

    def begin_cell(self) -> int:
        """Have what this process submits from now on counted as one cell; return the cell's id."""

    def cell_of(self, object_id: int) -> int | None:
        """Return the id of the cell in which this process made an object, a task or an actor.

        0 if in none; ``None`` if it was another process, or is forgotten. Also after ``shutdown``.
        """

    def submit(self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """Start a task; return its id, which is the id of its first result as well.

        Raises:
            SerializationError: an argument or the function cannot be pickled.
        """

    def result_ids(self, task_id: int, num_returns: int) -> Sequence[int]:
        """Return the ids of all results of a call just made; asked once, for more than one."""

    def create_actor(
        self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int:
        """Start an actor; return its id. The actor lives while references to that id do."""

    def call_actor(
        self, actor_id: int, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int:
        """Queue a method call, in order per caller; return the id of its first result."""

    def kill_actor(self, actor_id: int, *, no_restart: bool = True) -> None:
        """End an actor at once; its queued and later calls fail with ``ActorDiedError``.

        Unless ``no_restart``, it is made again if it has restarts left.
        """

    def find_actor(self, namespace: str, name: str) -> tuple[int, bytes] | None:
        """Return (id, handle) of the actor of this name, or ``None``.

        The handle is what ``extras["handle"]`` of its template was. The id counts as one more
        reference (as after ``hold``).
        """

    def named_actors(self) -> list[tuple[str, str]]:
        """Return (namespace, name) of every living actor that has a name."""

    def pending_calls(self, actor_id: int) -> int:
        """Return how many calls that this process made an actor has not ended."""

    def restarts(self, actor_id: int) -> int:
        """Return how often an actor was made again."""

    def context(self) -> CallContext:
        """Return what the running code can know of the call that it belongs to."""

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
        """Return (at most ``num_returns`` ready ids, all others), both in the order given.

        Without any ids it is a pause of ``timeout_s``, in which a task does not hold its
        resources. Among them may be the keys of streams (see ``protocol.ids``): ready when
        ``next_item`` would not wait. The same holds for ``future``, which then gets ``None``.
        """

    close_stream: Callable[[int], object]
    """Tells, once, that a task's stream will not be read any more; called from ``__del__``,
    as ``drop``. Items nobody took are released; a task that waits for its reader is cancelled."""

    def open_stream(self, task_id: int, limit: int) -> None:
        """Begin to read what a task just submitted yields; ``limit`` is its back-pressure."""

    def next_item(
        self, task_id: int, timeout_s: float | None, make: Callable[[int], T]
    ) -> T | None:  # fmt: skip
        """Take the next item of a stream; return ``make(id)``, which counts as one ``ObjectRef``.

        The last item of a stream that ended badly is the completion, whose value is the error.
        ``None`` says that none came in time.

        Raises:
            StopIteration: there will be no more.
        """

    def is_stream_over(self, task_id: int) -> bool:
        """Return whether ``next_item`` would raise ``StopIteration``; looks only."""

    def future(self, object_id: int) -> Future[Any]:
        """Return a future that gets the value or the error when it is there."""

    def hold(self, object_id: int) -> None:
        """Count one more ``ObjectRef`` (it came out of a pickle)."""

    def cancel(self, object_id: int, *, force: bool, recursive: bool) -> None:
        """Cancel the task that makes ``object_id``; nothing happens if it has finished.

        Raises:
            ValueError: ``force`` for the call of an actor.
        """

    def gpu_ids(self) -> list[str]:
        """Return the names of the GPUs that the running task or actor may use; none in a driver."""

    def environment(self) -> str:
        """Return the runtime environment of what runs here, or of the session, as text."""

    def resources(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """Return (total, available) amounts by name."""

    def nodes(self) -> list[dict[str, Any]]:
        """Return Ray's description of the machines; one entry on one machine."""

    def events(self, since: int) -> tuple[int, list[tuple[Any, ...]]]:
        """Return (next cursor, task records that ended since ``since``).

        A record is ``(task_id, parent_task_id, name, status, worker, submit_ns, start_ns,
        end_ns, attempt, num_returns, arguments)``: times in ns of the session's monotonic
        clock, ``status`` one of Ray's task states, ``worker`` a pid, ``arguments`` the ids of
        the objects that it took, inside other values as well.
        """

    def query(self, question: str, argument: Any = None, timeout_s: float | None = None) -> Any:
        """Return the answer to a question about the state; nothing changes.

        Questions are the names in ``runtime.core.queries.ANSWERS``; every backend answers
        ``"cell"``, ``"cell_tasks"`` (by a cell's id), ``"list"``, ``"summarize"``, ``"trace"``, ``"changes"``,
        ``"unwatch"``, ``"census"``, ``"object"``, ``"task"``, ``"versions"`` (see there), ``"failures"``,
        ``"references"`` and ``"unfinished"`` (see ``runtime.core.state.ClusterState.failures``).

        Raises:
            TimeoutError: no answer came in time.
        """

    def held_here(self) -> Held:
        """Return what this process has of the session's objects; looks only."""

    def failed_call(self, object_id: int) -> FailedCall:
        """Return the call whose error is the value of this object, with its arguments.

        Raises:
            LookupError: it did not fail, or is not remembered; says why.
        """

    def resume(self, object_id: int, template: TaskTemplate | None) -> list[str]:
        """Run again what failed with the error of this object; return the names of the tasks.

        The first is the task that failed, with ``template`` in place of its own if given; the
        others failed because they needed its result. References to their results become good.

        Raises:
            LookupError: it cannot run again; says why.
        """

    def stack(self) -> Sequence[object]:
        """Return the attempts at tasks that are under way in this thread's process.

        The innermost is the last. The objects say nothing but which is which, and are gone
        when the attempt has ended, unless somebody keeps them.
        """

    def accompany(self, value: object) -> None:
        """Have workers load ``value`` before they call functions registered from now on.

        It takes the place of what was given before. What matters is what unpickling it does.

        Raises:
            SerializationError: the value cannot be pickled.
        """

    def renew_workers(self) -> None:
        """End the idle workers and start others in their place."""

    def resize(self, num_cpus: int) -> None:
        """Have another number of CPUs and workers from now on; what runs goes on.

        Raises:
            ValueError: work that has not ended needs more.
            NotImplementedError: not with this backend (``Capability.RESIZING``).
        """

    def statistics(self) -> dict[str, Any]:
        """Return what ``%ray_status`` shows: workers, tasks by state, objects, store bytes.

        Keys: ``workers`` (int), ``workers_busy`` (int), ``workers_blocked`` (int),
        ``workers_starting`` (int, on top of ``workers``; only where the backend starts them),
        ``pids`` (list[int], runtime processes without the driver), ``tasks`` (dict state ->
        int, ``FINISHED`` and ``FAILED`` counted since the start), ``retries`` (int),
        ``objects`` (int), ``store_used_bytes``, ``store_limit_bytes``, ``spilled_bytes``,
        ``inline_bytes``, ``lineage_bytes`` (int), ``task_cpu_ns`` and ``task_wall_ns`` (int,
        summed over finished tasks).
        """

    def shutdown(self) -> None:
        """End the session and everything it started; idempotent."""
