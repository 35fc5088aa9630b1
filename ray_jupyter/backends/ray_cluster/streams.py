"""The streams that this process reads: Ray's generators, by task."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from ray_jupyter.backends.ray_cluster.ids import Ids
from ray_jupyter.backends.ray_cluster.watching import Watch

T = TypeVar("T")


class Streams:
    """All streams of a process.

    Args:
        watch: waits as long as the cluster is there.
    """

    def __init__(self, ids: Ids, watch: Watch) -> None:
        self._ids = ids
        self._watch = watch
        self._generators: dict[int, Any] = {}

    def add(self, task_id: int, generator: Any) -> None:
        """A task that yields was submitted."""
        self._generators[int(task_id)] = generator

    def generator(self, task_id: int) -> Any:
        """Return Ray's generator, or ``None`` if the stream was closed."""
        return self._generators.get(int(task_id))

    def open(self, task_id: int, limit: int) -> None:
        """See ``Backend.open_stream``: it is open since it was submitted."""

    def close(self, task_id: int) -> None:
        """See ``Backend.close_stream``.

        A paused task then goes on to its end. Cancelling it here was tried: Ray 2.60 ends the
        whole process when the task's answer crosses the cancelling of its stream.
        """
        self._generators.pop(int(task_id), None)

    def next_item(
        self, task_id: int, timeout_s: float | None, make: Callable[[int], T]
    ) -> T | None:  # fmt: skip
        """See ``Backend.next_item``."""
        generator = self.generator(task_id)
        if generator is None:
            raise StopIteration
        ready = self._watch.wait([generator], 1, timeout_s)
        return make(self._ids.of_value(next(generator))) if ready else None

    def is_over(self, task_id: int) -> bool:
        """See ``Backend.is_stream_over``."""
        generator = self.generator(task_id)
        return generator is None or generator.is_finished()

    def future(self, task_id: int) -> Future[Any]:
        """Return a future that is done when ``next_item`` would not wait."""
        future: Future[Any] = Future()
        generator = self.generator(task_id)
        if generator is None:
            future.set_result(None)
            return future
        core_worker = generator.worker.core_worker
        expected, is_ready = core_worker.peek_object_ref_stream(generator.completed())
        if is_ready:
            future.set_result(None)
        else:
            expected.future().add_done_callback(lambda _: _settle(future))
        return future

    def end(self) -> None:
        """The session ends."""
        self._generators.clear()


def _settle(future: Future[Any]) -> None:
    if future.set_running_or_notify_cancel():
        future.set_result(None)
