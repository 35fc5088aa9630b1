"""Grants, spilling, restoring, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core import memory
from ray_jupyter.runtime.protocol.messages import STORED

MIB = 1 << 20
Pick = Callable[[list[c.Command], type[Any]], list[Any]]


def ask(session: Any, request: int, mib: float = 1, client: int = 0) -> list[c.Command]:
    told: list[c.Command] = session(e.AllocationRequested(client, request, int(mib * MIB)))
    return told


def test_more_than_there_is_is_denied_with_a_census(session: Any, pick: Pick) -> None:
    session.store(10)
    [denied] = pick(ask(session, 1, 5), c.Deny)
    assert "no room for 5.0 MiB in the object store of 4.0 MiB" in denied.census
    assert "object a, 1.0 MiB" in denied.census


def test_the_least_recently_used_is_spilled(session: Any, pick: Pick) -> None:
    for object_id in (10, 11, 12, 13):
        session.store(object_id)
    session.want(10)
    session(e.Unpinned(0, [10]))
    [spill] = pick(ask(session, 1), c.SpillVictims)
    assert [victim for victim, _, _ in spill.victims] == [11]


def test_what_can_be_spilled_now_helps_who_waits(session: Any, pick: Pick) -> None:
    session.join(1)
    ask(session, 1, 4)
    assert ask(session, 2, 1, client=1) == []
    told = session(e.Put(0, [(10, (STORED, 0, 4 * MIB), ())]))
    assert pick(told, c.SpillVictims)


def test_the_death_of_who_looks_helps_who_waits(session: Any, pick: Pick) -> None:
    session.store(10, 4)
    session.join(1)
    session(e.Wanted(1, [10]))
    assert pick(ask(session, 1), c.Reclaim) == [c.Reclaim(1)]
    assert pick(session.lose(1), c.SpillVictims)


def test_waiting_ends(session: Any, pick: Pick) -> None:
    session.store(10, 4)
    session.want(10)
    ask(session, 1)
    assert session.core.next_deadline_ns() == session.now_ns + memory.PATIENCE_NS
    assert [d.request for d in pick(session.tick(memory.PATIENCE_NS), c.Deny)] == [1]
    assert session.core.next_deadline_ns() is None


def test_a_disk_that_refuses_is_not_asked_again(session: Any, pick: Pick) -> None:
    session.store(10, 4)
    ask(session, 1)
    told = session(e.SpilledOut(0, 1, []))
    assert not pick(told, c.SpillVictims)
    assert [d.request for d in pick(told, c.Deny)] == [1]


def test_a_dead_process_gets_nothing(session: Any) -> None:
    """It holds what it waits for: its own grant must not go to itself."""
    session.join(1)
    ask(session, 1, 4, client=1)
    ask(session, 2, 1, client=1)
    assert session.lose(1) == [c.StartWorkers(1)]
    assert not session.state.grants


def test_victims_of_a_dead_process_stay_in_memory(session: Any) -> None:
    session.store(10, 4)
    session.join(1)
    ask(session, 1, client=1)
    session.lose(1)
    assert session.want(10) == {10: (STORED, 0, 4 * MIB)}


def test_memory_decides_when_somebody_looks_meanwhile(session: Any, pick: Pick) -> None:
    session.store(10, 4)
    ask(session, 1)
    session.want(10)
    told = session(e.SpilledOut(0, 1, [(10, "file")]))
    assert pick(told, c.RemoveFiles) == [c.RemoveFiles(["file"])]
    assert session.state.objects[10].value[0] == STORED


def test_the_first_to_restore_wins(session: Any, pick: Pick) -> None:
    session.store(10)
    ask(session, 1, 4)
    [granted] = pick(session(e.SpilledOut(0, 1, [(10, "file")])), c.Grant)
    session(e.Abandoned(0, granted.offset))
    session.join(1)
    session(e.Held(1, [10]))
    first, second = (pick(ask(session, 2, 1, client), c.Grant)[0].offset for client in (0, 1))
    session(e.Restored(1, 10, second, MIB))
    told = session(e.Restored(0, 10, first, MIB))
    assert session.delivered(told) == {10: (STORED, second, MIB)}
    assert list(session.state.allocator.allocated) == [second]


def test_an_extent_of_another_cannot_be_abandoned(session: Any) -> None:
    session.join(1)
    ask(session, 1)
    session(e.Abandoned(1, 0))
    assert session.state.grants == {0: 0}


def test_pages_given_back_are_nobodys_meanwhile(session: Any, pick: Pick) -> None:
    """Another process could write there before they are gone, and lose what it wrote."""
    session.store(10, 3)
    session(e.Released(0, [10]))
    [granted] = pick(ask(session, 1, 3.5), c.Grant)
    punched = dict(granted.punch)
    assert punched
    assert not punched.keys() & {at for at, _, _ in session.state.allocator.free_extents()}
    session(e.Punched(0, list(punched), True))
    assert not session.state.punching


@pytest.mark.parametrize("how", ["died", "interrupted"])
def test_pages_that_nobody_gave_back_are_left_to_the_next(
    session: Any, pick: Pick, how: str
) -> None:
    session.join(1)
    session.store(10, 3)
    session(e.Released(0, [10]))
    [granted] = pick(session(e.AllocationRequested(1, 1, int(3.5 * MIB), False)), c.Grant)
    left = dict(granted.punch)
    if how == "died":
        session.lose(1)
    else:
        session(e.Abandoned(1, granted.offset))
        session(e.Punched(1, list(left), False))
    [granted] = pick(ask(session, 1, 0.5), c.Grant)
    assert left.items() <= dict(granted.punch).items()
    session(e.Punched(0, [at for at, _ in granted.punch], True))
    assert not session.state.punching
