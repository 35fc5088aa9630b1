"""Dask distributed: a local cluster of single-threaded worker processes."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from benchmarks.systems.base import Feature, Function, Handle, System


class Dask(System):
    """``distributed.Client`` on a ``LocalCluster`` without dashboard or memory limit."""

    name = "dask"
    module = "distributed"
    distribution = "distributed"
    offers = frozenset({Feature.TASKS, Feature.REFS, Feature.STORE, Feature.WAIT, Feature.NESTED})

    def start(self, workers: int) -> None:
        self._cluster = self.library.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            memory_limit=0,
            silence_logs=logging.CRITICAL,
        )
        self._client = self.library.Client(self._cluster)

    def stop(self) -> None:
        self._client.close()
        self._cluster.close()

    def submit(self, function: Function, *args: Any) -> Handle:
        return self._client.submit(function, *args, pure=False)

    def gather(self, handles: Sequence[Handle]) -> list[Any]:
        values: list[Any] = self._client.gather(list(handles))
        return values

    def put(self, value: Any) -> Handle:
        return self._client.scatter(value, hash=False)

    def get(self, handle: Handle) -> Any:
        return handle.result()

    def settle(self, handles: Sequence[Handle]) -> None:
        self.library.wait(list(handles))

    def pop_ready(self, handles: list[Handle]) -> list[Handle]:
        done = self.library.wait(handles, return_when="FIRST_COMPLETED").done
        handles.remove(done.pop())
        return handles

    @classmethod
    def inside(cls) -> AbstractContextManager[System]:
        return cls._inside()

    @classmethod
    @contextmanager
    def _inside(cls) -> Iterator[System]:
        system = cls()
        system.library = importlib.import_module(cls.module)
        with system.library.worker_client() as client:
            system._client = client
            yield system
