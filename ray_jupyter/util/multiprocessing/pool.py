"""``Pool``: the interface of ``multiprocessing.pool.Pool``, each process an actor.

Beyond the standard one: functions and classes of notebooks may be passed, a process that dies
fails the call it was running and is replaced, and ``terminate`` fails what was not done.
"""

from __future__ import annotations

import itertools
import threading
import warnings
from typing import TYPE_CHECKING, Any, NoReturn

from ray_jupyter import api, session
from ray_jupyter.checks import check_positive
from ray_jupyter.remote import remote
from ray_jupyter.util.multiprocessing.lanes import CLOSE, RUN, Job, Lane, Lanes
from ray_jupyter.util.multiprocessing.process import Process
from ray_jupyter.util.multiprocessing.results import AsyncResult, IMapIterator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Callback = Callable[[Any], object] | None

_CHUNKS_PER_PROCESS = 4


class Pool:
    """A pool of processes that run calls; see ``multiprocessing.pool.Pool``.

    Args:
        processes: how many; default: the CPUs of the session. More than CPUs are allowed.
        initializer: called in each process before anything else.
        initargs: its arguments.
        maxtasksperchild: chunks after which a process is replaced by a new one.
        context: not supported: the runtime starts the processes.
        ray_address: as ``init`` takes it.
        ray_remote_args: options of the actors; by default they take no CPU from tasks.

    Raises:
        ValueError, TypeError, NotImplementedError: an argument is not usable.
    """

    _lanes: Lanes | None = None

    def __init__(
        self, processes: int | None = None, initializer: Callable[..., Any] | None = None,
        initargs: Iterable[Any] | None = (), maxtasksperchild: int | None = None,
        context: Any = None, ray_address: str | None = None,
        ray_remote_args: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        if context is not None:
            raise NotImplementedError(
                f"Pool(context={context!r}): the runtime starts its processes in its own way; "
                "leave context out"
            )
        if initializer is not None and not callable(initializer):
            raise TypeError(f"initializer must be a callable, got {initializer!r}")
        if processes is not None:
            check_positive("processes", processes)
        if maxtasksperchild is not None:
            check_positive("maxtasksperchild", maxtasksperchild)
        if not api.is_initialized():
            api.init(ray_address, num_cpus=processes)
        elif ray_address not in (None, "local"):
            raise NotImplementedError(f"Pool(ray_address={ray_address!r}): a session is running")
        if processes is None:
            processes = max(1, int(api.cluster_resources().get("CPU", 1)))
        arguments = (initializer, tuple(initargs or ()))
        actor_class = remote(Process).options(**(ray_remote_args or {}))
        self._processes = processes
        self._calling = threading.Lock()
        lanes = [
            Lane(lambda: actor_class.remote(*arguments), maxtasksperchild) for _ in range(processes)
        ]
        for lane in lanes:
            lane.start()
        self._lanes = Lanes(lanes, threaded=session.connected().name != "inline")

    def apply(
        self, func: Callable[..., Any], args: Iterable[Any] | None = (),
        kwds: dict[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        """Call ``func(*args, **kwds)`` in a process and return what it returns."""
        return self.apply_async(func, args, kwds).get()

    def apply_async(
        self, func: Callable[..., Any], args: Iterable[Any] | None = (),
        kwds: dict[str, Any] | None = None, callback: Callback = None,
        error_callback: Callback = None,
    ) -> AsyncResult:  # fmt: skip
        """Return the coming result of a call.

        Args:
            func: what to call.
            args: its arguments.
            kwds: its keyword arguments.
            callback: called here with the result, in another thread.
            error_callback: the same with the exception.

        Raises:
            ValueError: the pool is closed.
        """
        call = (tuple(args or ()), dict(kwds or {}))
        return self._submit(func, "apply", [[call]], callback, error_callback)

    def map(
        self, func: Callable[..., Any], iterable: Iterable[Any], chunksize: int | None = None
    ) -> list[Any]:
        """Return the list of ``func(item)``."""
        values: list[Any] = self.map_async(func, iterable, chunksize).get()
        return values

    def map_async(
        self, func: Callable[..., Any], iterable: Iterable[Any], chunksize: int | None = None,
        callback: Callback = None, error_callback: Callback = None,
    ) -> AsyncResult:  # fmt: skip
        """Return the coming list of ``func(item)``; arguments as for ``apply_async``.

        Raises:
            ValueError: the pool is closed, or a ``chunksize`` below 1.
        """
        chunks = self._cut(iterable, chunksize)
        return self._submit(func, "map", chunks, callback, error_callback)

    def starmap(
        self, func: Callable[..., Any], iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
    ) -> list[Any]:  # fmt: skip
        """Return the list of ``func(*item)``."""
        values: list[Any] = self.starmap_async(func, iterable, chunksize).get()
        return values

    def starmap_async(
        self, func: Callable[..., Any], iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None, callback: Callback = None, error_callback: Callback = None,
    ) -> AsyncResult:  # fmt: skip
        """Return the coming list of ``func(*item)``; arguments as for ``map_async``.

        Raises:
            ValueError: the pool is closed, or a ``chunksize`` below 1.
        """
        chunks = self._cut(iterable, chunksize)
        return self._submit(func, "starmap", chunks, callback, error_callback)

    def imap(
        self, func: Callable[..., Any], iterable: Iterable[Any], chunksize: int = 1
    ) -> IMapIterator:
        """Return an iterator of ``func(item)``, in order, each as soon as it is there.

        Raises:
            ValueError: the pool is closed, or a ``chunksize`` below 1.
        """
        return self._iterate(func, iterable, chunksize, ordered=True)

    def imap_unordered(
        self, func: Callable[..., Any], iterable: Iterable[Any], chunksize: int = 1
    ) -> IMapIterator:
        """Return an iterator of ``func(item)`` in the order they are there.

        Raises:
            ValueError: the pool is closed, or a ``chunksize`` below 1.
        """
        return self._iterate(func, iterable, chunksize, ordered=False)

    def close(self) -> None:
        """Take no further calls; the processes end when all is done."""
        self._running_lanes().close()

    def terminate(self) -> None:
        """End the processes now; what was not done fails."""
        lanes = self._running_lanes()
        lanes.terminate()
        lanes.join()

    def join(self) -> None:
        """Wait until everything is done and the processes have been let go.

        Raises:
            ValueError: neither ``close`` nor ``terminate`` was called.
        """
        lanes = self._running_lanes()
        if lanes.state == RUN:
            raise ValueError("Pool is still running")
        lanes.join()

    def __enter__(self) -> Pool:
        if self._running_lanes().state != RUN:
            raise ValueError("Pool not running")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.terminate()

    def __del__(self) -> None:
        lanes = self._lanes
        if lanes is not None and lanes.threaded and lanes.state == RUN:
            warnings.warn(
                f"unclosed running pool {self!r}", ResourceWarning, stacklevel=2, source=self
            )
        if lanes is not None and lanes.state in (RUN, CLOSE):
            lanes.close()

    def __reduce__(self) -> NoReturn:
        raise NotImplementedError("a pool cannot be passed to another process; make one there")

    def __repr__(self) -> str:
        state = self._running_lanes().state
        return f"<{type(self).__qualname__} state={state} pool_size={self._processes}>"

    def _running_lanes(self) -> Lanes:
        assert self._lanes is not None, "set by __init__"
        return self._lanes

    def _submit(
        self, func: Callable[..., Any], mode: str, chunks: list[list[Any]],
        callback: Callback, error_callback: Callback,
    ) -> AsyncResult:  # fmt: skip
        _check_callable(func)
        result = AsyncResult(
            len(chunks), single=mode == "apply", callback=callback,
            error_callback=error_callback, calling=self._calling,
        )  # fmt: skip
        job = Job(func, mode, iter(chunks), result)
        lanes = self._running_lanes()
        lanes.add(job)
        while not lanes.threaded and lanes.run_next(job):
            continue
        return result

    def _iterate(
        self, func: Callable[..., Any], iterable: Iterable[Any], chunksize: int, *, ordered: bool
    ) -> IMapIterator:
        _check_callable(func)
        check_positive("chunksize", chunksize)
        lanes = self._running_lanes()
        job: Job
        result = IMapIterator(
            ordered=ordered, run_next=None if lanes.threaded else lambda: lanes.run_next(job)
        )
        job = Job(func, "map", _chunks(iter(iterable), chunksize), result)
        lanes.add(job)
        return result

    def _cut(self, iterable: Iterable[Any], chunksize: int | None) -> list[list[Any]]:
        items = list(iterable)
        if chunksize is not None:
            check_positive("chunksize", chunksize)
        else:
            chunksize = max(1, -(-len(items) // (self._processes * _CHUNKS_PER_PROCESS)))
        return list(_chunks(iter(items), chunksize))


def _chunks(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while chunk := list(itertools.islice(items, size)):
        yield chunk


def _check_callable(func: Any) -> None:
    if not callable(func):
        raise TypeError(f"a pool needs something to call, got {func!r}")
