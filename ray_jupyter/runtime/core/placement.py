"""Which worker runs what, and how many tasks it gets ahead of time.

Rules
    * A worker runs tasks of one shape at a time: it leases those resources, keeps them
      while it has tasks, and gives them back when it has none (``leases``).
    * Short tasks are sent ahead, about ``AHEAD_NS`` of work by the measured mean of their
      function; long and unmeasured ones are not. What was sent ahead in error is recalled
      (``rebalance``).
    * The driver's tasks run in the order of submission. Tasks of tasks go before them,
      whatever their shape, newest first: depth first needs the least memory and the fewest
      blocked workers (and breadth first would end with nothing but blocked ones).
    * A task that waits for a child that nobody has started runs the child itself
      (``offer_in_place``). Running only what it waits for cannot deadlock.
    * A shape that waits too long for several CPUs makes younger tasks of other shapes that
      want CPUs wait, if it can get them at all.
"""

from __future__ import annotations

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import leases
from ray_jupyter.runtime.core.leases import fits
from ray_jupyter.runtime.core.outbox import Outbox
from ray_jupyter.runtime.core.references import lost, misses_again, pin
from ray_jupyter.runtime.core.state import (
    ActorRecord,
    ClientRecord,
    ClusterState,
    Queue,
    Shape,
    TaskRecord,
)
from ray_jupyter.runtime.core.transitions import PENDING_NODE_ASSIGNMENT, SUBMITTED_TO_WORKER
from ray_jupyter.runtime.protocol.messages import STORED, STREAMING, TASK, Assignment, Descriptor

AHEAD_NS = 8_000_000.0
"""Two time slices of Linux: where every core is busy, the scheduler may have to wait for one
before it sends more (1 ms tasks on all cores: 0.905 of the ideal with 4 ms, 0.926 with 8)."""
PREFETCH_NS = 20_000_000.0
"""Below this mean a worker gets one task ahead, so that it never waits for the next."""
UNKNOWN_NS = 1e12
MAX_INFLIGHT = 128
RETURNS_MAX = 8
"""A task that was handed back more often is not sent ahead: it waits for a worker that can begin
with it."""
PATIENCE_NS = 500_000_000
"""After this long a waiting shape makes younger ones that want the same wait."""
REFUSED_NS = 1_000_000_000
"""How long no worker is started after the system refused one."""
STACK_LIMIT = 40
"""Most tasks run in place on one worker: the stack of Python is finite."""
SPARE_LIMIT = 512
"""Most worker processes beyond the target; more blocked tasks than that is an error."""


def enqueue(state: ClusterState, task: TaskRecord, *, front: bool = False) -> None:
    """All dependencies are there: the task may run."""
    if task.deps and task.state is SUBMITTED_TO_WORKER and misses_again(state, task):
        return
    task.move(PENDING_NODE_ASSIGNMENT)
    queue = state.queues.get(task.shape)
    if queue is None:
        queue = state.queues[task.shape] = Queue(task.shape)
    if task.parent:
        queue.nested.appendleft(task)
    elif front:
        queue.ready.appendleft(task)
    else:
        queue.ready.append(task)


def _attainable(state: ClusterState, shape: Shape) -> bool:
    """Return whether it fits once tasks end.

    What actors have does not come back. Nor may anybody wait for what a waiting task keeps: it
    could be waiting for those who would be held up meanwhile.
    """
    limit = dict(state.total)
    for worker in state.clients.values():
        for name, units in leases.kept(worker):
            limit[name] = limit.get(name, 0) - units
    return all(limit.get(name, 0) >= units for name, units in shape)


def dispatch(state: ClusterState, out: Outbox, now_ns: int) -> None:
    """Give ready tasks to workers, as far as resources and workers reach."""
    waiting = [queue for queue in state.queues.values() if queue.nested or queue.ready]
    if not waiting:
        return
    if len(waiting) > 1:
        waiting = [queue for queue in waiting if _head(queue) is not None]
        waiting.sort(key=_turn)
    wanted = 0
    reserved: set[str] = set()
    for queue in waiting:
        if reserved and any(name in reserved for name, _ in queue.shape):
            continue
        _lease(state, out, queue, now_ns)
        if not any(_competes(state, other, queue) for other in waiting if other is not queue):
            _send_ahead(state, out, queue)
        task = _head(queue)
        if task is not None:
            wanted += _workers_wanted(state, queue)
            if (
                now_ns - task.submit_ns > PATIENCE_NS
                and not fits(state, queue.shape) and _attainable(state, queue.shape)
            ):  # fmt: skip
                reserved.update(name for name, _ in queue.shape)
    _start_workers(state, out, wanted, now_ns)


def _competes(state: ClusterState, other: Queue, queue: Queue) -> bool:
    """Return whether ``other`` could run if workers of ``queue`` gave up their resources."""
    names = {name for name, _ in queue.shape}
    lacks = {name for name, units in other.shape if state.available.get(name, 0) < units}
    return lacks <= names and _attainable(state, other.shape)


def _turn(queue: Queue) -> tuple[bool, int]:
    """Return the sort key of a queue that is not empty."""
    if queue.nested:
        return False, -queue.nested[0].submit_ns
    return True, queue.ready[0].submit_ns


def _head(queue: Queue) -> TaskRecord | None:
    """Return the next task, dropping stale entries before it."""
    tasks = queue.nested or queue.ready
    while tasks:
        task = tasks[0]
        if task.state is PENDING_NODE_ASSIGNMENT:
            return task
        tasks.popleft()
        tasks = tasks or queue.ready
    return None


def _pop_head(queue: Queue) -> None:
    """Take off what ``_head`` returned."""
    (queue.nested or queue.ready).popleft()


def _lease(state: ClusterState, out: Outbox, queue: Queue, now_ns: int) -> None:
    """Give one task each to idle workers."""
    if any(worker.blocked_on for worker in state.clients.values()):
        _offer_heads(state, out, queue)
    while (state.idle or state.settled) and (task := _head(queue)) is not None:
        if not fits(state, queue.shape):
            return
        worker = leases.take_idle(state, queue)
        if worker is None:
            return
        _pop_head(queue)
        leases.begin(state, out, worker, queue.shape)
        worker.progress_ns = now_ns
        queue.members[worker.id] = worker
        assign(state, out, worker, task)
        if task.actor is not None:
            _dedicate(state, worker, task.actor)
            top_up_pool(state, out)


def _dedicate(state: ClusterState, worker: ClientRecord, actor: ActorRecord) -> None:
    """From now on the worker belongs to the actor; its lease never ends."""
    worker.actor = actor
    actor.worker = worker.id
    if worker.lease is not None:
        state.queues[worker.lease].members.pop(worker.id, None)


def _send_ahead(state: ClusterState, out: Outbox, queue: Queue) -> None:
    """Top up the workers that already run this shape."""
    share = -(-(len(queue.nested) + len(queue.ready)) // max(1, len(queue.members)))
    for worker in list(queue.members.values()):
        inflight = worker.inflight
        last = next(reversed(inflight.values()))
        if (
            worker.blocked_on is not None or worker.stopping or worker.recalled
            or last.in_place  # below it one that would block again
            or last.template.max_calls  # the worker may end with it
        ):  # fmt: skip
            continue
        for _ in range(share):
            task = _head(queue)
            if task is None:
                return
            if task.actor is not None or len(inflight) >= MAX_INFLIGHT:
                break
            limit_ns = PREFETCH_NS if len(inflight) < 2 else AHEAD_NS
            if worker.backlog_ns >= limit_ns:
                break
            mean_ns = task.template.mean_ns
            if inflight and (
                mean_ns is None or mean_ns > PREFETCH_NS
                or task.template.max_calls or task.returns > RETURNS_MAX
            ):  # fmt: skip
                break
            _pop_head(queue)
            assign(state, out, worker, task)


def assign(state: ClusterState, out: Outbox, worker: ClientRecord, task: TaskRecord) -> None:
    """Send the task to the worker."""
    task.move(SUBMITTED_TO_WORKER)
    task.worker = worker.id
    mean_ns = task.template.mean_ns
    task.cost_ns = UNKNOWN_NS if mean_ns is None else mean_ns
    worker.backlog_ns += task.cost_ns
    worker.inflight[task.id] = task
    _define(out, worker, task)
    out.assign(worker.id, _assignment(state, worker, task))


def _define(out: Outbox, worker: ClientRecord, task: TaskRecord) -> None:
    template = task.template
    if template.id not in worker.known:
        worker.known.add(template.id)
        out.definitions.setdefault(worker.id, []).append((template.id, template.definition))


def _assignment(state: ClusterState, worker: ClientRecord, task: TaskRecord) -> Assignment:
    if not task.deps:
        values: tuple[tuple[int, Descriptor], ...] = ()
    else:
        values = tuple((i, _dependency(state, worker, i)) for i in task.deps)
    return (task.id, task.template.id, task.args, values, task.actor.id if task.actor else 0)


def _dependency(state: ClusterState, worker: ClientRecord, object_id: int) -> Descriptor:
    record = state.objects.get(object_id)
    if record is None:
        return lost(object_id)
    value = record.value
    if type(value) is tuple and value[0] == STORED:
        pin(state, worker.id, record)
    return value


def unassign(state: ClusterState, out: Outbox, worker: ClientRecord, task: TaskRecord) -> None:
    """The worker does not have the task any more: it ended, came back, or was lost."""
    del worker.inflight[task.id]
    worker.backlog_ns = worker.backlog_ns - task.cost_ns if worker.inflight else 0.0
    task.worker = 0
    task.in_place = False
    if not worker.inflight:
        retire(state, out, worker)


def retire(state: ClusterState, out: Outbox, worker: ClientRecord) -> None:
    """A worker without tasks gives its resources back and is idle."""
    worker.recalled = False
    if worker.lease is None or worker.actor is not None:
        return
    queue = state.queues[worker.lease]
    queue.members.pop(worker.id, None)
    leases.end(state, worker)
    worker.blocked_on = None
    if not worker.stopping and worker.id in state.clients:
        leases.set_idle(state, out, worker)
    if worker.stopping:
        top_up_pool(state, out)


def block(state: ClusterState, out: Outbox, worker: ClientRecord) -> None:
    """The worker's task waits: let it run what it waits for, or free its resources.

    One that asks for what is there goes on at once: others would only be in its way.
    """
    if not worker.inflight or worker.lease is None:
        worker.blocked_on = None
    elif _is_there(state, worker.blocked_on):
        unblock(state, worker)
    elif not offer_in_place(state, out, worker):
        leases.pause(state, worker)


def _is_there(state: ClusterState, ids: tuple[int, ...] | None) -> bool:
    records = [state.objects.get(object_id) for object_id in ids or ()]
    return bool(records) and all(record and record.value is not None for record in records)


def unblock(state: ClusterState, worker: ClientRecord) -> None:
    """The worker's task goes on."""
    worker.blocked_on = None
    leases.resume(state, worker)


def offer_in_place(state: ClusterState, out: Outbox, worker: ClientRecord) -> bool:
    """Let a blocked worker run, on top of its stack, a task that it waits for."""
    for object_id in worker.blocked_on or ():
        record = state.objects.get(object_id)
        task = record.producer if record is not None else None
        if (
            task is not None and task.state is PENDING_NODE_ASSIGNMENT
            and _place_on(state, out, worker, task)
        ):  # fmt: skip
            return True
    return False


def _offer_heads(state: ClusterState, out: Outbox, queue: Queue) -> None:
    """Give the next tasks to blocked workers that wait for them, before anybody else."""
    while (task := _head(queue)) is not None:
        waiting = state.objects[task.id].subscribers if task.id in state.objects else None
        workers = [state.clients[k] for k in waiting or () if k in state.clients]
        if not any(
            task.id in (worker.blocked_on or ()) and _place_on(state, out, worker, task)
            for worker in workers
        ):
            return


def _place_on(state: ClusterState, out: Outbox, worker: ClientRecord, task: TaskRecord) -> bool:
    """Run ``task`` on the stack of ``worker``, which waits for it, if it may run there."""
    if worker.lease is None or worker.actor is not None or worker.blocked_on is None:
        return False
    if task.shape != worker.lease or task.template.kind != TASK or task.template.max_calls:
        return False
    if STREAMING in task.template.extras:
        return False  # it may pause until the one below reads
    if sum(task.in_place for task in worker.inflight.values()) >= STACK_LIMIT:
        return False
    if not leases.may_resume(state, worker):
        return False
    leases.resume(state, worker)
    worker.blocked_on = None
    task.move(SUBMITTED_TO_WORKER)
    task.worker = worker.id
    task.in_place = True
    task.cost_ns = 0.0
    worker.inflight[task.id] = task
    definitions = []
    if task.template.id not in worker.known:
        worker.known.add(task.template.id)
        definitions.append((task.template.id, task.template.definition))
    assignment = _assignment(state, worker, task)
    out.in_place.append(c.Dispatch(worker.id, definitions, [assignment], True))
    return True


def _workers_wanted(state: ClusterState, queue: Queue) -> int:
    """Return how many more workers this queue could use now."""
    if not fits(state, queue.shape):
        return 0
    room = len(queue.nested) + len(queue.ready)
    for name, units in queue.shape:
        if units:
            room = min(room, state.available.get(name, 0) // units)
    return room


def top_up_pool(state: ClusterState, out: Outbox) -> None:
    """A worker died, or became an actor's: keep the target, so that no CPU is without one."""
    if pool_size(state) + state.starting < state.workers_target:
        state.starting += 1
        out.commands.append(c.StartWorkers(1))


def pool_size(state: ClusterState) -> int:
    """Return how many workers run plain tasks."""
    return sum(w.is_worker and w.actor is None and not w.stopping for w in state.clients.values())


def _start_workers(state: ClusterState, out: Outbox, wanted: int, now_ns: int) -> None:
    """Fork spares for resources that are free while every worker is taken or blocked."""
    wanted -= state.starting
    if wanted <= 0 or state.idle or now_ns < state.start_after_ns:
        return
    leases.make_way(state, out, wanted)
    workers = [w for w in state.clients.values() if w.is_worker and not w.stopping]
    free_running = sum(1 for w in workers if w.actor is None and w.blocked_on is None)
    # Tasks that demand nothing could start a process each: they share a bounded pool.
    room = 2 * state.workers_target + 2 - free_running - state.starting
    room = min(room, state.workers_target + SPARE_LIMIT - len(workers))
    count = min(wanted, room)
    if count > 0:
        state.starting += count
        out.commands.append(c.StartWorkers(count))
