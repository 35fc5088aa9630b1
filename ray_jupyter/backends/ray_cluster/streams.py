"""The streams that this process reads: Ray's generators, by task."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import ray

from ray_jupyter.backends.ray_cluster.ids import Ids
from ray_jupyter.backends.ray_cluster.watching import Watch

T = TypeVar("T")
_END_S = 5.0


class _Stream:
    __slots__ = ("generator", "limit")

    def __init__(self, generator: Any, limit: int) -> None:
        self.generator = generator
        self.limit = limit


class Streams:
    """All streams of a process.

    Args:
        watch: waits as long as the cluster is there.
    """

    def __init__(self, ids: Ids, watch: Watch) -> None:
        self._ids = ids
        self._watch = watch
        self._streams: dict[int, _Stream] = {}
        self._closing: queue.SimpleQueue[_Stream | None] = queue.SimpleQueue()
        self._closer: threading.Thread | None = None

    def add(self, task_id: int, generator: Any, limit: int) -> None:
        """A task that yields was submitted."""
        self._streams[int(task_id)] = _Stream(generator, limit)
        if limit and self._closer is None:
            self._closer = threading.Thread(
                target=self._close_all, name="ray_jupyter-closer", daemon=True
            )
            self._closer.start()

    def generator(self, task_id: int) -> Any:
        """Return Ray's generator, or ``None`` if the stream was closed."""
        stream = self._streams.get(int(task_id))
        return None if stream is None else stream.generator

    def open(self, task_id: int, limit: int) -> None:
        """See ``Backend.open_stream``: it is open since it was submitted."""

    def close(self, task_id: int) -> None:
        """See ``Backend.close_stream``: may be called at any moment, so it only hands over."""
        stream = self._streams.pop(int(task_id), None)
        if stream is not None and stream.limit:
            self._closing.put(stream)

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
        expected, is_ready = generator.worker.core_worker.peek_object_ref_stream(
            generator.completed()
        )
        if is_ready:
            future.set_result(None)
        else:
            expected.future().add_done_callback(lambda _: _settle(future))
        return future

    def end(self) -> None:
        """The session ends."""
        self._streams.clear()
        if self._closer is not None:
            self._closing.put(None)
            self._closer.join()
            self._closer = None

    def _close_all(self) -> None:
        """Cancel what nobody reads: Ray would let a task that waits for its reader wait on."""
        while True:
            stream = self._closing.get()
            if stream is None:
                return
            with contextlib.suppress(ray.exceptions.RayError, ValueError, TypeError):
                ray.cancel(stream.generator)
                # Until it has ended: a task whose stream is gone is no longer held back.
                ray.wait([stream.generator.completed()], timeout=_END_S)
            del stream  # not kept while nothing else is closed


def _settle(future: Future[Any]) -> None:
    if future.set_running_or_notify_cancel():
        future.set_result(None)
