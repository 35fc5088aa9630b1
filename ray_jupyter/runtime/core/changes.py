"""The answer to ``"changes"``: what the dashboard folds.

Nothing changes but what is gathered for the next answer.

Its cost is that of what ended since the last time, and of what there is few of (processes,
functions, queues); it never walks over tasks that wait, nor over objects.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from ray_jupyter.runtime.core.state import ClientRecord, ClusterState, TaskRecord
from ray_jupyter.runtime.protocol import changes
from ray_jupyter.runtime.protocol.messages import ACTOR, FAILED

WATCHES_MAX = 4
"""So many are gathered for at once; further ones are answered from the records."""


def answer(state: ClusterState, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what changed: ``{"watch": name, "since": cursor, "most": tasks}``.

    Who gives itself a name (else it is empty) is gathered for between its questions.

    Returns:
        ``cursor``: what to ask with next. ``forgotten``: tasks that nobody will be told of.
        ``tasks``, ``groups``: see ``protocol.changes.ended``, as plain tuples.
        ``failures``: what user code raised, by task: the beginning of a pickled error.
        ``live``: (name, kind, how many have not ended, cell) by function and cell; of a class, its actors.
        ``workers``: (id, pid, activity, actor's class, how many tasks it has, of the first of them
        (id, name, kind, when submitted, cell), when it last began or ended one, its machine) each.
        ``here``: the machines on which the driver's system shows the workers' processes.
        ``waiting``: some of the newest tasks that have not ended, and what they wait for: (id,
        name, kind, cell, parent, arguments) each. The shape of what is to come.
        ``totals``: numbers of the whole session.
    """
    forgotten = 0
    if asked["watch"] in state.watches:
        tasks, groups = state.watches[asked["watch"]].take(state.records, state.records_total)
    else:
        forgotten, tasks, groups = _begin(state, asked)
    workers = [client for client in state.clients.values() if client.is_worker]
    return {
        "cursor": state.records_total,
        "forgotten": forgotten,
        "tasks": [tuple(task) for task in tasks],
        "groups": [tuple(group) for group in groups],
        "failures": _failures(state, {task.id for task in tasks if task.status == changes.FAILED}),
        "live": _live(state),
        "workers": [_worker(state, worker) for worker in workers],
        "here": ("",),
        "waiting": _waiting(state),
        "totals": _totals(state, workers),
    }


def _begin(
    state: ClusterState, asked: dict[str, Any]
) -> tuple[int, list[changes.EndedTask], list[changes.Group]]:
    """Return (how many are forgotten, tasks, groups) from the records; gather from now on."""
    new = max(0, state.records_total - asked["since"])
    records = changes.newest(state.records, new)
    if asked["watch"] and len(state.watches) < WATCHES_MAX:
        state.watches[asked["watch"]] = changes.Watch(state.records_total)
    return (new - len(records), *changes.ended(records, asked["most"]))


def _failures(state: ClusterState, wanted: set[int]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for task_id, _, _, _, error in reversed(state.failures):
        if len(found) == len(wanted):
            break
        if task_id in wanted and error[0] == FAILED:
            found.setdefault(task_id, error[1])
    return found


def _live(state: ClusterState) -> list[tuple[str, str, int, int]]:
    counts: dict[tuple[str, str], int] = {}
    for template in state.templates.values():
        if template.kind != ACTOR:
            users = template.users - template.remembered - (template.definer is not None)
            if users:
                key = (template.name, template.kind)
                counts[key] = counts.get(key, 0) + users
    told = _by_cell(state, counts)
    for actor in state.actors.values():
        if actor.cause is None:
            counts[actor.name, ACTOR] = counts.get((actor.name, ACTOR), 0) + 1
    rest = [(name, kind, count, 0) for (name, kind), count in counts.items() if count]
    return told + rest


def _by_cell(
    state: ClusterState, counts: dict[tuple[str, str], int]
) -> list[tuple[str, str, int, int]]:
    """Return how much of the counts belongs to which cell, and take it away from them."""
    told = []
    kinds: dict[str, list[str]] = {}
    for name, kind in counts:
        kinds.setdefault(name, []).append(kind)
    for cell in state.cells.values():
        if not cell.unfinished:
            continue
        for name, tally in cell.tallies.items():
            left = tally.submitted - tally.finished - tally.failed
            for kind in kinds.get(name, ()) if left else ():
                part = min(left, counts[name, kind])
                if part:
                    told.append((name, kind, part, cell.id))
                    counts[name, kind] -= part
                    left -= part
    return told


def _cell(task: TaskRecord) -> int:
    return task.cell.id if task.cell is not None else 0


def _worker(state: ClusterState, worker: ClientRecord) -> tuple[Any, ...]:
    if worker.blocked_on is not None:
        activity = "BLOCKED"
    else:
        activity = "RUNNING" if worker.inflight else "IDLE"
    actor = worker.actor.name if worker.actor is not None else ""
    tasks = [
        (task.id, task.template.name, task.template.kind, task.submit_ns, _cell(task))
        for task in islice(worker.inflight.values(), changes.HELD_MAX)
    ]
    number = len(worker.inflight)
    return (worker.id, worker.pid, activity, actor, number, tasks, worker.progress_ns, "")


def _waiting(state: ClusterState) -> list[tuple[Any, ...]]:
    found: dict[int, TaskRecord] = {}
    for task in islice(reversed(state.tasks.values()), changes.WAITING_MAX):
        found[task.id] = task
        for object_id in task.deps[: changes.ARGUMENTS_MAX]:
            record = state.objects.get(object_id)
            if record is not None and record.producer is not None:
                found.setdefault(record.producer.id, record.producer)
    return [
        (
            task.id, task.template.name, task.template.kind, _cell(task), task.parent,
            task.deps[: changes.ARGUMENTS_MAX],
        )
        for task in found.values()
    ]  # fmt: skip


def _totals(state: ClusterState, workers: list[ClientRecord]) -> dict[str, int]:
    return {
        "live": len(state.tasks),
        "sent": sum(len(worker.inflight) for worker in workers),
        # What was taken from the middle of a queue is still in it: never more than there are.
        "ready": min(
            len(state.tasks), sum(len(q.nested) + len(q.ready) for q in state.queues.values())
        ),
        "finished": state.finished,
        "failed": state.failed,
        "retries": state.retries,
        "objects": len(state.objects),
        "store_used_bytes": state.allocator.used_bytes,
        "store_limit_bytes": state.store_limit_bytes,
        "spilled_bytes": state.spilled_bytes,
        "inline_bytes": state.inline_bytes,
        "task_wall_ns": state.task_wall_ns,
        "task_cpu_ns": state.task_cpu_ns,
    }
