"""Actors: a process of its own, and calls that reach it in the order of each caller.

Rules
    * An actor lives while it is referenced; its worker is its own and keeps its lease.
    * Calls of one caller (a task, or the driver) run in the order they were made, also when
      one of them waits for its arguments. Callers do not wait for each other: the task that
      such an argument comes from may call the actor, too.
    * A blocked actor gets nothing meanwhile. It need not hand back what it has not started:
      nobody else could run that, and what is on its way to the actor would overtake it.
    * An actor that died fails what waits for it and every later call with its ``cause``.
"""

from __future__ import annotations

from collections import deque

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core.placement import assign
from ray_jupyter.runtime.core.references import misses_again
from ray_jupyter.runtime.core.state import ActorRecord, ClusterState, Outbox, TaskRecord
from ray_jupyter.runtime.core.transitions import PENDING_ARGS_AVAIL, PENDING_NODE_ASSIGNMENT
from ray_jupyter.runtime.protocol.messages import ACTOR_ERROR, FAILED, Descriptor


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
        # Drivers are callers of their own; their tasks have no parent.
        caller = task.parent or -task.submitter
        actor.queues.setdefault(caller, deque()).append(task)
    return actor.cause


def feed(state: ClusterState, out: Outbox, actor: ActorRecord) -> None:
    """Send an actor the calls it may run."""
    worker = state.clients.get(actor.worker)
    if worker is None or actor.id in worker.inflight or worker.blocked_on is not None:
        return  # not placed, still in its constructor, or would hand them back
    for caller, queue in [(None, actor.returned), *actor.queues.items()]:
        while queue and queue[0].state is not PENDING_ARGS_AVAIL:
            task = queue.popleft()
            if task.state is PENDING_NODE_ASSIGNMENT:  # else it was cancelled meanwhile
                assign(state, out, worker, task)
        if not queue and caller is not None:
            del actor.queues[caller]


def take_back(state: ClusterState, actor: ActorRecord, task: TaskRecord) -> None:
    """The actor has handed back a call; others follow in the order they were sent."""
    if not misses_again(state, task):
        task.move(PENDING_NODE_ASSIGNMENT)
    actor.returned.append(task)


def end(
    state: ClusterState, out: Outbox, actor: ActorRecord, cause: Descriptor
) -> list[TaskRecord]:
    """The actor is dead for ``cause``; return the calls that wait, which fail with it."""
    actor.cause = cause
    waiting = [*actor.returned, *(task for queue in actor.queues.values() for task in queue)]
    actor.returned.clear()
    actor.queues.clear()
    worker = state.clients.get(actor.worker)
    if worker is not None and not worker.stopping:
        worker.stopping = True
        out.commands.append(c.StopWorker(worker.id))
    return waiting


def cause_of(actor: ActorRecord, value: Descriptor) -> Descriptor:
    """Return the error of an actor whose creation ended with ``value``."""
    if value[0] == ACTOR_ERROR:
        return value
    if value[0] == FAILED:
        return (ACTOR_ERROR, f"actor {actor.name}: its constructor failed", value[1])
    return (ACTOR_ERROR, f"actor {actor.name}: {value[2]}", None)
