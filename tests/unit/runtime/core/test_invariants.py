"""Each rule can fail: the state is damaged by hand, and the rule that is named finds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core.failures import FailureRecord
from ray_jupyter.runtime.core.invariants import RULES, InvariantError, check
from ray_jupyter.runtime.core.state import ClientRecord, ClusterState
from ray_jupyter.runtime.protocol.messages import ERROR

MIB = 1 << 20


@pytest.fixture
def state(session: Any) -> ClusterState:
    """Something of everything: an actor, tasks in all places, memory, requests, spares."""
    session.join(1)
    session.submit(16, template=session.define(0))
    session.finish(1, 16, b"error", status=ERROR)
    session.join(2)
    session.submit(5, template=session.define(0.5, kind="actor"))
    session.finish(2, 5)
    session.submit(6, template=session.define(0, kind="method"), held=(5,))
    template = session.define(1)
    session.submit(10, 11, 12, 13, template=template)
    session.submit(14, template=template, deps=(10,))
    session.join(3)
    inside = (("environment a", 0),)
    session.submit(40, template=session.define(0, more=inside))
    session.finish_large(3, 40)
    session.want(40)
    session.submit(41, template=session.define(0, more=(("GPU", 5_000), *inside)))
    session.submit(15, template=session.define(0))
    session.submit(20, template=template, parent=10, client=1)
    session.store(30, 2)
    session.want(30)
    session(e.AllocationRequested(0, 1, MIB))
    session(e.AllocationRequested(0, 2, 2 * MIB))
    session(e.Put(0, [(31, b"small", ())]))
    session(e.CellBegan(0, 49))
    session.submit(50, 51, template=session.define(1, yields=2))
    found: ClusterState = session.state
    return found


def miscount_a_failure(state: ClusterState) -> None:
    state.objects[10].failure = FailureRecord(state.tasks[10], ("system", "RaySystemError", ""))


def lose_a_task(state: ClusterState) -> None:
    next(q for q in state.queues.values() if q.ready).ready.clear()


def end_a_task_too_early(state: ClusterState) -> None:
    del state.tasks[10]


def miscount_a_dependency(state: ClusterState) -> None:
    state.tasks[14].missing = 2


def forget_a_dependent(state: ClusterState) -> None:
    state.objects[10].dependents = []


def hold_once_more(state: ClusterState) -> None:
    state.objects[31].holders += 1


def keep_what_nobody_holds(state: ClusterState) -> None:
    state.objects[31].holders = 0
    state.clients[0].held.remove(31)


def free_what_is_held(state: ClusterState) -> None:
    del state.objects[31]


def keep_memory_for_nobody(state: ClusterState) -> None:
    record = state.objects.pop(30)
    state.clients[0].held.remove(30)
    record.holders, record.pins = 0, None
    state.unreferenced[30] = record


def pin_on_one_side(state: ClusterState) -> None:
    state.clients[0].pinned.clear()


def leak_resources(state: ClusterState) -> None:
    state.available["CPU"] -= 1


def give_a_gpu_twice(state: ClusterState) -> None:
    state.devices[0] = 10_000


def give_a_gpu_to_nobody(state: ClusterState) -> None:
    next(w for w in state.clients.values() if w.devices).devices = ()


def run_in_two_environments(state: ClusterState) -> None:
    state.clients[3].environment = "environment b"


def leave_an_orphan(state: ClusterState) -> None:
    state.children.clear()


def be_idle_and_busy(state: ClusterState) -> None:
    state.idle[1] = state.clients[1]


def let_a_worker_rest(state: ClusterState) -> None:
    state.idle[4] = state.clients[4] = ClientRecord(4, True, 4)


def leak_an_extent(state: ClusterState) -> None:
    state.grants.clear()


def overlap_extents(state: ClusterState) -> None:
    state.allocator.allocated[4096] = 4096
    state.grants[4096] = 0


def ignore_a_request(state: ClusterState) -> None:
    state.store_limit_bytes *= 2


def mark_a_victim(state: ClusterState) -> None:
    state.objects[30].spilling = True


def miscount_users(state: ClusterState) -> None:
    next(iter(state.templates.values())).users += 1


def need_a_lineage_twice(state: ClusterState) -> None:
    state.lineage[40].uses += 1


def miscount_lineage(state: ClusterState) -> None:
    state.objects[40].lineage = None


def keep_a_call_back(state: ClusterState) -> None:
    task = state.tasks[6]
    del state.clients[2].inflight[6]
    task.state, task.worker = "PENDING_NODE_ASSIGNMENT", 0
    state.actors[5].returned.append(task)


def lose_an_actor_for_good(state: ClusterState) -> None:
    state.actors[5].options = {"max_restarts": 1}


def keep_a_dead_name(state: ClusterState) -> None:
    state.names["", "dead"] = state.actors[5]


def miscount_bytes(state: ClusterState) -> None:
    state.inline_bytes += 1


def yield_for_nobody(state: ClusterState) -> None:
    del state.streams[50]


def read_what_nobody_yields(state: ClusterState) -> None:
    state.streams[10] = state.streams.pop(50)


def take_what_has_not_come(state: ClusterState) -> None:
    state.streams[51].consumed = 1


def read_in_another_process(state: ClusterState) -> None:
    state.streams[51].reader = 1


def miscount_what_remains(state: ClusterState) -> None:
    next(iter(state.remains.values())).objects += 1


def forget_half_of_what_remains(state: ClusterState) -> None:
    failure = next(iter(state.remains.values())).failure
    failure.remains = dict.fromkeys([31], next(iter(failure.remains.values())))


def miscount_the_bytes_of_what_remains(state: ClusterState) -> None:
    state.remains_bytes += 1


def miscount_a_cell(state: ClusterState) -> None:
    state.cells[49].tallies["work"].submitted += 1


DAMAGES: list[tuple[Callable[[ClusterState], None], str]] = [
    (lose_a_task, "tasks_are_in_one_place"),
    (end_a_task_too_early, "tasks_are_in_one_place"),
    (miscount_a_dependency, "dependencies_are_counted"),
    (forget_a_dependent, "dependencies_are_counted"),
    (hold_once_more, "holders_are_counted"),
    (free_what_is_held, "holders_are_counted"),
    (keep_what_nobody_holds, "unheld_objects_are_freed"),
    (keep_memory_for_nobody, "unreferenced_memory_is_looked_at"),
    (pin_on_one_side, "pins_agree"),
    (leak_resources, "resources_are_conserved"),
    (give_a_gpu_twice, "devices_are_not_overcommitted"),
    (give_a_gpu_to_nobody, "devices_are_not_overcommitted"),
    (run_in_two_environments, "workers_are_idle_or_leased"),
    (leave_an_orphan, "children_are_indexed"),
    (be_idle_and_busy, "workers_are_idle_or_leased"),
    (let_a_worker_rest, "no_ready_task_beside_an_idle_worker"),
    (leak_an_extent, "memory_is_owned"),
    (overlap_extents, "memory_is_owned"),
    (ignore_a_request, "allocations_make_progress"),
    (mark_a_victim, "allocations_make_progress"),
    (miscount_users, "templates_have_users"),
    (need_a_lineage_twice, "lineage_is_needed"),
    (miscount_lineage, "lineage_is_needed"),
    (keep_a_call_back, "actors_are_fed"),
    (yield_for_nobody, "streams_have_two_ends"),
    (read_what_nobody_yields, "streams_have_two_ends"),
    (take_what_has_not_come, "streams_have_two_ends"),
    (read_in_another_process, "streams_have_two_ends"),
    (lose_an_actor_for_good, "actors_can_come_back"),
    (keep_a_dead_name, "names_are_of_living_actors"),
    (miscount_a_cell, "cells_are_counted"),
    (miscount_bytes, "bytes_are_counted"),
    (miscount_a_failure, "failures_are_counted"),
    (miscount_what_remains, "remains_are_needed"),
    (forget_half_of_what_remains, "remains_are_needed"),
    (miscount_the_bytes_of_what_remains, "remains_are_needed"),
]


@pytest.mark.parametrize(
    ("damage", "rule"), DAMAGES, ids=lambda value: getattr(value, "__name__", "")
)
def test_damage_is_found(
    state: ClusterState, damage: Callable[[ClusterState], None], rule: str
) -> None:
    check(state)
    damage(state)
    with pytest.raises(InvariantError) as caught:
        check(state)
    assert caught.value.rule == rule, str(caught.value)


def test_every_rule_is_tried() -> None:
    assert {rule for _, rule in DAMAGES} == {rule.__name__ for rule in RULES}
