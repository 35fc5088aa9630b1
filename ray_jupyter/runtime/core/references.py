"""Who holds which object, when it is there, and when it may go.

Rules
    * An object is held by processes (``ClientRecord.held``), by tasks that have not ended
      (dependencies, references inside arguments), by templates (closures) and by the
      objects that contain it. ``holders`` is the sum. An actor that may restart holds what
      its constructor was given; a detached one holds itself.
    * An object without holders goes as soon as its value is there. Its memory goes when
      nobody maps it any more (``pins``): an array outlives its reference.
    * A pin begins when a stored descriptor is delivered and ends with ``Unpinned``. There
      is no message to begin one, so none can be late.
"""

from __future__ import annotations

from collections.abc import Iterable

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import lineage
from ray_jupyter.runtime.core.failures import FailureRecord, RemainsRecord
from ray_jupyter.runtime.core.outbox import Outbox
from ray_jupyter.runtime.core.state import (
    ActorRecord,
    ClusterState,
    ObjectRecord,
    TaskRecord,
)
from ray_jupyter.runtime.core.transitions import PENDING_ARGS_AVAIL
from ray_jupyter.runtime.protocol.messages import (
    SPILLED,
    STORED,
    SYSTEM_ERROR,
    Descriptor,
)


def lost(object_id: int) -> Descriptor:
    """Return what whoever asks for an object that is not there gets."""
    return (SYSTEM_ERROR, "ObjectLostError", f"object {object_id:x} does not exist any more")


def retain(state: ClusterState, ids: Iterable[int]) -> None:
    """Add one holder to each object (a task, a template or a containing object)."""
    objects = state.objects
    for object_id in ids:
        record = objects.get(object_id)
        if record is None:
            record = _revive(state, object_id)
        record.holders += 1


def _revive(state: ClusterState, object_id: int) -> ObjectRecord:
    """Return the record of an object that somebody names again after its last holder left."""
    record = state.unreferenced.pop(object_id, None)
    if record is None:
        record = ObjectRecord(object_id, None)
        record.value = lost(object_id)
    else:
        state.stored[object_id] = record
    state.objects[object_id] = record
    return record


def discard(state: ClusterState, out: Outbox, ids: Iterable[int]) -> None:
    """Remove one holder from each object; free those that have none left."""
    objects = state.objects
    for object_id in ids:
        record = objects[object_id]
        record.holders -= 1
        if not record.holders:
            free(state, out, record)


def depend(state: ClusterState, task: TaskRecord) -> None:
    """A new task holds what it was given, and waits for what is not there."""
    if task.held:
        retain(state, task.held)
    if task.deps:
        retain(state, task.deps)
        await_missing(state, task)


def misses_again(state: ClusterState, task: TaskRecord) -> bool:
    """A task comes back from a worker: return whether it has to wait for a lost object."""
    await_missing(state, task)
    if task.missing:
        task.move(PENDING_ARGS_AVAIL)
    return task.missing > 0


def await_missing(state: ClusterState, task: TaskRecord) -> None:
    """Count what the task needs and is not there; it is told of each when it comes."""
    for object_id in task.deps:
        record = state.objects[object_id]
        if record.value is None:
            task.missing += 1
            if record.dependents is None:
                record.dependents = []
            record.dependents.append(task)


def hold(state: ClusterState, client: int, ids: Iterable[int]) -> None:
    """A process has references to these now."""
    process = state.clients.get(client)
    if process is None:
        return
    fresh = set(ids) - process.held
    process.held |= fresh
    retain(state, fresh)


def release(state: ClusterState, out: Outbox, client: int, ids: Iterable[int]) -> None:
    """A process has no references to these any more."""
    process = state.clients.get(client)
    if process is None:
        return
    held, objects = process.held, state.objects
    for object_id in ids:
        if object_id in held:
            held.remove(object_id)
            record = objects[object_id]
            record.holders -= 1
            if not record.holders:
                free(state, out, record)


def free(state: ClusterState, out: Outbox, record: ObjectRecord) -> None:
    """Drop an object without holders, and what it alone held.

    Memory that is looked at stays, with what is inside: whoever looks may name the object again.
    """
    stack = [record]
    while stack:
        record = stack.pop()
        if record.value is None or record.holders:
            continue  # its task has not ended: ``seal`` comes back to it
        del state.objects[record.id]
        state.stored.pop(record.id, None)
        value = record.value
        stays = type(value) is tuple and value[0] == STORED and bool(record.pins or record.spilling)
        kept = [] if stays else [*record.contained]
        if record.id in state.actors:
            kept += _end_actor(state, out, record.id)
        if record.lineage is not None:
            for template in lineage.drop(state, record):
                kept += release_template(state, out, template.id)
        if record.failure is not None:
            kept += _lose_sight(state, out, record.failure, record.id)
        for inner in kept:
            child = state.objects[inner]
            child.holders -= 1
            if not child.holders:
                stack.append(child)
        if stays:
            state.unreferenced[record.id] = record
        elif type(value) is bytes:
            state.inline_bytes -= len(value)
        elif value[0] == STORED:
            drop_memory(state, record)
        drop_file(state, out, record)


def _end_actor(state: ClusterState, out: Outbox, actor_id: int) -> tuple[int, ...]:
    """The last handle is gone; return what was kept for a restart."""
    actor = state.actors.pop(actor_id)
    worker = state.clients.get(actor.worker)
    if worker is not None and not worker.stopping:
        worker.stopping = True
        out.commands.append(c.StopWorker(worker.id))
    return give_up_restart(state, out, actor)


def give_up_restart(state: ClusterState, out: Outbox, actor: ActorRecord) -> tuple[int, ...]:
    """The actor will not be made again: free its name; return what it held for that."""
    if actor.name_key is not None and state.names.get(actor.name_key) is actor:
        del state.names[actor.name_key]
    creation, actor.creation = actor.creation, None
    if creation is None:
        return ()
    closure = release_template(state, out, creation.template.id)
    return (*creation.deps, *creation.held, *closure)


def see(state: ClusterState, ids: Iterable[int]) -> None:
    """Somebody has got to see the errors of these objects."""
    for object_id in ids:
        record = state.objects.get(object_id)
        if record is not None and record.failure is not None:
            record.failure.seen = True


def retract(state: ClusterState, out: Outbox, record: ObjectRecord) -> None:
    """The value is to be made again: if it was an error, that does not count any more."""
    failure, record.value, record.failure = record.failure, None, None
    if failure is not None:
        failure.seen = True  # whether it is one becomes known again
        discard(state, out, _lose_sight(state, out, failure, record.id))


def _lose_sight(
    state: ClusterState, out: Outbox, failure: FailureRecord, object_id: int
) -> tuple[int, ...]:
    """One object less has this error for a value; return what its task held, if that goes, too.

    Nobody can get to see the error after the last.
    """
    failure.objects -= 1
    if not (failure.objects or failure.seen):
        out.commands.append(c.Complain(failure.root, failure.task, failure.name, failure.value))
    known = failure.remains.pop(object_id, None)
    if known is None:
        return ()
    known.objects -= 1
    return forget_remains(state, out, known) if not known.objects else ()


def forget_remains(state: ClusterState, out: Outbox, known: RemainsRecord) -> tuple[int, ...]:
    """A failed task will not run again; return what was held for that."""
    del state.remains[known.task]
    state.remains_bytes -= known.cost_bytes
    known.template.remembered -= 1
    closure = release_template(state, out, known.template.id)
    return (*known.deps, *known.held, *closure)


def release_template(state: ClusterState, out: Outbox, template_id: int) -> tuple[int, ...]:
    """One user less; without users the function goes: return what its closure held."""
    template = state.templates[template_id]
    template.users -= 1
    if template.users:
        return ()
    del state.templates[template_id]
    for client in state.clients.values():
        if template_id in client.known:
            client.known.discard(template_id)
            out.commands.append(c.Forget(client.id, [template_id]))
    return template.definition[3]


def undefine(state: ClusterState, out: Outbox, client: int, template_id: int) -> None:
    """The process that defined the template will name it no more."""
    template = state.templates.get(template_id)
    if template is not None and template.definer == client:
        template.definer = None
        discard(state, out, release_template(state, out, template_id))


def drop_file(state: ClusterState, out: Outbox, record: ObjectRecord) -> None:
    """Delete the file of a spilled object."""
    if record.spill_path is not None:
        if record.value[0] == SPILLED:
            state.spilled_bytes -= record.size_bytes
        out.commands.append(c.RemoveFiles([record.spill_path]))
        record.spill_path = None


def drop_memory(state: ClusterState, record: ObjectRecord) -> None:
    """Give the extent of a stored object back to the allocator."""
    state.allocator.free(record.value[1])


def seal(
    state: ClusterState, out: Outbox, record: ObjectRecord, value: Descriptor,
    contained: tuple[int, ...] = (), failure: FailureRecord | None = None,
) -> list[TaskRecord]:  # fmt: skip
    """The value is there: tell who waits; return the tasks that have all they need now."""
    record.value = value
    record.producer = None
    record.failure = failure
    if failure is not None:
        failure.objects += 1
    if type(value) is bytes:
        record.size_bytes = len(value)
        state.inline_bytes += len(value)
    elif value[0] == STORED:
        record.size_bytes = value[2]
        state.grants.pop(value[1], None)
        state.stored[record.id] = record
        touch(state, record)
    if contained or record.contained:
        retain(state, contained)
        before, record.contained = record.contained, contained
        discard(state, out, before)  # of the value that was lost
    if record.subscribers is not None:
        for client in record.subscribers:
            if client in state.clients:
                deliver(state, out, client, record)
        record.subscribers = None
    ready: list[TaskRecord] = []
    if record.dependents is not None:
        for task in record.dependents:
            task.missing -= 1
            if not task.missing:
                ready.append(task)
        record.dependents = None
    if not record.holders:
        free(state, out, record)
    return ready


def touch(state: ClusterState, record: ObjectRecord) -> None:
    """Note a use, for the order of spilling."""
    state.clock += 1
    record.used_at = state.clock


def pin(state: ClusterState, client: int, record: ObjectRecord) -> None:
    """The client is about to get the address of a stored object."""
    process = state.clients.get(client)
    if process is not None:
        if record.pins is None:
            record.pins = {}
        record.pins[client] = record.pins.get(client, 0) + 1
        process.pinned.add(record.id)
        touch(state, record)


def unpin(state: ClusterState, out: Outbox, client: int, ids: Iterable[int]) -> None:
    """The client gave up one delivery of each of these objects."""
    process = state.clients.get(client)
    for object_id in ids:
        record = state.objects.get(object_id) or state.unreferenced.get(object_id)
        if record is None or not record.pins or client not in record.pins:
            continue
        record.pins[client] -= 1
        if not record.pins[client]:
            del record.pins[client]
            if process is not None:
                process.pinned.discard(object_id)
        settle(state, out, record)


def settle(state: ClusterState, out: Outbox, record: ObjectRecord) -> None:
    """Free the memory of an object nobody refers to once nobody looks at it."""
    if not record.pins and not record.spilling and record.id in state.unreferenced:
        del state.unreferenced[record.id]
        drop_memory(state, record)
        discard(state, out, record.contained)


def deliver(state: ClusterState, out: Outbox, client: int, record: ObjectRecord) -> None:
    """Send a client the descriptor of an object that is there."""
    value = record.value
    if type(value) is not bytes and value[0] == STORED:
        pin(state, client, record)
    out.deliver(client, record.id, value)


def want(state: ClusterState, out: Outbox, client: int, ids: Iterable[int]) -> None:
    """Deliver what is there and remember who waits for the rest."""
    objects = state.objects
    for object_id in ids:
        record = objects.get(object_id)
        if record is None:
            out.deliver(client, object_id, lost(object_id))
        elif record.value is not None:
            deliver(state, out, client, record)
        elif record.subscribers is None:
            record.subscribers = [client]
        elif client not in record.subscribers:
            record.subscribers.append(client)
