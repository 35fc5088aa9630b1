"""What must hold of memory between two events; see ``invariants``, which checks it."""

from __future__ import annotations

from collections.abc import Iterator

from ray_jupyter.runtime.core.allocator import round_up
from ray_jupyter.runtime.core.state import ClusterState, ObjectRecord
from ray_jupyter.runtime.protocol.messages import SPILLED, STORED

Violations = Iterator[str]


def _stored(record: ObjectRecord) -> bool:
    return type(record.value) is tuple and record.value[0] == STORED


def unreferenced_memory_is_looked_at(state: ClusterState) -> Violations:
    """Memory without references stays only for its pins or while it is written to disk."""
    for record in state.unreferenced.values():
        if record.id in state.objects:
            yield f"object {record.id} is both referenced and not"
        if not _stored(record) or record.holders:
            yield f"object {record.id} has {record.holders} holders and value {record.value!r}"
        if not record.pins and not record.spilling:
            yield f"object {record.id} keeps its memory for nobody"


def pins_agree(state: ClusterState) -> Violations:
    """``ObjectRecord.pins`` and ``ClientRecord.pinned`` say the same."""
    pins = set()
    for record in [*state.objects.values(), *state.unreferenced.values()]:
        for client, count in (record.pins or {}).items():
            pins.add((client, record.id))
            if count < 1 or not _stored(record):
                yield f"client {client} pins object {record.id} {count} times: {record.value!r}"
    pinned = {(c.id, object_id) for c in state.clients.values() for object_id in c.pinned}
    for client, object_id in pins ^ pinned:
        yield f"client {client} and object {object_id} disagree about a pin"


def memory_is_owned(state: ClusterState) -> Violations:
    """Every allocated extent is a stored object's or granted, and none overlaps another."""
    allocator = state.allocator
    owned = dict.fromkeys(state.grants, -1)
    for record in [*state.objects.values(), *state.unreferenced.values()]:
        if _stored(record):
            if record.value[1] in owned:
                yield f"object {record.id} shares its extent at {record.value[1]}"
            owned[record.value[1]] = round_up(record.size_bytes)
    for offset in owned.keys() ^ allocator.allocated.keys():
        yield f"extent at {offset}: allocated {offset in allocator.allocated}, owned otherwise"
    for offset, size in owned.items():
        if size > allocator.allocated.get(offset, size):
            yield f"extent at {offset} holds {size} bytes of {allocator.allocated[offset]}"
    if allocator.used_bytes != sum(allocator.allocated.values()):
        yield f"used_bytes is {allocator.used_bytes}"
    if allocator.used_bytes + allocator.warm_bytes > round_up(state.store_limit_bytes):
        yield f"{allocator.used_bytes} used and {allocator.warm_bytes} warm exceed the limit"
    if state.punching.keys() != allocator.cooling.keys():
        yield f"{state.punching} are being punched, and {allocator.cooling} are set aside"
    yield from _tiling(state)


def _tiling(state: ClusterState) -> Violations:
    taken = [*state.allocator.allocated.items(), *state.allocator.cooling.items()]
    allocated = [(at, size, None) for at, size in taken]
    end, before = 0, None
    for at, size, warm in sorted([*allocated, *state.allocator.free_extents()], key=lambda e: e[0]):
        if at != end:
            yield f"addresses {end} to {at} are nobody's or somebody's twice"
        if warm is not None and warm == before:
            yield f"free neighbours at {at} are not joined"
        end, before = at + size, warm


def allocations_make_progress(state: ClusterState) -> Violations:
    """A request waits only while there is no room, and nothing that could be spilled."""
    victims: list[int] = []
    for waiting in state.allocations:
        victims += waiting.spilling
        room = state.store_limit_bytes - state.allocator.used_bytes
        if waiting.client not in state.clients:
            yield f"dead client {waiting.client} waits for memory"
        if not waiting.spilling and round_up(waiting.size_bytes) <= room:
            yield f"{waiting.size_bytes} bytes are asked for and {room} are free"
        for record in state.objects.values():
            spillable = _stored(record) and not record.pins and not record.spilling
            if not waiting.spilling and spillable:
                yield f"object {record.id} could make room for client {waiting.client}"
    spilling = [r.id for r in [*state.objects.values(), *state.unreferenced.values()] if r.spilling]
    if sorted(spilling) != sorted(victims):
        yield f"victims {victims}, but {spilling} are marked"
    for offset, client in state.grants.items():
        if client not in state.clients:
            yield f"extent at {offset} is granted to dead client {client}"


def bytes_are_counted(state: ClusterState) -> Violations:
    """``inline_bytes`` and ``spilled_bytes`` are sums over the objects."""
    values = [(record, record.value) for record in state.objects.values()]
    inline = sum(len(value) for _, value in values if type(value) is bytes)
    spilled = sum(r.size_bytes for r, v in values if type(v) is tuple and v[0] == SPILLED)
    if inline != state.inline_bytes:
        yield f"{inline} bytes inline, not {state.inline_bytes}"
    if spilled != state.spilled_bytes:
        yield f"{spilled} bytes spilled, not {state.spilled_bytes}"
