"""ipyparallel: controller and engines on loopback, load-balanced view."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from typing import Any

from benchmarks.systems.base import Feature, Function, Handle, System
from benchmarks.systems.pools import CHUNKS_PER_WORKER


class IPythonParallel(System):
    """``ipyparallel.Cluster`` with its default ZeroMQ scheduler."""

    name = "ipyparallel"
    module = "ipyparallel"
    distribution = "ipyparallel"
    offers = frozenset({Feature.TASKS, Feature.WAIT, Feature.CHUNKS})

    def start(self, workers: int) -> None:
        self._workers = workers
        self._cluster = self.library.Cluster(n=workers, log_level=50)
        self._client = self._cluster.start_and_connect_sync(activate=False)
        self._view = self._client.load_balanced_view()

    def stop(self) -> None:
        self._client.close()
        self._cluster.stop_cluster_sync()

    def submit(self, function: Function, *args: Any) -> Handle:
        return self._view.apply_async(function, *args)

    def gather(self, handles: Sequence[Handle]) -> list[Any]:
        return [handle.get() for handle in handles]

    def pop_ready(self, handles: list[Handle]) -> list[Handle]:
        done, _ = wait(handles, return_when=FIRST_COMPLETED)
        handles.remove(done.pop())
        return handles

    def map_chunked(self, function: Function, items: Sequence[Any]) -> list[Any]:
        chunk = max(1, len(items) // (self._workers * CHUNKS_PER_WORKER))
        return list(self._view.map_sync(function, items, chunksize=chunk))
