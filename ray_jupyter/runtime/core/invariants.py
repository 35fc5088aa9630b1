"""What must hold between two events. For tests: ``check`` recounts everything.

Each rule is a function that yields the violations it finds. A rule recounts from scratch
what the core keeps up to date step by step, so it shares no arithmetic with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from ray_jupyter.runtime.core.failures import RemainsRecord
from ray_jupyter.runtime.core.memory_invariants import (
    allocations_make_progress,
    bytes_are_counted,
    memory_is_owned,
    pins_agree,
    unreferenced_memory_is_looked_at,
)
from ray_jupyter.runtime.core.state import ClusterState, LineageRecord, ObjectRecord
from ray_jupyter.runtime.core.transitions import (
    PENDING_ARGS_AVAIL,
    PENDING_NODE_ASSIGNMENT,
    SUBMITTED_TO_WORKER,
)
from ray_jupyter.runtime.protocol.messages import METHOD, STORED, STREAMING

Violations = Iterator[str]


class InvariantError(AssertionError):
    """A rule does not hold: a bug of the core. ``rule`` is its name."""

    def __init__(self, rule: str, violation: str) -> None:
        super().__init__(f"{rule}: {violation}")
        self.rule = rule


def check(state: ClusterState) -> None:
    """Check every rule; between two calls of ``SchedulerCore.handle`` all of them hold.

    Raises:
        InvariantError: the first violation.
    """
    for rule in RULES:
        for violation in rule(state):
            raise InvariantError(rule.__name__, violation)


def _stored(record: ObjectRecord) -> bool:
    return type(record.value) is tuple and record.value[0] == STORED


def holders_are_counted(state: ClusterState) -> Violations:
    """``holders`` is the number of processes, live tasks, templates and objects that hold it."""
    counted: Counter[int] = Counter()
    for client in state.clients.values():
        counted.update(client.held)
    for task in state.tasks.values():
        counted.update(task.deps)
        counted.update(task.held)
    for known in state.remains.values():
        counted.update((*known.deps, *known.held))
    for template in state.templates.values():
        counted.update(template.definition[3])
    for actor in state.actors.values():
        counted.update([actor.id] * actor.detached)
        if actor.creation is not None:
            counted.update((*actor.creation.deps, *actor.creation.held))
    for record in [*state.objects.values(), *state.unreferenced.values()]:
        counted.update(record.contained)
    for object_id in counted.keys() - state.objects.keys():
        yield f"object {object_id} is held and does not exist"
    for record in state.objects.values():
        if record.holders != counted[record.id]:
            yield f"object {record.id} has {counted[record.id]} holders, not {record.holders}"


def unheld_objects_are_freed(state: ClusterState) -> Violations:
    """An object is there because somebody holds it or its task has not ended."""
    for record in state.objects.values():
        task = record.producer
        if record.value is None:
            if task is None or state.tasks.get(task.id) is not task:
                yield f"nobody makes object {record.id}"
            elif not task.id <= record.id < task.id + max(1, task.num_returns):
                yield f"object {record.id} is not a result of task {task.id}"
        elif task is not None:
            yield f"object {record.id} is there and still has a producer"
        elif not record.holders:
            yield f"object {record.id} is held by nobody"
        elif record.dependents is not None or record.subscribers is not None:
            yield f"object {record.id} is there and somebody still waits for it"


def resources_are_conserved(state: ClusterState) -> Violations:
    """What is not available is what running workers lease."""
    leased: Counter[str] = Counter()
    for client in state.clients.values():
        for name, units in client.lease or ():
            if not client.lease_released or name == "GPU":
                leased[name] += units
    for name in {*state.total, *state.available, *leased}:
        total, available = state.total.get(name, 0), state.available.get(name, 0)
        if available + leased[name] != total:
            yield f"{total} {name}, but {available} available and {leased[name]} leased"


def devices_are_not_overcommitted(state: ClusterState) -> Violations:
    """No GPU is given out more than once, and whoever leases GPUs has as many."""
    free = [min(10_000, state.total.get("GPU", 0) - at) for at in _steps(state.total)]
    for client in state.clients.values():
        demand = dict(client.lease or ()).get("GPU", 0)
        for device in client.devices if demand else ():
            free[device] -= min(demand, 10_000)
        if demand and len(client.devices) != max(1, demand // 10_000):
            yield f"client {client.id} leases {demand} GPU and has {client.devices}"
    if free != state.devices or min(free, default=0) < 0:
        yield f"{free} is left of the devices, not {state.devices}"


def _steps(total: dict[str, int]) -> range:
    return range(0, total.get("GPU", 0), 10_000)


def tasks_are_in_one_place(state: ClusterState) -> Violations:
    """A task waits for dependencies, or is ready in one queue, or is with one worker."""
    inflight = Counter(task for c in state.clients.values() for task in c.inflight.values())
    ready = {
        (shape, task)
        for shape, queue in state.queues.items()
        for task in [*queue.nested, *queue.ready]
        if task.state is PENDING_NODE_ASSIGNMENT
    }
    calls = Counter(
        task
        for actor in state.actors.values()
        for queue in [actor.returned, *actor.queues.values(), actor.waiting.values()]
        for task in queue
    )
    for task in state.tasks.values():
        if task.state is PENDING_ARGS_AVAIL:
            good = task.missing > 0 and not inflight[task]
        elif task.state is PENDING_NODE_ASSIGNMENT:
            queued = task.template.kind == METHOD or (task.shape, task) in ready
            good = not task.missing and queued and not inflight[task]
        else:
            with_worker = task.state is SUBMITTED_TO_WORKER and task.worker in state.clients
            good = with_worker and state.clients[task.worker].inflight.get(task.id) is task
            good = good and inflight[task] == 1 and not calls[task]
        if task.template.kind == METHOD and task.state is not SUBMITTED_TO_WORKER:
            good = good and calls[task] == 1
        if not good:
            yield f"task {task.id} is lost: {task.state}, {task.missing} missing, {task.worker=}"
    for task in {*inflight, *(task for _, task in ready)}:
        if state.tasks.get(task.id) is not task:
            yield f"task {task.id} has ended and is still somewhere: {task.state}"


def dependencies_are_counted(state: ClusterState) -> Violations:
    """``missing`` is how many dependencies are not there, and they know of the task."""
    for task in state.tasks.values():
        missing = Counter(i for i in task.deps if state.objects[i].value is None)
        if task.state is SUBMITTED_TO_WORKER:
            missing.clear()  # what is lost meanwhile is missed when the task comes back
        if task.missing != sum(missing.values()):
            yield f"task {task.id} misses {dict(missing)}, not {task.missing}"
        for object_id, count in missing.items():
            if (state.objects[object_id].dependents or []).count(task) != count:
                yield f"object {object_id} does not know {count} times of task {task.id}"


def children_are_indexed(state: ClusterState) -> Violations:
    """``children`` holds the live tasks by parent and nothing else."""
    expected: dict[int, set[int]] = {}
    for task in state.tasks.values():
        if task.parent:
            expected.setdefault(task.parent, set()).add(task.id)
    if expected != state.children:
        yield f"{state.children} instead of {expected}"


def workers_are_idle_or_leased(state: ClusterState) -> Violations:
    """A worker of the pool is idle, or leased to a queue and busy, or about to end."""
    for worker in state.clients.values():
        pool = state.settled if worker.environment else state.idle
        idle = pool.get(worker.id) is worker
        free = worker.is_worker and worker.lease is None and not worker.stopping
        if idle != free or (worker.id in state.idle and worker.id in state.settled):
            yield f"client {worker.id}: {idle=}, but {worker.lease=} {worker.stopping=}"
        if worker.lease is None and (worker.inflight or worker.blocked_on is not None):
            yield f"client {worker.id} without a lease: {worker.inflight} {worker.blocked_on=}"
        if worker.lease is not None and worker.actor is None and not worker.inflight:
            yield f"client {worker.id} leases {worker.lease} and has no task"
        if worker.lease_released != (worker.blocked_on is not None):
            yield f"client {worker.id}: {worker.lease_released=}, but {worker.blocked_on=}"
        ran = [name for name, units in worker.lease or () if not units]
        if worker.lease is not None and ran != [worker.environment] * bool(worker.environment):
            yield f"client {worker.id} of environment {worker.environment!r} runs in {ran}"
    for worker_id in (state.idle.keys() | state.settled.keys()) - state.clients.keys():
        yield f"worker {worker_id} is idle and gone"
    members = {(shape, i) for shape, queue in state.queues.items() for i in queue.members}
    leases = {
        (w.lease, w.id) for w in state.clients.values() if w.lease is not None and not w.actor
    }
    for shape, worker_id in members ^ leases:
        yield f"worker {worker_id} and queue {shape} disagree about a lease"


def no_ready_task_beside_an_idle_worker(state: ClusterState) -> Violations:
    """Unless a shape that waits for the same resources is due first."""
    available = state.available
    if not state.idle and not state.settled:
        return
    settled = {worker.environment for worker in state.settled.values()}
    heads = [
        queue.shape
        for queue in state.queues.values()
        if any(t.state is PENDING_NODE_ASSIGNMENT for t in [*queue.nested, *queue.ready])
    ]
    fits = {
        s: all(available.get(name, 0) >= units for name, units in s)
        and sum(left >= min(dict(s).get("GPU", 0), 10_000) for left in state.devices)
        >= -(-dict(s).get("GPU", 0) // 10_000)
        for s in heads
    }
    waiting = {name for shape in heads if not fits[shape] for name, _ in shape}
    for shape in heads:
        usable = state.idle or settled & {name for name, units in shape if not units}
        if usable and fits[shape] and waiting.isdisjoint(name for name, _ in shape):
            yield f"{shape} fits {available}, and workers {list(state.idle)} are idle"


def templates_have_users(state: ClusterState) -> Violations:
    """``users`` is the definer, while it may name the template, and the live tasks."""
    users = Counter(task.template.id for task in state.tasks.values())
    kept = [actor.creation for actor in state.actors.values() if actor.creation is not None]
    users.update(task.template.id for task in kept)
    remembered = Counter(known.template.id for known in state.lineage.values() if known.template)
    remembered.update(known.template.id for known in state.remains.values())
    users.update(remembered)
    for template in state.templates.values():
        if template.remembered != remembered[template.id]:
            yield f"template {template.id} has {template.remembered} tasks remembered, and should not"
        expected = users[template.id] + (template.definer is not None)
        if template.users != expected or not expected:
            yield f"template {template.id} has {expected} users, not {template.users}"
        if template.definer is not None and template.definer not in state.clients:
            yield f"template {template.id} is kept for dead client {template.definer}"
    known = {i for client in state.clients.values() for i in client.known}
    for template_id in (users.keys() | known) - state.templates.keys():
        yield f"template {template_id} does not exist any more and somebody knows it"


def lineage_is_needed(state: ClusterState) -> Violations:
    """What is remembered can be run, is counted, and somebody may still need it."""
    uses: Counter[LineageRecord] = Counter()
    uses.update(record.lineage for record in state.objects.values() if record.lineage)
    for known in state.lineage.values():
        uses.update(s for s in known.inputs.values() if isinstance(s, LineageRecord))
    for known in {*uses, *state.lineage.values()}:
        if known.uses != uses[known] or not known.uses:
            yield f"lineage of task {known.task} has {uses[known]} uses, not {known.uses}"
        if (known.template is not None) != (state.lineage.get(known.task) is known):
            yield f"lineage of task {known.task} is half forgotten: {known.obstacle!r}"
    cost_bytes = sum(known.cost_bytes for known in state.lineage.values())
    if cost_bytes != state.lineage_bytes:
        yield f"lineage costs {cost_bytes} bytes, not {state.lineage_bytes}"


def actors_are_fed(state: ClusterState) -> Violations:
    """An actor exists while it is referenced, and has every call it could take."""
    for actor in state.actors.values():
        worker = state.clients.get(actor.worker)
        if actor.id not in state.objects:
            yield f"actor {actor.id} has no references"
        if worker is not None and worker.actor is not actor:
            yield f"actor {actor.id} believes to live in client {worker.id}"
        queues = [actor.returned, *actor.queues.values()]
        if any(task.state is not PENDING_ARGS_AVAIL for task in actor.waiting.values()):
            yield f"actor {actor.id} has calls that wait for nothing"
        if actor.cause is not None and (any(queues) or actor.waiting) and worker is None:
            yield f"actor {actor.id} is dead and calls wait"
        if worker is None or worker.stopping or actor.id in worker.inflight:
            continue
        if worker.blocked_on is not None and not actor.concurrent:
            continue
        for queue in queues:
            if queue and queue[0].state is not PENDING_ARGS_AVAIL:
                yield f"actor {actor.id} does not get call {queue[0].id}"


def streams_have_two_ends(state: ClusterState) -> Violations:
    """A stream is there while its task has not ended and its reader reads."""
    for task_id, stream in state.streams.items():
        task = state.tasks.get(task_id)
        if task is None or task.template.extras.get(STREAMING) != stream.limit:
            yield f"nobody yields into stream {task_id}"
        elif stream.reader not in state.clients or stream.reader != task.submitter:
            yield f"client {stream.reader} does not read stream {task_id}"
        if (not stream.limit and stream.consumed) or stream.consumed > stream.number:
            yield f"{stream.consumed} of {stream.number} items of stream {task_id} are taken"
    for task in state.tasks.values():
        limit = task.template.extras.get(STREAMING)
        if limit and task.id not in state.streams and not task.cancelled:
            yield f"task {task.id} pauses for ever: nobody reads it"
        if limit is not None and task.in_place:
            yield f"task {task.id} yields on the stack of its reader"


def actors_can_come_back(state: ClusterState) -> Violations:
    """A living actor has a process or a creation under way; only it keeps what a restart needs."""
    for actor in state.actors.values():
        creation, worker = state.tasks.get(actor.id), state.clients.get(actor.worker)
        if actor.cause is None and creation is None and worker is None:
            yield f"actor {actor.id} is not dead, and nobody makes it"
        if creation is not None and creation.actor is not actor:
            yield f"task {actor.id} makes another actor"
        can_restart = actor.restarts_left and creation is None
        if (actor.creation is not None) != can_restart:
            yield f"actor {actor.id}: {actor.restarts_left=}, but {actor.creation=}"
        if actor.cause is not None and actor.detached:
            yield f"actor {actor.id} is dead and holds itself"


def cells_are_counted(state: ClusterState) -> Violations:
    """A cell counts its unfinished tasks, and what was submitted in it has ended or has not."""
    counted = Counter(id(task.cell) for task in state.tasks.values() if task.cell is not None)
    for cell in state.cells.values():
        tallies = cell.tallies.values()
        open_tasks = sum(t.submitted - t.finished - t.failed for t in tallies)
        if not cell.unfinished == open_tasks == counted[id(cell)]:
            yield f"cell {cell.id}: {cell.unfinished=}, {open_tasks=}, tasks {counted[id(cell)]}"


def names_are_of_living_actors(state: ClusterState) -> Violations:
    """Every name leads to an actor that is not dead, and every such actor has its name."""
    for key, actor in state.names.items():
        if actor.name_key != key or actor.cause is not None or actor.id not in state.actors:
            yield f"the name {key} is of actor {actor.id}, {actor.cause=}"
    for actor in state.actors.values():
        if actor.cause is None and actor.name_key and state.names.get(actor.name_key) is not actor:
            yield f"actor {actor.id} is not found by its name {actor.name_key}"


def failures_are_counted(state: ClusterState) -> Violations:
    """``objects`` of a failure is how many have its error; all of them are there."""
    counted = Counter(record.failure for record in state.objects.values() if record.failure)
    for failure, count in counted.items():
        if failure.objects != count:
            yield f"{count} objects have the error of task {failure.task}, not {failure.objects}"


def remains_are_needed(state: ClusterState) -> Violations:
    """A failed task is remembered while its objects have its error, and costs what it costs."""
    counted: Counter[RemainsRecord] = Counter()
    for failure in {r.failure for r in state.objects.values() if r.failure}:
        for object_id, known in failure.remains.items():
            counted[known] += 1
            record = state.objects.get(object_id)
            if known.failure is not failure or record is None or record.failure is not failure:
                yield f"what remains of task {known.task} is not that of object {object_id}"
    for known in {*counted, *state.remains.values()}:
        if known.objects != counted[known] or not known.objects:
            yield f"{counted[known]} objects of failed task {known.task}, not {known.objects}"
        if state.remains.get(known.task) is not known:
            yield f"what remains of task {known.task} is half forgotten"
    cost_bytes = sum(known.cost_bytes for known in state.remains.values())
    if cost_bytes != state.remains_bytes:
        yield f"failed tasks cost {cost_bytes} bytes, not {state.remains_bytes}"


RULES: tuple[Callable[[ClusterState], Violations], ...] = (
    tasks_are_in_one_place,
    dependencies_are_counted,
    holders_are_counted,
    unheld_objects_are_freed,
    unreferenced_memory_is_looked_at,
    pins_agree,
    resources_are_conserved,
    devices_are_not_overcommitted,
    children_are_indexed,
    workers_are_idle_or_leased,
    no_ready_task_beside_an_idle_worker,
    memory_is_owned,
    allocations_make_progress,
    templates_have_users,
    lineage_is_needed,
    actors_are_fed,
    streams_have_two_ends,
    actors_can_come_back,
    names_are_of_living_actors,
    cells_are_counted,
    bytes_are_counted,
    failures_are_counted,
    remains_are_needed,
)
