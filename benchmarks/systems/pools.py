"""The executors: ``concurrent.futures`` and loky, which have one interface."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from typing import Any

from benchmarks.systems.base import Feature, Function, Handle, System

CHUNKS_PER_WORKER = 8


class Futures(System):
    """``concurrent.futures.ProcessPoolExecutor`` with the platform's start method."""

    name = "futures"
    module = "concurrent.futures"
    distribution = "python"
    offers = frozenset({Feature.TASKS, Feature.WAIT, Feature.CHUNKS})

    def load(self) -> None:
        self.library = importlib.import_module(self.module)
        self._executor_class = self.library.ProcessPoolExecutor

    def start(self, workers: int) -> None:
        self._workers = workers
        self._executor = self._executor_class(max_workers=workers)

    def stop(self) -> None:
        self._executor.shutdown(wait=True)

    def submit(self, function: Function, *args: Any) -> Handle:
        return self._executor.submit(function, *args)

    def gather(self, handles: Sequence[Handle]) -> list[Any]:
        return [handle.result() for handle in handles]

    def pop_ready(self, handles: list[Handle]) -> list[Handle]:
        done, _ = wait(handles, return_when=FIRST_COMPLETED)
        handles.remove(done.pop())
        return handles

    def map_chunked(self, function: Function, items: Sequence[Any]) -> list[Any]:
        chunk = max(1, len(items) // (self._workers * CHUNKS_PER_WORKER))
        return list(self._executor.map(function, items, chunksize=chunk))


class Loky(Futures):
    """``loky.ProcessPoolExecutor``: fresh processes, cloudpickle where needed."""

    name = "loky"
    module = "loky"
    distribution = "loky"
