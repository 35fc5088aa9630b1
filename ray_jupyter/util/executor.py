"""``Executor``: tasks behind the interface of ``concurrent.futures``.

One thread per task under way hands it in and waits for it. So a future is *running* exactly
while its task is with the runtime, and can be cancelled until then.
"""

from __future__ import annotations

import functools
import itertools
from collections import OrderedDict
from concurrent import futures
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ray_jupyter import api, session
from ray_jupyter.checks import check_positive
from ray_jupyter.errors import RayError
from ray_jupyter.options import check_options
from ray_jupyter.refs import ObjectRef
from ray_jupyter.remote import RemoteFunction
from ray_jupyter.util.causes import own_exception

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

P = ParamSpec("P")
T = TypeVar("T")

_FUNCTIONS_MAX = 64
_AHEAD = 2
"""Tasks handed in per CPU when no ``max_workers`` is given: a worker need not wait for us."""


class Executor(futures.Executor):
    """Runs calls as tasks; a drop-in for ``ProcessPoolExecutor``.

    Args:
        max_workers: how many tasks may be under way; default: as many as keep all CPUs busy.
        options: options of the tasks, as for ``@remote``: ``num_cpus``, ``resources``, ...

    Raises:
        ValueError, TypeError, NotImplementedError: an option is not usable.
    """

    def __init__(self, max_workers: int | None = None, **options: Any) -> None:
        if max_workers is not None:
            check_positive("max_workers", max_workers)
        self._options = check_options(options)
        if self._options.get("num_returns", 1) != 1:
            raise ValueError("an Executor's future holds one result: leave num_returns out")
        backend = session.require()
        if max_workers is None:
            max_workers = _AHEAD * max(1, int(backend.resources()[0].get("CPU", 1)))
        self._functions: OrderedDict[Any, RemoteFunction[Any, Any]] = OrderedDict()
        self._call = RemoteFunction(_call, self._options)
        self._under_way: set[ObjectRef[Any]] = set()
        self._threads: futures.Executor = (
            _Here() if backend.name == "inline"
            else futures.ThreadPoolExecutor(max_workers, thread_name_prefix="ray_jupyter-executor")
        )  # fmt: skip

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> futures.Future[T]:
        """Return the future of a call.

        Raises:
            TypeError: ``fn`` cannot be called.
            RuntimeError: the executor was shut down.
        """
        if not callable(fn):
            raise TypeError(f"submit() needs something to call, got {fn!r}")
        return self._threads.submit(self._run, *self._prepared(fn), args, kwargs)

    def map(
        self, fn: Callable[..., T], *iterables: Iterable[Any], timeout: float | None = None,
        chunksize: int = 1, **others: Any,
    ) -> Iterator[T]:  # fmt: skip
        """Return an iterator of the results in order; every call is submitted now.

        Args:
            fn: called with one item of each iterable.
            iterables: as for the builtin ``map``.
            timeout: seconds after which the iterator raises ``TimeoutError``.
            chunksize: calls per task.
            others: what newer versions of Python add (``buffersize``).

        Raises:
            ValueError: ``chunksize`` is less than 1.
        """
        check_positive("chunksize", chunksize)
        if chunksize == 1:
            return super().map(fn, *iterables, timeout=timeout, **others)
        chunks = super().map(
            functools.partial(_call_each, fn), _chunks(zip(*iterables, strict=False), chunksize),
            timeout=timeout, **others,
        )  # fmt: skip
        return itertools.chain.from_iterable(chunks)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no further calls.

        Args:
            wait: until all futures are done.
            cancel_futures: cancel those that have not started.
        """
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)

    def stop(self) -> None:
        """End now: cancel what has not started, and the tasks that run."""
        self.shutdown(wait=False, cancel_futures=True)
        for ref in list(self._under_way):
            api.cancel(ref)
        self.shutdown()

    def _run(
        self, function: RemoteFunction[Any, Any], first: tuple[Any, ...],
        args: tuple[Any, ...], kwargs: dict[str, Any],
    ) -> Any:  # fmt: skip
        """Be the thread of one task."""
        ref = function.remote(*first, *args, **kwargs)
        self._under_way.add(ref)
        try:
            return api.get(ref)
        except RayError as error:
            cause = own_exception(error)
            raise cause from cause.__cause__
        finally:
            self._under_way.discard(ref)

    def _prepared(self, fn: Any) -> tuple[RemoteFunction[Any, Any], tuple[Any, ...]]:
        """Return what to call remotely for ``fn``, and the arguments that go first.

        A plain function is sent once, as remote functions are. Everything else may have state
        that changes from call to call (a bound method, a closure), so it is an argument.
        """
        if isinstance(fn, RemoteFunction):
            return fn.options(**self._options | {"num_returns": 1}), ()
        if not isinstance(fn, (FunctionType, BuiltinFunctionType)) or (
            getattr(fn, "__closure__", None) or getattr(fn, "__self__", None)
        ):
            return self._call, (fn,)
        known = self._functions.get(fn)
        if known is None:
            known = self._functions[fn] = RemoteFunction(fn, self._options)
            if len(self._functions) > _FUNCTIONS_MAX:
                self._functions.popitem(last=False)
        return known, ()


class _Here(futures.Executor):
    """Runs a call when it is submitted, in the same thread: for the inline backend."""

    _ended = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> futures.Future[T]:
        if self._ended:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: futures.Future[T] = futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # it belongs to whoever asks for the result
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._ended = True


def _call(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    return fn(*args, **kwargs)


def _call_each(fn: Callable[..., Any], calls: list[tuple[Any, ...]]) -> list[Any]:
    return [fn(*args) for args in calls]


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk
