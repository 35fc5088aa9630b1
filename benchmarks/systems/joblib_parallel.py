"""joblib: a batch is its only call, so ``gather`` runs what ``submit`` noted down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.systems.base import Feature, Function, Handle, System


class Joblib(System):
    """``joblib.Parallel`` kept open, with its default loky backend and automatic batches."""

    name = "joblib"
    module = "joblib"
    distribution = "joblib"
    offers = frozenset({Feature.TASKS, Feature.CHUNKS})

    def start(self, workers: int) -> None:
        self._parallel = self.library.Parallel(n_jobs=workers)
        self._parallel.__enter__()

    def stop(self) -> None:
        self._parallel.__exit__(None, None, None)
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True)

    def submit(self, function: Function, *args: Any) -> Handle:
        return self.library.delayed(function)(*args)

    def gather(self, handles: Sequence[Handle]) -> list[Any]:
        return list(self._parallel(handles))

    def map_chunked(self, function: Function, items: Sequence[Any]) -> list[Any]:
        delayed = self.library.delayed(function)
        return list(self._parallel(delayed(item) for item in items))
