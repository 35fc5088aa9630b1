"""How a lost object can be made again: the tasks that made it and what they were given.

Lives here: what is remembered of ended tasks, for how long, and which of them have to run.
Does not: having them run (``reconstruction``).

Rules
    * Remembered is what made an object in memory or on disk, while that object is referenced,
      or while something is remembered that was made from it. Small results cannot get lost.
    * Inputs are remembered by name. Only small ones are kept themselves: they are small, and
      are in no file. What has references inside needs these as well: they are inputs, too.
    * At most ``LIMIT_BYTES`` are remembered; the oldest is forgotten first.
    * A rebuilding counts as a retry: what may run once is not run again. Nor is what yields:
      nobody reads the items, so it might pause for ever.
"""

from __future__ import annotations

from ray_jupyter.runtime.core.state import (
    ClusterState,
    LineageRecord,
    ObjectRecord,
    Source,
    TaskRecord,
    TemplateRecord,
)
from ray_jupyter.runtime.protocol.messages import SPILLED, STORED, STREAMING, TASK, Descriptor

LIMIT_BYTES = 64_000_000
RECORD_BYTES = 1_000
"""What a record costs, without what it was given."""
INSIDE_LIMIT = 1_000
"""So many references inside of inputs are followed: each record of a chain has all before it."""


def is_large(value: Descriptor) -> bool:
    """Return whether a value is in memory or on disk, and not in a message."""
    return type(value) is tuple and value[0] in (STORED, SPILLED)


def remember(state: ClusterState, task: TaskRecord) -> list[TemplateRecord]:
    """The task made results, some of them large; return templates that are used less now."""
    results = [state.objects.get(task.id + index) for index in range(task.num_returns)]
    large = [r for r in results if r is not None and is_large(r.value)]
    if not large:
        return []
    known = state.lineage.get(task.id) or _record(state, task)
    known.attempt = task.attempt
    for record in large:
        if record.lineage is not known:
            record.lineage = known
            known.uses += 1
    released = []
    while state.lineage_bytes > LIMIT_BYTES:
        oldest = next(iter(state.lineage.values()))
        oldest.obstacle = f"more than {LIMIT_BYTES // 1_000_000} MB of tasks would be remembered"
        released += _forget(state, oldest)
    return released


def _record(state: ClusterState, task: TaskRecord) -> LineageRecord:
    template = task.template
    known = LineageRecord(task)
    if template.kind != TASK:
        known.obstacle = "calls of actors are not repeated"
    elif STREAMING in template.extras:
        known.obstacle = "what it yielded has gone to its reader"
    elif not template.max_retries:
        known.obstacle = "it may run only once (max_retries=0)"
    if known.obstacle:
        return known
    known.template = template
    template.users += 1
    template.remembered += 1
    known.cost_bytes = RECORD_BYTES + len(task.args)
    _remember_inputs(state, task, known)
    state.lineage[task.id] = known
    state.lineage_bytes += known.cost_bytes
    return known


def _remember_inputs(state: ClusterState, task: TaskRecord, known: LineageRecord) -> None:
    wanted, room = [*task.deps, *task.held], INSIDE_LIMIT
    for object_id in wanted:  # it grows
        if object_id in known.inputs:
            continue
        source = _source(state, object_id)
        if type(source) is tuple:
            value, contained = source
            room -= len(contained)
            if room < 0:
                source = None
            else:
                wanted += contained
                known.cost_bytes += len(value)
        known.inputs[object_id] = source
        if isinstance(source, LineageRecord):
            source.uses += 1


def _source(state: ClusterState, object_id: int) -> Source:
    """Return what an input could be had from once nobody refers to it."""
    record = state.objects.get(object_id)
    if record is None or object_id in state.actors:
        return None
    value = record.value
    return (value, record.contained) if type(value) is bytes else record.lineage


def drop(state: ClusterState, record: ObjectRecord) -> list[TemplateRecord]:
    """An object is freed: forget what only it needed; return templates that are used less now."""
    known, record.lineage = record.lineage, None
    return _release(state, [known] if known is not None else [])


def _release(state: ClusterState, unused: list[LineageRecord]) -> list[TemplateRecord]:
    released: list[TemplateRecord] = []
    while unused:  # a loop: what was made from each other may be a long chain
        known = unused.pop()
        known.uses -= 1
        if not known.uses and known.template is not None:
            released.append(known.template)
            unused += _clear(state, known)
    return released


def _forget(state: ClusterState, known: LineageRecord) -> list[TemplateRecord]:
    """Keep no more of it than a name."""
    released = [known.template] if known.template is not None else []
    return released + _release(state, _clear(state, known))


def _clear(state: ClusterState, known: LineageRecord) -> list[LineageRecord]:
    """Take it out of the table; return what it was made from."""
    del state.lineage[known.task]
    state.lineage_bytes -= known.cost_bytes
    if known.template is not None:
        known.template.remembered -= 1
    inputs, known.inputs, known.template, known.args = known.inputs, {}, None, b""
    return [source for source in inputs.values() if isinstance(source, LineageRecord)]


# Which tasks have to run


def plan(state: ClusterState, lost: ObjectRecord) -> tuple[list[LineageRecord], str]:
    """Return the tasks to run again, inputs first; or none of them and why not."""
    if lost.lineage is None:
        return [], "there is no task that could make it again (ray.put and yield have none)"
    order: list[LineageRecord] = []
    seen: set[int] = set()
    stack = [(lost.lineage, False)]
    while stack:
        known, is_last = stack.pop()
        if is_last:
            order.append(known)
        if is_last or known.task in seen or known.task in state.tasks:
            continue
        seen.add(known.task)
        obstacle = _obstacle(known)
        if obstacle:
            return [], f"its task {known.name} ({known.task:x}) is not run again: {obstacle}"
        stack.append((known, True))
        for object_id, source in known.inputs.items():
            if isinstance(source, LineageRecord):
                if not is_there(state, object_id):
                    stack.append((source, False))
            elif source is None and not is_there(state, object_id):
                how = "is an error" if object_id in state.objects else "was released"
                return [], (
                    f"its task {known.name} ({known.task:x}) needs object {object_id:x}, which {how} "
                    "and has no task that could make it again"
                )
    return order, ""


def _obstacle(known: LineageRecord) -> str:
    if known.template is None:
        return known.obstacle
    limit = known.template.max_retries
    if 0 <= limit <= known.attempt:
        return f"it has been repeated {known.attempt} times, as often as max_retries allows"
    return ""


def is_there(state: ClusterState, object_id: int) -> bool:
    """Return whether an input can be used, or will be there by itself."""
    record = state.objects.get(object_id) or state.unreferenced.get(object_id)
    if record is None:
        return False
    return record.value is None or type(record.value) is bytes or is_large(record.value)
