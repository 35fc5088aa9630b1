"""What a worker has while it runs tasks of one shape: resources, devices, an environment.

Rules
    * A task that waits for others gives everything back but its GPUs, on which its data are: so
      no depth of tasks that wait for tasks blocks for ever, unless they ask for GPUs.
    * Devices belong to a lease. A worker that had some ends with it: libraries do not let go of
      a GPU, and do not look at the environment twice.
    * An environment is a part of a shape, without units. A worker that has run in one cannot go
      back: idle, it waits in ``settled`` for more of the same, until its place is needed.
"""

from __future__ import annotations

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import devices
from ray_jupyter.runtime.core.outbox import Outbox
from ray_jupyter.runtime.core.state import ClientRecord, ClusterState, Queue, Shape


def fits(state: ClusterState, shape: Shape) -> bool:
    """Return whether the resources are free now."""
    available = state.available
    if not all(available.get(name, 0) >= units for name, units in shape):
        return False
    return not state.devices or _devices_fit(state, shape)


def _devices_fit(state: ClusterState, shape: Shape) -> bool:
    return all(
        devices.choose(state.devices, units) is not None
        for name, units in shape
        if name == devices.GPU
    )


def acquire(state: ClusterState, shape: Shape) -> None:
    """Take the resources; a resumed task may overdraw (it was running before others)."""
    for name, units in shape:
        if units:
            state.available[name] = state.available.get(name, 0) - units


def give_back(state: ClusterState, shape: Shape) -> None:
    """Return the resources."""
    for name, units in shape:
        if units:
            state.available[name] += units


def begin(state: ClusterState, out: Outbox, worker: ClientRecord, shape: Shape) -> None:
    """Give the worker all that the shape demands, which fits."""
    acquire(state, shape)
    worker.lease = shape
    for name, units in shape if state.devices else ():
        if name == devices.GPU:
            worker.devices = devices.choose(state.devices, units) or ()
            devices.take(state.devices, worker.devices, units)
            out.equipment.append(c.Equip(worker.id, list(worker.devices)))


def pause(state: ClusterState, worker: ClientRecord) -> None:
    """The worker waits: others may have what it does not use."""
    if worker.lease is not None and not worker.lease_released:
        worker.lease_released = True
        give_back(state, _lent(worker.lease))


def resume(state: ClusterState, worker: ClientRecord) -> None:
    """The worker goes on, whether that is free or not."""
    if worker.lease is not None and worker.lease_released:
        acquire(state, _lent(worker.lease))
    worker.lease_released = False


def may_resume(state: ClusterState, worker: ClientRecord) -> bool:
    """Return whether the worker has all of its lease, or could have it now."""
    return worker.lease is None or not worker.lease_released or fits(state, _lent(worker.lease))


def kept(worker: ClientRecord) -> Shape:
    """Return what does not come back by itself: an actor's lease, GPUs of a task that waits."""
    if worker.lease is None or worker.actor is not None:
        return worker.lease or ()
    lent = _lent(worker.lease) if worker.lease_released else worker.lease
    return tuple(item for item in worker.lease if item not in lent)


def _lent(shape: Shape) -> Shape:
    """Return what a waiting worker gives back of its lease."""
    return tuple(item for item in shape if item[0] != devices.GPU)


def end(state: ClusterState, worker: ClientRecord) -> None:
    """The worker has nothing to run, or is dead: everything comes back."""
    if worker.lease is None:
        return
    resume(state, worker)
    give_back(state, worker.lease)
    for name, units in worker.lease if worker.devices else ():
        if name == devices.GPU:
            devices.take(state.devices, worker.devices, -units)
    worker.lease = None


# Who may run it


def take_idle(state: ClusterState, queue: Queue) -> ClientRecord | None:
    """Return an idle worker that may run this queue's tasks, and count it as busy."""
    if queue.environment:
        for worker in reversed(state.settled.values()):
            if worker.environment == queue.environment:
                del state.settled[worker.id]
                return worker
    if not state.idle:
        return None
    _, worker = state.idle.popitem()  # the last to become idle: its caches are warm
    worker.environment = queue.environment
    return worker


def set_idle(state: ClusterState, out: Outbox, worker: ClientRecord) -> None:
    """The worker's lease has ended: it waits for another, or ends if it can have none."""
    if worker.devices:
        stop(out, worker)
    elif worker.environment:
        state.settled[worker.id] = worker
    else:
        state.idle[worker.id] = worker


def make_way(state: ClusterState, out: Outbox, count: int) -> None:
    """End idle workers of other environments than those that wait, oldest first."""
    for worker in list(state.settled.values())[:count]:
        del state.settled[worker.id]
        stop(out, worker)


def stop(out: Outbox, worker: ClientRecord) -> None:
    """Let a worker end by itself; it gets nothing any more."""
    if not worker.stopping:
        worker.stopping = True
        out.commands.append(c.StopWorker(worker.id))


def count_call(out: Outbox, worker: ClientRecord, template_id: int, limit: int) -> None:
    """A function with ``max_calls`` has been run: the worker ends after the last one."""
    worker.calls = worker.calls or {}
    worker.calls[template_id] = worker.calls.get(template_id, 0) + 1
    if limit and worker.calls[template_id] >= limit:
        stop(out, worker)
