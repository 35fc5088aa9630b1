"""Shared memory: who gets an extent, and what has to leave for it.

Rules
    * The limit holds for pages: extents in use plus warm free ones.
    * Room is made in this order: warm free extents are given back to the system, then the
      least recently used objects that nobody maps are written to disk, then every process
      gives up mappings without a view, then the request waits for tasks to end, then it is
      denied with a census.
    * The process that asked does the writing: it has to wait anyway, and the scheduler
      must not. If it dies meanwhile, its victims are still in memory.
"""

from __future__ import annotations

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core.allocator import round_up
from ray_jupyter.runtime.core.outbox import Outbox
from ray_jupyter.runtime.core.references import deliver, lost, seal, settle
from ray_jupyter.runtime.core.state import (
    NOBODY,
    AllocationRecord,
    ClusterState,
    ObjectRecord,
    TaskRecord,
)
from ray_jupyter.runtime.protocol.messages import SPILLED, STORED

PATIENCE_NS = 3_000_000_000
"""How long an allocation waits for memory that running tasks may give up."""
HASTE_NS = 20_000_000
"""The same for one that has another way: a spilled value can be mapped from its file."""


def request(state: ClusterState, out: Outbox, event: e.AllocationRequested, now_ns: int) -> None:
    """A process asks for an extent."""
    client, request_id, size_bytes, patient = event
    deadline_ns = now_ns + (PATIENCE_NS if patient else HASTE_NS)
    allocation = AllocationRecord(client, request_id, size_bytes, deadline_ns)
    if round_up(size_bytes) > state.store_limit_bytes:
        out.commands.append(c.Deny(client, request_id, census(state, size_bytes)))
    elif not _attempt(state, out, allocation):
        state.allocations.append(allocation)


def retry(state: ClusterState, out: Outbox) -> None:
    """Memory may have become free: try what waits, oldest first."""
    waiting = state.allocations
    for _ in range(len(waiting)):
        allocation = waiting.popleft()
        if allocation.spilling or not _attempt(state, out, allocation):
            waiting.append(allocation)


def expire(state: ClusterState, out: Outbox, now_ns: int) -> None:
    """Deny what has waited too long."""
    for allocation in list(state.allocations):
        if not allocation.spilling and allocation.deadline_ns <= now_ns:
            _deny(state, out, allocation)


def _deny(state: ClusterState, out: Outbox, allocation: AllocationRecord) -> None:
    state.allocations.remove(allocation)
    text = census(state, allocation.size_bytes)
    out.commands.append(c.Deny(allocation.client, allocation.request, text))


def _attempt(state: ClusterState, out: Outbox, allocation: AllocationRecord) -> bool:
    """Grant the request, or take the next step towards it; return whether it was granted."""
    allocator = state.allocator
    size = round_up(allocation.size_bytes)
    missing = allocator.used_bytes + size - state.store_limit_bytes
    if missing > 0:
        _make_room(state, out, allocation, missing)
        return False
    found = allocator.allocate(size)
    if found is None:  # addresses in pieces: freeing others' joins them
        _make_room(state, out, allocation, size)
        return False
    offset, warm = found
    excess = allocator.used_bytes + allocator.warm_bytes - state.store_limit_bytes
    left = [(at, allocator.cooling[at]) for at, who in state.punching.items() if who == NOBODY]
    punch = left + allocator.cool(excess)
    state.punching.update((at, allocation.client) for at, _ in punch)
    state.grants[offset] = allocation.client
    out.commands.append(c.Grant(allocation.client, allocation.request, offset, warm, punch))
    return True


def _make_room(
    state: ClusterState, out: Outbox, allocation: AllocationRecord, missing: int
) -> None:
    victims: list[ObjectRecord] = []
    for record in sorted(_spillable(state), key=lambda r: r.used_at):
        if missing <= 0:
            break
        victims.append(record)
        missing -= round_up(record.size_bytes)
    if missing > 0 and not allocation.reclaimed:
        allocation.reclaimed = True
        out.commands.extend(c.Reclaim(k) for k, v in state.clients.items() if v.pinned)
    if not victims:
        return
    for record in victims:
        record.spilling = True
        allocation.spilling.add(record.id)
    extents = [(r.id, r.value[1], r.size_bytes) for r in victims]
    out.commands.append(c.SpillVictims(allocation.client, allocation.request, extents))


def _spillable(state: ClusterState) -> list[ObjectRecord]:
    return [r for r in state.stored.values() if not r.pins and not r.spilling]


def spilled(
    state: ClusterState, out: Outbox, client: int, request_id: int, files: list[tuple[int, str]]
) -> None:
    """Victims are on disk: free their memory and go on with the request."""
    paths = dict(files)
    for allocation in state.allocations:
        if allocation.client == client and allocation.request == request_id:
            victims, allocation.spilling = allocation.spilling, set()
            _forget_victims(state, out, victims, paths)
            if not paths:  # the disk refused: asking again would only spin
                _deny(state, out, allocation)
            break
    retry(state, out)


def _forget_victims(
    state: ClusterState, out: Outbox, victims: set[int], paths: dict[int, str]
) -> None:
    for object_id in victims:
        record = state.objects.get(object_id) or state.unreferenced[object_id]
        record.spilling = False
        path = paths.get(object_id)
        if object_id in state.unreferenced or record.pins:
            # Freed or mapped while the file was written: memory decides, the file goes.
            if path is not None:
                out.commands.append(c.RemoveFiles([path]))
            settle(state, out, record)
        elif path is not None:
            state.allocator.free(record.value[1])
            record.value = (SPILLED, path, record.size_bytes, *record.value[3:])
            del state.stored[object_id]
            record.spill_path = path
            state.spilled_bytes += record.size_bytes


def restored(
    state: ClusterState, out: Outbox, client: int, object_id: int, offset: int, size_bytes: int
) -> list[TaskRecord]:
    """A process copied a spilled value back; it gets (and pins) the address that holds.

    Return the tasks that waited for it: another process could not read it, and it was lost.
    """
    if state.grants.get(offset) != client:
        return []
    del state.grants[offset]
    record = state.objects.get(object_id)
    ready: list[TaskRecord] = []
    if record is not None and record.value is None:
        ready = seal(state, out, record, (STORED, offset, size_bytes), record.contained)
    elif record is None or type(record.value) is bytes or record.value[0] != SPILLED:
        state.allocator.free(offset)  # freed meanwhile, or somebody else was first
    else:
        state.spilled_bytes -= record.size_bytes
        record.value = (STORED, offset, size_bytes, *record.value[3:])
        state.stored[object_id] = record
        out.commands.append(c.RemoveFiles([record.spill_path or ""]))
        record.spill_path = None
    if record is not None:
        deliver(state, out, client, record)
    else:
        out.deliver(client, object_id, lost(object_id))
    return ready


def abandon(state: ClusterState, client: int, offset: int) -> None:
    """A granted extent comes back unused."""
    if state.grants.get(offset) == client:
        del state.grants[offset]
        state.allocator.free(offset)


def punched(state: ClusterState, client: int, offsets: list[int], *, done: bool) -> None:
    """The pages of these extents are gone, or (not ``done``) are left to whoever asks next.

    To take the latter for warm ones would exceed the limit.
    """
    for offset in offsets:
        if state.punching.get(offset) != client:
            continue
        if done:
            del state.punching[offset]
            state.allocator.end_cooling(offset)
        else:
            state.punching[offset] = NOBODY


def forget_client(state: ClusterState, out: Outbox, client: int) -> None:
    """A process died: what it was writing, looking at and waiting for."""
    for offset in [k for k, v in state.grants.items() if v == client]:
        abandon(state, client, offset)
    punched(state, client, [k for k, v in state.punching.items() if v == client], done=False)
    for allocation in [a for a in state.allocations if a.client == client]:
        state.allocations.remove(allocation)
        _forget_victims(state, out, allocation.spilling, {})


def census(state: ClusterState, size_bytes: int) -> str:
    """Return, in words, what fills the store."""
    stored = list(state.stored.values())
    pinned = [r for r in stored if r.pins]
    views = list(state.unreferenced.values())

    def mib(records: list[ObjectRecord]) -> str:
        return f"{len(records)} objects, {sum(r.size_bytes for r in records) / 2**20:.1f} MiB"

    largest = sorted(stored, key=lambda r: -r.size_bytes)[:3]
    lines = [
        f"no room for {size_bytes / 2**20:.1f} MiB in the object store of "
        f"{state.store_limit_bytes / 2**20:.1f} MiB:",
        f"  in use, mapped by a process: {mib(pinned)}",
        f"  in use, not mapped: {mib([r for r in stored if not r.pins])}",
        f"  kept by arrays whose reference is gone: {mib(views)}",
        f"  on disk: {state.spilled_bytes / 2**20:.1f} MiB",
    ]
    lines += [f"  large: object {r.id:x}, {r.size_bytes / 2**20:.1f} MiB" for r in largest]
    lines.append(
        "drop references and arrays you do not need, or start with more memory: "
        "init(object_store_memory=...)"
    )
    return "\n".join(lines)
