"""How calls of actors run: several at once, as coroutines, in groups, cancelled, limited."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.backends.base import Capability
from ray_jupyter.testing.suite.base import BackendSuite, echo, eventually, wait_for_file

DEADLINE_S = 30.0


class _Gate:
    """Opens for those who wait; nothing passes unless several calls run at once."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def wait(self) -> bool:
        return self.opened.wait(DEADLINE_S)

    def open(self) -> None:
        self.opened.set()

    def wait_for(self, refs: list[Any]) -> Any:
        return ray.get(refs[0], timeout=DEADLINE_S)

    def task_ids(self) -> tuple[Any, Any]:
        context = ray.get_runtime_context()
        return context.get_task_id(), context.get_task_name()


class _Async:
    """Coroutines, and a plain method between them."""

    def __init__(self) -> None:
        self.running = self.most = 0
        self.cancelled = False
        self.opened = False

    async def value_of(self, refs: list[Any]) -> Any:
        return await refs[0]

    async def gather(self, count: int) -> int:
        return sum(await asyncio.gather(*[echo.remote(i) for i in range(count)]))

    async def overlap(self) -> int:
        self.running += 1
        self.most = max(self.most, self.running)
        while self.most < 2:
            await asyncio.sleep(0.001)
        self.running -= 1
        return self.most

    async def crowd(self) -> int:
        self.running += 1
        self.most = max(self.most, self.running)
        for _ in range(5):
            await asyncio.sleep(0)
        self.running -= 1
        return self.most

    async def wait(self) -> None:
        try:
            self.running += 1
            while not self.opened:
                await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            self.cancelled = True
            raise

    async def open(self) -> None:
        self.opened = True

    async def fail(self) -> None:
        await asyncio.sleep(0)
        raise KeyError("in a coroutine")

    def has_begun(self) -> bool:
        return self.running > 0

    def was_cancelled(self) -> bool:
        return self.cancelled

    async def own_ids(self) -> tuple[Any, Any]:
        before = ray.get_runtime_context().get_task_id()
        await asyncio.sleep(0.001)
        return before, ray.get_runtime_context().get_task_id()


Gate, Async = ray.remote(_Gate), ray.remote(_Async)


class _Flaky:
    """Fails as often as it was told."""

    def __init__(self, times: int) -> None:
        self.left = times

    def call(self) -> int:
        self.left -= 1
        if self.left >= 0:
            raise ValueError(f"{self.left} left")
        return self.left

    @ray.method(max_task_retries=5, retry_exceptions=[ValueError])
    def patient(self) -> int:
        return self.call()


Flaky = ray.remote(_Flaky)


class ActorCallTests(BackendSuite):
    """What any backend must do with calls of actors."""

    def test_calls_that_wait_do_not_stop_others(self) -> None:
        self.needs_background()
        gate = Gate.options(max_concurrency=4).remote()
        waiting = [gate.wait.remote(), gate.wait_for.remote([wait_for_actor(gate)])]
        ray.get(gate.open.remote(), timeout=DEADLINE_S)
        assert ray.get(waiting, timeout=DEADLINE_S) == [True, True]

    def test_no_more_calls_run_than_allowed(self) -> None:
        self.needs_background()
        gate = Gate.options(max_concurrency=2).remote()
        waiting = [gate.wait.remote() for _ in range(2)]
        opened = gate.open.remote()
        assert ray.wait([opened], timeout=0.05)[0] == []
        ray.cancel(opened)  # it waits for a thread: it never runs
        with pytest.raises(ray.TaskCancelledError):
            ray.get(opened, timeout=DEADLINE_S)
        ray.kill(gate)
        with pytest.raises(ray.ActorDiedError):
            ray.get(waiting, timeout=DEADLINE_S)

    def test_groups_have_limits_of_their_own(self) -> None:
        self.needs_background()
        grouped = Gate.options(concurrency_groups={"io": 2, "keys": 1})
        gate = grouped.remote()
        waiting = [gate.wait.remote()]  # takes the one place outside of groups
        waiting += [gate.wait.options(concurrency_group="io").remote() for _ in range(2)]
        ray.get(gate.open.options(concurrency_group="keys").remote(), timeout=DEADLINE_S)
        assert ray.get(waiting, timeout=DEADLINE_S) == [True] * 3
        with pytest.raises(ValueError, match="no concurrency group 'oi'"):
            gate.wait.options(concurrency_group="oi")

    def test_groups_of_methods(self) -> None:
        class Grouped:
            @ray.method(concurrency_group="io")
            def io(self) -> str:
                return threading.current_thread().name

        actor = ray.remote(concurrency_groups=[{"name": "io", "max_concurrency": 2}])(Grouped)
        assert ray.get(actor.remote().io.remote())
        with pytest.raises(ValueError, match=r"Grouped\.io.*no concurrency group 'io'"):
            ray.remote(Grouped)

    def test_each_call_knows_itself(self) -> None:
        gate = Gate.options(max_concurrency=4).remote()
        refs = [gate.task_ids.options(name=f"call {i}").remote() for i in range(8)]
        expected = [(ref.task_id(), f"call {i}") for i, ref in enumerate(refs)]
        assert ray.get(refs) == expected
        calls = [Async.remote().own_ids.remote() for _ in range(4)]
        assert ray.get(calls) == [(ref.task_id(), ref.task_id()) for ref in calls]

    def test_coroutines(self) -> None:
        actor = Async.remote()
        assert ray.get(actor.value_of.remote([echo.remote(3)])) == 3
        assert ray.get(actor.gather.remote(20)) == 190
        assert ray.get(actor.was_cancelled.remote()) is False
        with pytest.raises(KeyError, match="in a coroutine"):
            ray.get(actor.fail.remote())

    def test_coroutines_run_at_once(self) -> None:
        self.needs_background()
        actor = Async.remote()
        assert ray.get([actor.overlap.remote() for _ in range(2)], timeout=DEADLINE_S) == [2, 2]

    def test_no_more_coroutines_run_than_allowed(self) -> None:
        actor = Async.options(max_concurrency=3).remote()
        assert max(ray.get([actor.crowd.remote() for _ in range(20)])) <= 3

    def test_many_coroutines(self) -> None:
        actor = Async.remote()
        refs = [actor.value_of.remote([ray.put(i)]) for i in range(300)]
        assert ray.get(refs, timeout=DEADLINE_S) == list(range(300))

    def test_cancel_of_a_coroutine(self) -> None:
        self.needs_background()
        actor = Async.options(max_concurrency=2).remote()
        running = actor.wait.remote()
        eventually(lambda: ray.get(actor.has_begun.remote(), timeout=DEADLINE_S))
        other = actor.wait.remote()
        if Capability.QUEUED_CANCEL not in session.connected().lacks:
            queued = actor.was_cancelled.remote()
            ray.cancel(queued)
            with pytest.raises(ray.TaskCancelledError):
                ray.get(queued, timeout=DEADLINE_S)
        ray.cancel(running)
        with pytest.raises(ray.TaskCancelledError):
            ray.get(running, timeout=DEADLINE_S)
        assert ray.get(actor.was_cancelled.remote(), timeout=DEADLINE_S)
        ray.get([actor.open.remote(), other], timeout=DEADLINE_S)

    def test_cancel_of_a_call_in_a_thread_is_told_to_it(self) -> None:
        self.needs_background()

        class Asks:
            def ask(self) -> str:
                while not ray.get_runtime_context().is_canceled():
                    threading.Event().wait(0.001)
                return "told"

        actor = ray.remote(Asks).options(max_concurrency=2).remote()
        assert ray.get(actor.__ray_ready__.remote(), timeout=DEADLINE_S)
        asking = actor.ask.remote()
        assert ray.wait([asking], timeout=0.05)[0] == []
        ray.cancel(asking)
        self.needs(Capability.RESULT_AFTER_CANCEL)
        assert ray.get(asking, timeout=DEADLINE_S) == "told"

    def test_cancel_with_force_is_not_for_actors(self, tmp_path: Path) -> None:
        self.needs_background()
        gate = Gate.options(max_concurrency=2).remote()
        waiting = gate.wait.remote()
        with pytest.raises(ValueError, match=r"kill\(\)"):
            ray.cancel(waiting, force=True)
        ray.get([gate.open.remote(), waiting], timeout=DEADLINE_S)

    def test_a_call_that_waits_for_arguments_is_overtaken_if_it_may_be(
        self, tmp_path: Path
    ) -> None:
        self.needs_background()
        some: list[dict[str, Any]] = [
            {"max_concurrency": 2},
            {"allow_out_of_order_execution": True},
        ]
        for options in some:
            path = tmp_path / next(iter(options))
            gate = Gate.options(**options).remote()
            argument = wait_for_file.remote(path, [ray.put(7)])
            first, second = gate.wait_for.remote(argument), gate.task_ids.remote()
            assert ray.get(second, timeout=DEADLINE_S)
            path.touch()
            assert ray.get(first, timeout=DEADLINE_S) == 7

    def test_pending_calls_are_limited(self) -> None:
        self.needs_background()
        slow = Gate.options(max_pending_calls=2).remote()
        waiting = [slow.wait.remote(), slow.wait.remote()]
        with pytest.raises(ray.PendingCallsLimitExceeded, match="max_pending_calls=2"):
            slow.open.remote()
        ray.kill(slow)
        eventually(lambda: _fails_with_death(waiting[0]))

    def test_exceptions_are_retried_where_that_is_asked(self) -> None:
        assert ray.get(Flaky.remote(3).patient.remote(), timeout=DEADLINE_S) == -1
        with pytest.raises(ValueError, match="4 left"):
            ray.get(Flaky.remote(10).patient.remote(), timeout=DEADLINE_S)
        plain = Flaky.options(max_task_retries=5).remote(1)
        with pytest.raises(ValueError, match="0 left"):
            ray.get(plain.call.remote(), timeout=DEADLINE_S)
        retried = plain.call.options(retry_exceptions=True)
        assert ray.get(retried.remote(), timeout=DEADLINE_S) == -1

    def test_own_methods(self) -> None:
        flaky = Flaky.remote(7)
        assert ray.get(flaky.__ray_ready__.remote()) is True
        assert ray.get(flaky.__ray_call__.remote(lambda self, x: self.left + x, 1)) == 8
        assert dir(flaky) == ["call", "patient"]


def wait_for_actor(gate: Any) -> Any:
    """Return a ref that is there when the gate is open: a call that waits for a call."""
    return gate.wait.remote()


def _fails_with_death(ref: Any) -> bool:
    try:
        ray.get(ref, timeout=0)
    except ray.ActorDiedError:
        return True
    except ray.GetTimeoutError:
        return False
    return False
