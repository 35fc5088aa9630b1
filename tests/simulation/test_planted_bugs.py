"""The simulation finds bugs: each of these, planted into the core, fails within a few seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ray_jupyter.runtime.core import (
    actors,
    leases,
    losses,
    memory,
    placement,
    reconstruction,
    recovery,
    references,
    state,
    streams,
    workers,
)
from ray_jupyter.testing import simulation

SEEDS = 200
RARE = 1_000_395
"""Goes first: in it, a task is in a queue when what it needs is lost. When programs or accidents
change, look for another one."""
Patch = pytest.MonkeyPatch


def forget_the_tasks_of_a_lost_worker(patch: Patch) -> None:
    lose = losses.lose_worker

    def without_tasks(state: Any, out: Any, worker: Any, reason: str, running: int) -> None:
        worker.inflight = {}
        lose(state, out, worker, reason, running)

    patch.setattr(losses, "lose_worker", without_tasks)


def charge_nobody_for_a_crash(patch: Patch) -> None:
    patch.setattr(losses, "_last_started", lambda tasks, running: len(tasks))
    patch.setattr(losses, "may_retry", lambda task: False)


def give_back_resources_twice(patch: Patch) -> None:
    give_back = leases.give_back

    def twice(state: Any, shape: Any) -> None:
        give_back(state, shape)
        give_back(state, shape)

    patch.setattr(leases, "give_back", twice)


def free_memory_that_is_looked_at(patch: Patch) -> None:
    patch.setattr(references, "pin", lambda state, client, record: None)
    patch.setattr(placement, "pin", lambda state, client, record: None)


def charge_no_restart(patch: Patch) -> None:
    lose = losses._lose_actor

    def for_nothing(state: Any, out: Any, actor: Any, reason: str, *, created: bool) -> str:
        text = lose(state, out, actor, reason, created=created)
        actor.restarts = max(0, actor.restarts - 1)
        return text

    patch.setattr(losses, "_lose_actor", for_nothing)


def repeat_calls_in_the_wrong_order(patch: Patch) -> None:
    take_back = actors.take_back
    patch.setattr(actors, "take_back", lambda actor, task, front=False: take_back(actor, task))


def keep_the_name_of_a_dead_actor(patch: Patch) -> None:
    patch.setattr(actors, "give_up_restart", lambda state, out, actor: ())


def keep_what_a_task_held(patch: Patch) -> None:
    patch.setattr(recovery, "discard", lambda state, out, ids: None)


def place_actors_in_the_driver(patch: Patch) -> None:
    patch.setattr(state, "NOBODY", 0)


def feed_an_actor_what_is_not_ready(patch: Patch) -> None:
    def eager(state: Any, out: Any, actor: Any) -> None:
        for queue in actor.queues.values():
            while queue and not queue[0].missing:
                task = queue.popleft()
                if task.state is actors.PENDING_NODE_ASSIGNMENT:
                    actors.assign(state, out, state.clients[actor.worker], task)

    patch.setattr(actors, "feed", eager)


def let_requests_for_memory_wait(patch: Patch) -> None:
    patch.setattr(memory, "retry", lambda state, out: None)


def never_recall(patch: Patch) -> None:
    patch.setattr(workers, "rebalance", lambda state, out, now_ns: None)


def give_an_item_twice(patch: Patch) -> None:
    patch.setattr(streams, "max", lambda *_: 0, raising=False)


def never_resume(patch: Patch) -> None:
    patch.setattr(streams, "consume", lambda state, out, client, task, number: None)


def pause_for_a_reader_that_is_gone(patch: Patch) -> None:
    close = streams.close

    def without_cancel(*arguments: Any) -> Any:
        close(*arguments)
        return []

    patch.setattr(streams, "close", without_cancel)


def forget_the_end_of_a_stream(patch: Patch) -> None:
    def silent(state: Any, out: Any, task: Any) -> None:
        state.streams.pop(task.id, None)

    patch.setattr(streams, "end", silent)


def believe_that_nothing_gets_lost(patch: Patch) -> None:
    patch.setattr(reconstruction, "lose", lambda *args: None)


def forget_who_waits_for_a_lost_object(patch: Patch) -> None:
    patch.setattr(reconstruction, "have_others_wait", lambda state, lost: None)


def run_in_any_environment(patch: Patch) -> None:
    def any_worker(state: Any, queue: Any) -> Any:
        pool = state.idle or state.settled
        return pool.popitem()[1] if pool else None

    patch.setattr(leases, "take_idle", any_worker)


def run_seeds() -> None:
    for seed in (RARE, *range(SEEDS)):
        simulation.run(seed)


@pytest.mark.parametrize(
    "plant",
    [
        forget_the_tasks_of_a_lost_worker,
        charge_nobody_for_a_crash,
        charge_no_restart,
        repeat_calls_in_the_wrong_order,
        keep_the_name_of_a_dead_actor,
        give_back_resources_twice,
        free_memory_that_is_looked_at,
        keep_what_a_task_held,
        place_actors_in_the_driver,
        feed_an_actor_what_is_not_ready,
        let_requests_for_memory_wait,
        never_recall,
        give_an_item_twice,
        never_resume,
        pause_for_a_reader_that_is_gone,
        forget_the_end_of_a_stream,
        believe_that_nothing_gets_lost,
        forget_who_waits_for_a_lost_object,
        run_in_any_environment,
    ],
)
def test_a_planted_bug_is_found(plant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    plant(monkeypatch)
    with pytest.raises(simulation.SimulationError):
        run_seeds()
