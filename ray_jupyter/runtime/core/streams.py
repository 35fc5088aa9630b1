"""What tasks yield, on its way to who reads it.

Rules
    * An item belongs to the reader, the process that submitted the task, from the moment it
      comes in; it is an object like any other from then on.
    * The task's own object is the completion: ``None``, or the error. A stream that ended badly
      gives it as its last item.
    * A further attempt yields again from the first item on: what has come already is dropped.
    * The last message of each stream says that it ended: at the task's end, or as the answer
      to a reader that closes it. What is yielded afterwards is dropped.
    * Without a reader nothing would ever wake a paused task: it is cancelled.
"""

from __future__ import annotations

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import memory
from ray_jupyter.runtime.core.outbox import Outbox
from ray_jupyter.runtime.core.references import seal
from ray_jupyter.runtime.core.state import ClusterState, ObjectRecord, StreamRecord, TaskRecord
from ray_jupyter.runtime.core.transitions import FINISHED
from ray_jupyter.runtime.protocol.messages import (
    ENDED,
    ENDED_BADLY,
    OPEN,
    STORED,
    STREAMING,
    Descriptor,
)

Item = tuple[int, Descriptor, tuple[int, ...]]


def begin(state: ClusterState, task: TaskRecord) -> None:
    """A task was submitted: note its stream if it has one."""
    limit = task.template.extras.get(STREAMING)
    if limit is not None:
        state.streams[task.id] = StreamRecord(task.submitter, limit)


def receive(
    state: ClusterState, out: Outbox, client: int, task_id: int, place: int, items: list[Item]
) -> None:
    """A worker sends what its task yielded."""
    worker = state.clients.get(client)
    stream = state.streams.get(task_id)
    if worker is None or stream is None or task_id not in worker.inflight:
        _drop(state, client, items)
        return
    known = max(0, stream.number - place)
    _drop(state, client, items[:known])
    if known and stream.limit:  # another attempt, which does not know what has been taken
        out.commands.append(c.Resume(client, task_id, stream.consumed))
    fresh = items[known:]
    if not fresh:
        return
    stream.number += len(fresh)
    told: list[tuple[int, bytes | None]] = []
    held = state.clients[stream.reader].held
    for object_id, value, contained in fresh:
        record = ObjectRecord(object_id, None)
        record.holders = 1
        state.objects[object_id] = record
        held.add(object_id)
        seal(state, out, record, value, contained)
        told.append((object_id, value if type(value) is bytes else None))
    out.commands.append(c.Stream(stream.reader, task_id, told, OPEN))


def _drop(state: ClusterState, client: int, items: list[Item]) -> None:
    for _, value, _ in items:
        if type(value) is tuple and value[0] == STORED:
            memory.abandon(state, client, value[1])


def consume(state: ClusterState, out: Outbox, client: int, task_id: int, number: int) -> None:
    """The reader has taken ``number`` items by now."""
    stream = state.streams.get(task_id)
    if stream is None or stream.reader != client:
        return
    stream.consumed = number
    worker = state.tasks[task_id].worker
    if worker:
        out.commands.append(c.Resume(worker, task_id, number))


def end(state: ClusterState, out: Outbox, task: TaskRecord) -> None:
    """The task has ended: so has its stream."""
    stream = state.streams.pop(task.id, None)
    if stream is not None:
        how = ENDED if task.state is FINISHED else ENDED_BADLY
        out.commands.append(c.Stream(stream.reader, task.id, [], how))


def close(
    state: ClusterState, out: Outbox, client: int, task_ids: list[int] | None
) -> list[TaskRecord]:  # fmt: skip
    """The reader reads these (``None``: all) no more; return who would pause for ever."""
    if task_ids is None:
        task_ids = [task_id for task_id, s in state.streams.items() if s.reader == client]
    paused = []
    for task_id in task_ids:
        stream = state.streams.get(task_id)
        if stream is None or stream.reader != client:
            continue
        del state.streams[task_id]
        out.commands.append(c.Stream(client, task_id, [], ENDED))
        if stream.limit:
            paused.append(state.tasks[task_id])
    return paused
