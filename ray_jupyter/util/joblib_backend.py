"""The backend that ``register_ray`` registers. The only module that imports joblib.

A batch of joblib is a task. Large arguments (the arrays of a grid search) are put into the
object store once per call of ``Parallel``, and not once per batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblib.parallel import (
    AutoBatchingMixin,
    FallbackToBackend,
    ParallelBackendBase,
    SequentialBackend,
)

from ray_jupyter import api, session
from ray_jupyter.refs import ObjectRef
from ray_jupyter.util.executor import Executor

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

_LARGE_BYTES = 100_000


class RayBackend(AutoBatchingMixin, ParallelBackendBase):
    """A backend of joblib.

    Args:
        ray_remote_args: options of the tasks, as for ``@remote``.
        others: joblib's own.
    """

    default_n_jobs = -1
    supports_retrieve_callback = True

    def __init__(self, ray_remote_args: dict[str, Any] | None = None, **others: Any) -> None:
        super().__init__(**others)
        self._options = dict(ray_remote_args or {})
        self._executor: Executor | None = None
        self._stored: dict[int, tuple[Any, _Stored]] = {}
        """Large arguments by identity: the value itself, so that the identity stays its own."""

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return how many tasks run at a time; -1 stands for all CPUs of the session.

        Raises:
            ValueError: 0.
        """
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        backend = session.require()
        if backend.name == "inline":
            return 1
        if n_jobs is None:
            n_jobs = self.default_n_jobs
        cpus = max(1, int(backend.resources()[0].get("CPU", 1)))
        return n_jobs if n_jobs > 0 else max(cpus + 1 + n_jobs, 1)

    def configure(
        self, n_jobs: int = 1, parallel: Any = None, prefer: Any = None, require: Any = None,
        ray_remote_args: dict[str, Any] | None = None, **others: Any,
    ) -> int:  # fmt: skip
        """Get ready for a call of ``Parallel`` and return how many tasks run at a time."""
        jobs = self.effective_n_jobs(n_jobs)
        if jobs == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        if ray_remote_args is not None:
            self._options = dict(ray_remote_args)
        self.parallel = parallel
        self._executor = Executor(jobs, **self._options)
        return jobs

    def submit(
        self, func: Any, callback: Callable[[Future[Any]], object] | None = None
    ) -> Future[Any]:
        """Run a batch as a task; joblib gives the future back to ``retrieve_result_callback``."""
        assert self._executor is not None, "joblib configures before it submits"
        # What a batch is made from is public in its pickle: items first.
        rebuild, (items, *rest) = func.__reduce__()
        future = self._executor.submit(_run_batch, rebuild, self._without_large(items), rest)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    apply_async = submit  # its name before joblib 1.5

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        """Return the results of a batch, or raise what it raised."""
        return out.result()

    def stop_call(self) -> None:
        """A call of ``Parallel`` is over: let go of what it stored."""
        self._stored.clear()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """A batch failed: stop the others."""
        self.terminate()
        if ensure_ready:
            self.configure(n_jobs=self.parallel.n_jobs, parallel=self.parallel)

    def terminate(self) -> None:
        """End; what still runs is cancelled."""
        if self._executor is not None:
            self._executor.stop()
            self._executor = None
        self._stored.clear()

    def get_nested_backend(self) -> tuple[Any, int | None]:
        """Return what ``Parallel`` inside a task uses: the task has one CPU."""
        return SequentialBackend(nesting_level=(self.nesting_level or 0) + 1), None

    def _without_large(self, items: list[Any]) -> list[Any]:
        return [
            (
                function,
                [self._small(value) for value in args],
                {name: self._small(value) for name, value in kwargs.items()},
            )
            for function, args, kwargs in items
        ]

    def _small(self, value: Any) -> Any:
        known = self._stored.get(id(value))
        if known is not None:
            return known[1]
        if _size_bytes(value) < _LARGE_BYTES:
            return value
        stored = _Stored(api.put(value))
        self._stored[id(value)] = (value, stored)
        return stored


class _Stored:
    """Stands for an argument that is in the object store."""

    __slots__ = ("ref",)

    def __init__(self, ref: ObjectRef[Any]) -> None:
        self.ref = ref


def _run_batch(rebuild: Callable[..., Any], items: list[Any], rest: list[Any]) -> Any:
    whole = [
        (
            function,
            tuple(_loaded(value) for value in args),
            {name: _loaded(value) for name, value in kwargs.items()},
        )
        for function, args, kwargs in items
    ]
    return rebuild(whole, *rest)()


def _loaded(value: Any) -> Any:
    return api.get(value.ref) if isinstance(value, _Stored) else value


def _size_bytes(value: Any) -> int:
    """Return the size of arrays, sparse matrices and data frames; 0 for everything else."""
    if type(value).__module__.startswith("pandas.") and hasattr(value, "memory_usage"):
        used = value.memory_usage()  # of a series a number, of a frame one per column
        return int(used if isinstance(used, int) else used.sum())
    size = getattr(value, "nbytes", None)
    if size is None:
        size = getattr(getattr(value, "data", None), "nbytes", 0)
    return size if isinstance(size, int) else 0
