"""``util.queue``: order, room, waiting, passing a queue on."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import asyncio
import pickle
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter import api
from ray_jupyter.testing.suite.base import BackendSuite, echo, eventually, wait_for_file
from ray_jupyter.util.queue import Empty, Full, Queue


@ray.remote
def _get(source: Queue) -> Any:
    return source.get()


@ray.remote
def _put(target: Queue, items: list[Any]) -> None:
    for item in items:
        target.put(item)


class QueueTests(BackendSuite):
    """What a queue must do on any backend."""

    @pytest.fixture
    def shared(self) -> Iterator[Queue]:
        """Return a queue for two items."""
        made = Queue(maxsize=2)
        yield made
        made.shutdown()

    def test_first_in_first_out(self) -> None:
        many = Queue()
        for number in range(5):
            many.put(number)
        assert (len(many), many.qsize(), many.empty(), many.full()) == (5, 5, False, False)
        assert [many.get() for _ in range(5)] == [0, 1, 2, 3, 4]
        assert many.empty()

    def test_no_room(self, shared: Queue) -> None:
        shared.put_nowait(1)
        shared.put(2)
        assert shared.full()
        refused: list[dict[str, Any]] = [{"block": False}, {"timeout": 0}, {"timeout": 0.01}]
        for arguments in refused:
            with pytest.raises(Full, match="at most 2"):
                shared.put(3, **arguments)
        assert shared.get_nowait_batch(2) == [1, 2]

    def test_nothing_to_get(self, shared: Queue) -> None:
        refused: list[dict[str, Any]] = [{"block": False}, {"timeout": 0}, {"timeout": 0.01}]
        for arguments in refused:
            with pytest.raises(Empty):
                shared.get(**arguments)
        with pytest.raises(queue.Empty):  # the standard library's, too
            shared.get_nowait()

    def test_batches_go_whole_or_not_at_all(self, shared: Queue) -> None:
        with pytest.raises(Full, match="3 items do not fit"):
            shared.put_nowait_batch(range(3))
        shared.put_nowait_batch(range(2))
        with pytest.raises(Empty, match="3 items"):
            shared.get_nowait_batch(3)
        assert shared.get_nowait_batch(2) == [0, 1]
        assert shared.get_nowait_batch(0) == []

    def test_bad_arguments(self, shared: Queue) -> None:
        for call in (lambda: shared.get(timeout=-1), lambda: shared.put(1, timeout=-1)):
            with pytest.raises(ValueError, match="timeout"):
                call()
        for value, error in ((1.5, TypeError), (-1, ValueError)):
            with pytest.raises(error, match="num_items"):
                shared.get_nowait_batch(value)  # type: ignore[arg-type]  # that is what is tested
        with pytest.raises(TypeError, match="iterable"):
            shared.put_nowait_batch(1)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="maxsize"):
            Queue(maxsize="2")  # type: ignore[arg-type]
        with pytest.raises(ray.SerializationError):
            shared.put(threading.Lock())
        assert shared.empty()

    def test_options_of_the_actor(self) -> None:
        made = Queue(actor_options={"resources": {"disk": 1}})
        made.put(1)
        left = 1 if self.runs_in_processes else 2  # a living actor of the inline backend has none
        eventually(lambda: ray.available_resources().get("disk", 0) == left)
        made.shutdown()
        eventually(lambda: ray.available_resources().get("disk", 0) == 2)

    def test_a_ref_puts_its_value(self, shared: Queue) -> None:
        shared.put(echo.remote("value"))
        shared.put([ray.put("inside")])
        assert shared.get() == "value"
        assert ray.get(shared.get()[0]) == "inside"

    def test_none_is_an_item(self, shared: Queue) -> None:
        shared.put(None)
        assert shared.get(timeout=20) is None

    def test_get_waits_for_a_put_and_put_for_a_get(self, shared: Queue) -> None:
        got: list[Any] = []
        reader = threading.Thread(target=lambda: got.extend(shared.get() for _ in range(5)))
        reader.start()
        for number in range(5):
            shared.put(number)
        reader.join(20)
        assert got == [0, 1, 2, 3, 4]

    def test_a_waiting_put_adds_its_item_once(self, shared: Queue) -> None:
        shared.put_nowait_batch([1, 2])
        writer = threading.Thread(target=lambda: shared.put([3]))
        writer.start()
        assert [shared.get(timeout=20) for _ in range(3)] == [1, 2, [3]]
        writer.join(20)
        assert shared.empty()

    def test_tasks_share_it(self) -> None:
        many = Queue()
        ray.get([_put.remote(many, [number]) for number in range(4)])
        assert sorted(ray.get([_get.remote(many) for _ in range(4)])) == [0, 1, 2, 3]

    def test_tasks_that_wait_leave_their_cpus_to_others(self) -> None:
        self.needs_background()
        many = Queue()
        waiting = [_get.remote(many) for _ in range(3)]  # more than there are CPUs
        feeding = _put.remote(many, [1, 2, 3])
        assert sorted(ray.get(waiting, timeout=40)) == [1, 2, 3]
        ray.get(feeding)

    def test_an_actor_waits_for_items(self) -> None:
        self.needs_background()

        class Consumer:
            def take(self, source: Queue, count: int) -> list[Any]:
                return [source.get() for _ in range(count)]

        many = Queue()
        taken = ray.remote(Consumer).remote().take.remote(many, 3)
        ray.get(_put.remote(many, [1, 2, 3]))
        assert ray.get(taken, timeout=40) == [1, 2, 3]

    def test_in_coroutines(self, shared: Queue) -> None:
        async def play() -> list[Any]:
            async def feed() -> None:
                for number in range(5):
                    await shared.put_async(number)

            feeding = asyncio.create_task(feed())
            got = [await shared.get_async(timeout=20) for _ in range(5)]
            await feeding
            for call in (shared.get_async(block=False), shared.get_async(timeout=0.01)):
                with pytest.raises(Empty):
                    await call
            await shared.put_async(1)
            await shared.put_async(2)
            with pytest.raises(Full):
                await shared.put_async(3, block=False)
            return got

        assert asyncio.run(play()) == [0, 1, 2, 3, 4]

    def test_a_cancelled_coroutine_takes_nothing(self, tmp_path: Path) -> None:
        self.needs_background()
        gate, many = tmp_path / "go", Queue()
        many.put(1)
        # The actor is kept from answering until the coroutine has been cancelled.
        assert many.actor is not None
        many.actor.give_back.remote(wait_for_file.remote(gate, [0]))

        async def play() -> None:
            getting = asyncio.create_task(many.get_async())
            await asyncio.sleep(0)
            getting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await getting
            gate.touch()

        asyncio.run(play())
        assert [many.get(timeout=20) for _ in range(2)] == [0, 1]

    def test_an_interrupted_get_takes_nothing(
        self, shared: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(ref: Any) -> Any:
            raise KeyboardInterrupt

        shared.put_nowait_batch([1, 2])
        with monkeypatch.context() as patch:
            patch.setattr(api, "get", interrupted)
            with pytest.raises(KeyboardInterrupt):
                shared.get()
        assert [shared.get(timeout=20), shared.get(timeout=20)] == [1, 2]

    @pytest.mark.parametrize("force", [False, True])
    def test_a_queue_that_was_shut_down(self, force: bool) -> None:
        ended = Queue()
        ended.put(1)
        other = pickle.loads(pickle.dumps(ended))
        ended.shutdown(force=force)
        ended.shutdown()
        for call in (lambda: ended.put(1), lambda: other.get()):
            with pytest.raises(ray.ActorDiedError):
                call()
