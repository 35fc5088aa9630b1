"""mpire's worker pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.systems.base import Feature, Function, Handle, System


class Mpire(System):
    """``mpire.WorkerPool`` with its default start method (fork on Linux)."""

    name = "mpire"
    module = "mpire"
    distribution = "mpire"
    offers = frozenset({Feature.TASKS, Feature.CHUNKS})

    def start(self, workers: int) -> None:
        self._pool = self.library.WorkerPool(n_jobs=workers, keep_alive=True)

    def stop(self) -> None:
        self._pool.stop_and_join()
        self._pool.terminate()

    def submit(self, function: Function, *args: Any) -> Handle:
        return self._pool.apply_async(function, args)

    def gather(self, handles: Sequence[Handle]) -> list[Any]:
        return [handle.get() for handle in handles]

    def map_chunked(self, function: Function, items: Sequence[Any]) -> list[Any]:
        return list(self._pool.map(function, items))
