"""The nouns of the scheduler: records, and the tables that hold them.

Nothing here decides. Other modules of ``core`` are functions over ``ClusterState`` that
add to ``Outbox``. Records are slotted classes, the tables plain dicts: at half a million
records per second everything else is measurably slower.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from ray_jupyter.runtime.core import devices
from ray_jupyter.runtime.core.allocator import Allocator
from ray_jupyter.runtime.core.cells import CellRecord
from ray_jupyter.runtime.core.transitions import (
    PENDING_ARGS_AVAIL,
    TASK_TRANSITIONS,
    InvalidTransitionError,
)
from ray_jupyter.runtime.protocol.changes import Watch
from ray_jupyter.runtime.protocol.messages import MAX_CALLS, Definition, Descriptor

if TYPE_CHECKING:
    from ray_jupyter.runtime.core.failures import FailureRecord, RemainsRecord

FAILURE_BYTES = 8_192
"""So much of a pickled error is remembered: its beginning says in plain text what it is."""
NOBODY = -1
"""No client has this id (0 is the driver)."""
Shape = tuple[tuple[str, int], ...]
"""A resource demand: sorted (name, units). An environment is in it by its name, with no units:
who runs in one environment runs nothing of another."""


class TemplateRecord:
    """A remote function with its options.

    ``users`` are its definer, its live tasks, and those ended ones that may run again,
    because what they made may be lost, or they failed; the last are ``remembered``.
    """

    __slots__ = (
        "definer", "definition", "extras", "id", "max_calls", "mean_ns", "remembered", "users",
    )  # fmt: skip

    def __init__(self, template_id: int, definition: Definition, definer: int) -> None:
        self.id = template_id
        self.definition = definition
        self.extras = dict(definition[8])
        self.max_calls: int = self.extras.get(MAX_CALLS, 0)
        """After so many the worker ends; 0 for never."""
        self.definer: int | None = definer
        """The process that may still submit calls; ``None`` when it never will again."""
        self.users = 1
        self.remembered = 0
        self.mean_ns: float | None = None
        """Moving average of the duration; ``None`` before the first call ended."""

    @property
    def kind(self) -> str:
        """``TASK``, ``ACTOR`` or ``METHOD``."""
        return self.definition[0]

    @property
    def name(self) -> str:
        """What people see."""
        return self.definition[1]

    @property
    def shape(self) -> Shape:
        """The resources each call needs."""
        return self.definition[4]

    @property
    def num_returns(self) -> int:
        """How many objects a call makes."""
        return self.definition[5]

    @property
    def max_retries(self) -> int:
        """How often a call is repeated; -1 for ever."""
        return self.definition[6]


class TaskRecord:
    """A task that has not ended. ``worker`` is 0 while it is not with one."""

    __slots__ = (
        "actor", "args", "attempt", "cancel_children", "cancelled", "cell", "cost_ns", "deps", "held", "id", "in_place",
        "missing", "num_returns", "parent", "returns", "root", "shape", "state", "submit_ns",
        "submitter", "template", "worker",
    )  # fmt: skip

    def __init__(
        self, spec: tuple[int, int, bytes, tuple[int, ...], tuple[int, ...], int],
        template: TemplateRecord, submitter: int, now_ns: int,
    ) -> None:  # fmt: skip
        self.id, _, self.args, self.deps, self.held, self.parent = spec
        self.root = self.id
        """The task, of the driver, that this one descends from."""
        self.template = template
        definition = template.definition
        self.shape = definition[4]
        self.num_returns = definition[5]
        self.submitter = submitter
        self.submit_ns = now_ns
        self.state = PENDING_ARGS_AVAIL
        self.missing = 0
        self.worker = 0
        self.attempt = 0
        self.returns = 0
        """How often workers have handed it back."""
        self.cost_ns = 0.0
        self.in_place = False
        self.cancelled = False
        self.cancel_children = False
        """Cancelled with its children, also those we have not heard of yet."""
        self.actor: ActorRecord | None = None
        self.cell: CellRecord | None = None

    def move(self, state: str) -> None:
        """Change state, as ``TASK_TRANSITIONS`` allows.

        Raises:
            InvalidTransitionError: it does not. Always a bug of ours.
        """
        if state not in TASK_TRANSITIONS[self.state]:
            raise InvalidTransitionError(
                f"task {self.id} ({self.template.name}, attempt {self.attempt}, worker "
                f"{self.worker}) cannot go from {self.state} to {state}"
            )
        self.state = state


class ObjectRecord:
    """An object that somebody holds, or whose task has not ended, or that is mapped.

    ``holders`` counts processes, unfinished tasks, templates and other objects. ``value``
    is its descriptor, ``None`` until it is there. ``pins`` counts deliveries of a stored
    value that the receiver has not given up, by client.
    """

    __slots__ = (
        "contained", "dependents", "failure", "holders", "id", "lineage", "pins", "producer",
        "size_bytes", "spill_path", "spilling", "subscribers", "used_at", "value",
    )  # fmt: skip

    def __init__(self, object_id: int, producer: TaskRecord | None) -> None:
        self.id = object_id
        self.producer = producer
        self.holders = 0
        self.value: Descriptor = None
        self.size_bytes = 0
        self.contained: tuple[int, ...] = ()
        self.subscribers: list[int] | None = None
        self.dependents: list[TaskRecord] | None = None
        self.pins: dict[int, int] | None = None
        self.spilling = False
        self.spill_path: str | None = None
        self.used_at = 0
        self.lineage: LineageRecord | None = None
        self.failure: FailureRecord | None = None


class LineageRecord:
    """What is remembered of an ended task whose results may get lost: see ``lineage``.

    ``uses`` counts results and other records that need it. Without a ``template`` the task
    cannot run again, and ``obstacle`` says why.
    """

    __slots__ = (
        "args", "attempt", "cost_bytes", "deps", "held", "inputs", "name", "obstacle",
        "submitter", "task", "template", "uses",
    )  # fmt: skip

    def __init__(self, task: TaskRecord) -> None:
        self.task = task.id
        self.name = task.template.name
        self.args = task.args
        self.deps = task.deps
        self.held = task.held
        self.submitter = task.submitter
        self.attempt = task.attempt
        self.template: TemplateRecord | None = None
        self.obstacle = ""
        self.inputs: dict[int, Source] = {}
        self.cost_bytes = 0
        self.uses = 0


Source: TypeAlias = tuple[bytes, tuple[int, ...]] | LineageRecord | None
"""What an input could be had from: itself and what it contains, its task, or (``None``) nothing."""


class ClientRecord:
    """A connected process. A worker has a lease: the resources its tasks run on."""

    __slots__ = (
        "actor", "backlog_ns", "blocked_on", "calls", "cell", "devices", "environment", "held",
        "id", "inflight", "is_worker", "known", "lease", "lease_released", "pid", "pinned",
        "progress_ns", "recalled", "stopping",
    )  # fmt: skip

    def __init__(self, client_id: int, is_worker: bool, pid: int) -> None:
        self.id = client_id
        self.is_worker = is_worker
        self.pid = pid
        self.held: set[int] = set()
        self.pinned: set[int] = set()
        self.known: set[int] = set()
        self.inflight: dict[int, TaskRecord] = {}
        """Tasks sent and not ended, in the order the worker runs them."""
        self.lease: Shape | None = None
        self.lease_released = False
        """Whether others may use the lease, but for its GPUs: the task waits."""
        self.devices: tuple[int, ...] = ()
        self.environment = ""
        """That of what it has run; empty while it can still run in any."""
        self.calls: dict[int, int] | None = None
        """Calls of functions with ``max_calls``, by template."""
        self.blocked_on: tuple[int, ...] | None = None
        self.backlog_ns = 0.0
        self.progress_ns = 0
        self.recalled = False
        self.actor: ActorRecord | None = None
        self.stopping = False
        self.cell: CellRecord | None = None
        """Of a driver: what it submits belongs to this."""


class ActorRecord:
    """An actor. ``queues`` holds, by calling task, calls that wait for it or for arguments.

    Calls that a blocked actor handed back, or that its death interrupted, are in ``returned``
    and go first. Of an actor whose calls may overtake each other, those that wait for arguments
    are in ``waiting``.
    """

    __slots__ = (
        "cause", "creation", "detached", "id", "leaving", "name", "name_key", "options", "queues",
        "restarts", "returned", "waiting", "worker",
    )  # fmt: skip

    def __init__(self, actor_id: int, template: TemplateRecord) -> None:
        self.id = actor_id
        self.name = template.name
        self.options = template.extras
        self.name_key: tuple[str, str] | None = None
        """Namespace and name, if it has one."""
        self.detached = False
        """Whether it holds itself."""
        self.worker = NOBODY
        self.restarts = 0
        self.creation: TaskRecord | None = None
        """The ended task that made it, which still holds what a restart needs."""
        self.leaving = ""
        """Why its process is about to end, if we know before it does."""
        self.queues: dict[int, deque[TaskRecord]] = {}
        self.returned: deque[TaskRecord] = deque()
        self.waiting: dict[int, TaskRecord] = {}
        self.cause: Descriptor = None
        """Why it is dead: the descriptor that every further call gets."""

    @property
    def restarts_left(self) -> bool:
        """Whether its process may die and it live on."""
        limit = self.options.get("max_restarts", 0)
        return self.cause is None and (limit < 0 or self.restarts < limit)

    @property
    def unordered(self) -> bool:
        """Whether its calls may overtake one that waits for its arguments."""
        return "unordered" in self.options

    @property
    def concurrent(self) -> bool:
        """Whether it runs several calls at once."""
        return "max_concurrency" in self.options


class StreamRecord:
    """What a task yields, until it has ended or the reader has gone."""

    __slots__ = ("consumed", "limit", "number", "reader")

    def __init__(self, reader: int, limit: int) -> None:
        self.reader = reader
        """The process that submitted the task: items are its references."""
        self.limit = limit
        """Most items that wait untaken before the task pauses; 0 is no limit."""
        self.number = 0
        """Items that have come; another attempt yields them again in vain."""
        self.consumed = 0


class AllocationRecord:
    """A process waits for shared memory. ``spilling`` are victims it is writing to disk."""

    __slots__ = ("client", "deadline_ns", "reclaimed", "request", "size_bytes", "spilling")

    def __init__(self, client: int, request: int, size_bytes: int, deadline_ns: int) -> None:
        self.client = client
        self.request = request
        self.size_bytes = size_bytes
        self.deadline_ns = deadline_ns
        self.reclaimed = False
        self.spilling: set[int] = set()


class Queue:
    """Tasks of one shape that may run, next first; ``members`` are workers leased to it.

    ``nested`` (tasks of tasks) goes before ``ready`` (the driver's). Both may hold stale
    entries (a task that was cancelled or runs in place meanwhile): whoever pops one checks
    its state. Removing from the middle would cost O(n).
    """

    __slots__ = ("environment", "members", "nested", "ready", "shape")

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.environment = next((name for name, units in shape if not units), "")
        self.nested: deque[TaskRecord] = deque()
        self.ready: deque[TaskRecord] = deque()
        self.members: dict[int, ClientRecord] = {}


class ClusterState:
    """Everything the scheduler knows."""

    is_resized = False
    """Whether ``total`` is not what the processes were started with."""

    def __init__(self, total: dict[str, int], store_limit_bytes: int, workers_target: int) -> None:
        self.total = total
        self.available = dict(total)
        self.devices = devices.make(total.get(devices.GPU, 0))
        """Free units of each GPU."""
        self.workers_target = workers_target
        self.store_limit_bytes = store_limit_bytes
        # Four times as many addresses as memory: room to place large extents without
        # ever moving one.
        self.allocator = Allocator(4 * store_limit_bytes)
        self.clients: dict[int, ClientRecord] = {}
        self.processes: dict[int, tuple[int, bool]] = {}
        """Every client there has been: its pid, and whether it was a worker."""
        self.templates: dict[int, TemplateRecord] = {}
        self.tasks: dict[int, TaskRecord] = {}
        self.objects: dict[int, ObjectRecord] = {}
        self.actors: dict[int, ActorRecord] = {}
        self.streams: dict[int, StreamRecord] = {}
        """By task: those that are read and have not ended."""
        self.names: dict[tuple[str, str], ActorRecord] = {}
        """Living actors by namespace and name."""
        self.children: dict[int, set[int]] = {}
        self.cells: dict[int, CellRecord] = {}
        """Those that submitted something, by id."""
        self.queues: dict[Shape, Queue] = {}
        self.idle: dict[int, ClientRecord] = {}
        self.settled: dict[int, ClientRecord] = {}
        """Idle workers that can only run more of their environment."""
        self.starting = 0
        self.start_after_ns = 0
        """When workers may be started again, after the system refused one."""
        self.grants: dict[int, int] = {}
        """Extents granted and not yet sealed: offset -> client."""
        self.punching: dict[int, int] = {}
        """Extents whose pages a client gives back to the system: offset -> client."""
        self.stored: dict[int, ObjectRecord] = {}
        """Those of ``objects`` that are in shared memory: what may be spilled."""
        self.unreferenced: dict[int, ObjectRecord] = {}
        """Objects nobody refers to whose memory somebody still looks at."""
        self.lineage: dict[int, LineageRecord] = {}
        """By task: those that can run again, oldest first."""
        self.lineage_bytes = self.remains_bytes = 0
        self.remains: dict[int, RemainsRecord] = {}  # failed tasks, by id, oldest first
        self.allocations: deque[AllocationRecord] = deque()
        self.clock = 0
        """Counts uses of stored objects; orders them for spilling."""
        self.inline_bytes = self.spilled_bytes = 0
        self.finished = 0
        self.failed = 0
        self.retries = 0
        self.task_wall_ns = 0
        self.task_cpu_ns = 0
        self.records: deque[tuple[object, ...]] = deque(maxlen=200_000)
        """Ended tasks: the fields of ``Backend.events``, then the ids of submitter and worker,
        kind, actor id, (type, text) of the error, and the id of the cell (0: of none)."""
        self.records_total = 0
        self.watches: dict[str, Watch] = {}  # what is gathered for the dashboard, by its name
        self.failures: deque[tuple[int, str, int, int, Descriptor]] = deque(maxlen=1_000)
        """The last tasks that failed: id, name, worker's id and pid (0: it never ran), and why:
        a descriptor whose first field after the kind is cut after ``FAILURE_BYTES``."""
