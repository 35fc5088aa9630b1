"""Actors: a process of its own, and calls that reach it in the order of each caller.

Rules
    * An actor lives while it is referenced; its worker is its own and keeps its lease. A name is
      no reference; a detached actor references itself until it is killed or exits.
    * Calls of one caller (a task, or the driver) run in the order they were made, also when
      one of them waits for its arguments. Callers do not wait for each other: the task that
      such an argument comes from may call the actor, too. Actors that run several calls at once
      promise no order: what waits for its arguments is overtaken.
    * A blocked actor gets nothing meanwhile, unless it runs several calls at once. It need not
      hand back what it has not started: nobody else could run that, and what is on its way to
      the actor would overtake it.
    * While restarts are left an actor keeps what its constructor was given. A restart holds the
      actor: it is not given up half made.
    * An actor that died fails what waits for it and every later call with its ``cause``.
"""

from __future__ import annotations

from collections import deque

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core.outbox import Outbox
from ray_jupyter.runtime.core.placement import assign
from ray_jupyter.runtime.core.references import discard, give_up_restart, hold, misses_again
from ray_jupyter.runtime.core.state import ActorRecord, ClientRecord, ClusterState, TaskRecord
from ray_jupyter.runtime.core.transitions import PENDING_ARGS_AVAIL, PENDING_NODE_ASSIGNMENT
from ray_jupyter.runtime.protocol.messages import ACTOR_ERROR, FAILED, FOUND, Descriptor


def register(state: ClusterState, creation: TaskRecord) -> Descriptor:
    """An actor is to be made; return why not if another one has its name."""
    actor = ActorRecord(creation.id, creation.template)
    state.actors[actor.id] = creation.actor = actor
    name = actor.options.get("name")
    if name is not None:
        key = (actor.options["namespace"], name)
        if key in state.names:
            return (ACTOR_ERROR, f"actor {actor.name}: the name {name!r} is taken", None)
        state.names[key] = actor
        actor.name_key = key
    if actor.options.get("detached"):
        actor.detached = True
        state.objects[actor.id].holders += 1
    return None


def find(
    state: ClusterState, out: Outbox, client: int, request: int, namespace: str, name: str
) -> None:
    """Answer with id and handle of the actor of this name, which the client holds from now on."""
    actor = state.names.get((namespace, name))
    answer = None
    if actor is not None:
        hold(state, client, [actor.id])
        answer = (FOUND, actor.id, actor.options["handle"])
    out.commands.append(c.Reply(client, request, answer))


def address(state: ClusterState, task: TaskRecord) -> Descriptor:
    """Queue a method call at its actor; return why not if the actor cannot take it.

    The actor's id is the first of the references the call holds.
    """
    actor = state.actors.get(task.held[0])
    if actor is None:
        name = task.template.name
        return (ACTOR_ERROR, f"the actor of {name} does not exist any more", None)
    if actor.cause is None:
        task.actor = actor
        if task.missing and actor.unordered:
            actor.waiting[task.id] = task
        else:
            _queue(actor, task)
    return actor.cause


def feed(state: ClusterState, out: Outbox, actor: ActorRecord) -> None:
    """Send an actor the calls it may run."""
    worker = state.clients.get(actor.worker)
    if worker is None or worker.stopping or actor.id in worker.inflight:
        return  # not placed, about to end, or still in its constructor
    if worker.blocked_on is not None and not actor.concurrent:
        return  # it would hand them back
    late = _send_returned(state, out, worker, actor) if actor.returned else ()
    for caller, queue in list(actor.queues.items()):
        while queue and queue[0].state is not PENDING_ARGS_AVAIL and caller not in late:
            _send(state, out, worker, queue.popleft())
        if not queue:
            del actor.queues[caller]


def _send_returned(
    state: ClusterState, out: Outbox, worker: ClientRecord, actor: ActorRecord
) -> set[int]:
    """Send calls again, in their order; return the callers of those that wait.

    An argument may have been lost meanwhile. Other callers do not wait for it: the task that makes
    it again may be one of them.
    """
    late: set[int] = set()
    calls, actor.returned = actor.returned, deque()
    for task in calls:
        if task.state is PENDING_ARGS_AVAIL or _caller(task) in late:
            late.add(_caller(task))
            actor.returned.append(task)
        else:
            _send(state, out, worker, task)
    return late


def _send(state: ClusterState, out: Outbox, worker: ClientRecord, task: TaskRecord) -> None:
    if task.state is PENDING_NODE_ASSIGNMENT:  # else it was cancelled meanwhile
        assign(state, out, worker, task)


def ready(actor: ActorRecord, task: TaskRecord) -> None:
    """The arguments of a call are there."""
    task.move(PENDING_NODE_ASSIGNMENT)
    if actor.waiting.pop(task.id, None) is not None:
        _queue(actor, task)


def _queue(actor: ActorRecord, task: TaskRecord) -> None:
    """Put a call behind the earlier ones of its caller."""
    actor.queues.setdefault(_caller(task), deque()).append(task)


def _caller(task: TaskRecord) -> int:
    # Drivers are callers of their own; their tasks have no parent.
    return task.parent or -task.submitter


def take_back(
    state: ClusterState, actor: ActorRecord, task: TaskRecord, *, front: bool = False
) -> None:
    """The actor does not have a call any more that it shall get again.

    What it handed back comes in the order it was sent; ``front`` is for the opposite order.
    """
    if not misses_again(state, task):
        task.move(PENDING_NODE_ASSIGNMENT)
    if front:
        actor.returned.appendleft(task)
    else:
        actor.returned.append(task)


def doom(state: ClusterState, out: Outbox, actor: ActorRecord, cause: Descriptor) -> None:
    """The actor will never take a call again; its process may still be there."""
    actor.cause = cause
    discard(state, out, give_up_restart(state, out, actor))
    if actor.detached:
        actor.detached = False
        discard(state, out, [actor.id])


def end(
    state: ClusterState, out: Outbox, actor: ActorRecord, cause: Descriptor
) -> list[TaskRecord]:
    """The actor is dead for ``cause``; return the calls that wait, which fail with it."""
    waiting = [*actor.returned, *(task for queue in actor.queues.values() for task in queue)]
    waiting += actor.waiting.values()
    actor.returned.clear()
    actor.queues.clear()
    actor.waiting.clear()
    worker = state.clients.get(actor.worker)
    if worker is not None and not worker.stopping:
        worker.stopping = True
        out.commands.append(c.StopWorker(worker.id))
    doom(state, out, actor, cause)
    return waiting


def cause_of(actor: ActorRecord, value: Descriptor) -> Descriptor:
    """Return the error of an actor whose creation ended with ``value``."""
    if value[0] == ACTOR_ERROR:
        return value
    if value[0] == FAILED:
        return (ACTOR_ERROR, f"actor {actor.name}: its constructor failed", value[1])
    return (ACTOR_ERROR, f"actor {actor.name}: {value[2]}", None)
