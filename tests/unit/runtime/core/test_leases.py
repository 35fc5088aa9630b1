"""What workers have: devices, environments, and an end after so many calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import devices, placement
from ray_jupyter.runtime.core import events as e

Pick = Callable[[list[c.Command], type[Any]], list[Any]]
A, B = (("environment a", 0),), (("environment b", 0),)


def gpus(amount: float) -> tuple[tuple[str, int], ...]:
    return (("GPU", int(amount * 10_000)),)


@pytest.mark.parametrize(
    ("free", "units", "chosen"),
    [
        ([10_000, 10_000], 10_000, (0,)),
        ([5_000, 10_000], 10_000, (1,)),
        ([10_000, 5_000], 2_500, (1,)),
        ([10_000, 2_000], 2_500, (0,)),
        ([10_000, 9_999, 10_000], 20_000, (0, 2)),
        ([5_000, 5_000], 10_000, None),
        ([1_000], 2_500, None),
        ([], 10_000, None),
    ],
)
def test_devices_are_chosen(free: list[int], units: int, chosen: tuple[int, ...] | None) -> None:
    assert devices.choose(free, units) == chosen


def test_parts_of_a_gpu_make_no_whole(session: Any, pick: Pick) -> None:
    large, small, whole = (session.define(0, more=gpus(amount)) for amount in (0.6, 0.4, 1))
    for worker in (1, 2, 3, 4):
        session.join(worker)
    told = session.submit(10, 11, template=large) + session.submit(12, template=small)
    assert pick(told, c.Equip) == [c.Equip(4, [0]), c.Equip(3, [1]), c.Equip(2, [0])]
    assert pick(session.finish(4, 10), c.StopWorker) == [c.StopWorker(4)]
    assert session.state.available["GPU"] == 10_000
    assert session.sent(session.submit(13, template=whole)) == {}
    told = session.finish(2, 12)
    assert (pick(told, c.Equip), session.sent(told)) == ([c.Equip(1, [0])], {1: [13]})


def test_a_dead_worker_gives_its_devices_back(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define(0, more=gpus(2), retries=0))
    assert session.state.devices == [0, 0]
    session.lose(1, 10)
    assert session.state.devices == [10_000, 10_000]


def test_a_task_that_waits_keeps_its_devices(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define(1, more=gpus(1)))
    session(e.Blocked(1, [99], []))
    assert session.state.available == {"CPU": 20_000, "GPU": 10_000}
    session(e.Unblocked(1))
    assert session.state.available == {"CPU": 10_000, "GPU": 10_000}


def test_nobody_is_held_up_for_devices_that_a_waiting_task_keeps(session: Any) -> None:
    """What it waits for could be among those that are held up."""
    session.join(1)
    session.join(2)
    session.submit(10, template=session.define(0, more=gpus(2)))
    waiter = session.state.tasks[10].worker
    session.submit(11, template=session.define(1, more=gpus(1)))
    session(e.Blocked(waiter, [99], []))
    session.now_ns += 2 * placement.PATIENCE_NS
    assert session.sent(session.submit(12, template=session.define(1))) == {3 - waiter: [12]}


def test_an_actor_keeps_its_devices(session: Any) -> None:
    session.join(1)
    session.submit(5, template=session.define(0, kind="actor", more=gpus(0.5)))
    session.finish(1, 5)
    assert session.state.devices == [5_000, 10_000]
    session(e.Released(0, [5]))
    session.lose(1)
    assert session.state.devices == [10_000, 10_000]


def test_a_worker_runs_more_of_its_environment(session: Any) -> None:
    template = session.define(more=A)
    session.join(1)
    session.submit(10, template=template)
    session.finish(1, 10)
    assert list(session.state.settled) == [1]
    assert session.sent(session.submit(11, template=template)) == {1: [11]}


def test_workers_that_wait_in_an_environment_are_renewed_too(session: Any, pick: Pick) -> None:
    template = session.define(more=A)
    session.join(1)
    session.submit(10, template=template)
    session.finish(1, 10)
    told = session(e.RenewalRequested(0))
    assert pick(told, c.StopWorker) == [c.StopWorker(1)]
    assert session.sent(session.submit(11, template=template)) == {}


@pytest.mark.parametrize("other", [(), B])
def test_a_worker_ends_when_another_environment_needs_its_place(
    session: Any, pick: Pick, other: tuple[tuple[str, int], ...]
) -> None:
    session.join(1)
    session.submit(10, template=session.define(more=A))
    session.finish(1, 10)
    told = session.submit(11, template=session.define(more=other))
    assert pick(told, c.StopWorker) == [c.StopWorker(1)]
    assert pick(told, c.StartWorkers) == [c.StartWorkers(1)]
    session.lose(1)
    assert session.sent(session.join(2)) == {2: [11]}


def test_the_dead_are_replaced_by_workers_of_no_environment(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define(more=A, retries=1))
    session.lose(1, 10)
    assert session.sent(session.join(2)) == {2: [10]}


def test_a_worn_out_worker_ends(session: Any, pick: Pick) -> None:
    template = session.define(2, extras=(("max_calls", 2),))
    session.join(1)
    session.submit(10, 11, 12, template=template)
    assert session.sent(session.finish(1, 10)) == {1: [11]}
    told = session.finish(1, 11)
    assert pick(told, c.StopWorker) == [c.StopWorker(1)]
    assert session.sent(told) == {}
    session.lose(1)
    assert session.sent(session.join(2)) == {2: [12]}


def test_nothing_is_sent_behind_a_task_that_ends_its_worker(session: Any) -> None:
    plain, worn = session.define(2), session.define(2, extras=(("max_calls", 1),))
    session.join(1)
    for task, template in ((1, plain), (2, worn)):
        session.submit(task, template=template)
        session.finish(1, task)
    session.lose(1)
    session.join(2)
    session.submit(10, template=worn)
    assert session.sent(session.submit(11, template=plain)) == {}


def test_it_does_not_run_on_the_stack_of_another(session: Any) -> None:
    worn = session.define(extras=(("max_calls", 1),))
    session.join(1)
    session.submit(10, template=session.define())
    session.submit(20, template=worn, parent=10, client=1)
    assert session.sent(session(e.Blocked(1, [20], []))) == {}
    assert session.sent(session.join(2)) == {2: [20]}
