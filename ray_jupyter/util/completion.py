"""``as_completed``, ``map`` and ``map_unordered``: results one by one, as tasks end.

Rules
    * What is wrong with the arguments is said at the call, not at the first ``next``.
    * At most so many tasks are under way (``max_in_flight``), so the inputs may be endless.
    * Whoever stops listening (an error, a Stop button, ``break``) cancels what is under way.
"""

from __future__ import annotations

import itertools
import operator
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ray_jupyter import api, session
from ray_jupyter.checks import check_positive, check_timeout
from ray_jupyter.errors import GetTimeoutError, RayError
from ray_jupyter.refs import ObjectRef
from ray_jupyter.remote import remote
from ray_jupyter.typed import TypedFunction
from ray_jupyter.util.progress import Progress

_IN_FLIGHT_MIN, _IN_FLIGHT_PER_CPU = 100, 4


def as_completed(
    refs: Iterable[ObjectRef[Any]], timeout: float | None = None, *, chunk_size: int = 10,
    yield_obj_refs: bool = False,
) -> Iterator[Any]:  # fmt: skip
    """Return an iterator of the values of ``refs``, those that are there first.

    Args:
        refs: distinct references.
        timeout: seconds for all of them together; ``None`` waits for ever.
        chunk_size: accepted for Ray; no value is held back until others are there.
        yield_obj_refs: yield the references and not the values.

    Raises:
        GetTimeoutError: from the iterator: not all were there in time.
        TypeError: not a list of references.
        ValueError: a duplicate, or a number out of range.
    """
    check_positive("chunk_size", chunk_size)
    flight = _Flight(timeout)
    if not isinstance(refs, Iterable):
        raise TypeError(f"as_completed() needs a list of ObjectRefs, got {refs!r}")
    for index, ref in enumerate(refs):
        if not isinstance(ref, ObjectRef):
            raise TypeError(f"as_completed() needs ObjectRefs; item {index} is {ref!r}")
        if ref.id in flight.pending:
            raise ValueError(f"as_completed() needs distinct refs; {ref!r} is given twice")
        flight.pending[ref.id] = ref
    return _values(flight.finished(), yield_obj_refs)


def map(  # noqa: A001 - it is the builtin's parallel twin
    function: Callable[..., Any], *iterables: Iterable[Any], ordered: bool = True,
    max_in_flight: int | None = None, timeout: float | None = None, progress: bool = False,
) -> Iterator[Any]:  # fmt: skip
    """Return an iterator of ``function(*items)`` for the items of ``iterables``, in parallel.

    Args:
        function: a function, or something with ``.remote``: a remote function, a method of an
            actor.
        iterables: as for the builtin ``map``; the shortest says when it ends.
        ordered: results in the order of the items; ``False``: in the order they are there.
        max_in_flight: how many calls may be under way, or done and not yielded; default: 100,
            or 4 per CPU.
        timeout: seconds for all of them together; ``None`` waits for ever.
        progress: show a line on stderr.

    Raises:
        GetTimeoutError: from the iterator: not all were there in time.
        TypeError: nothing to call, or nothing to iterate over.
        ValueError: a number out of range.
    """
    if not iterables:
        raise TypeError("map() needs a function and at least one iterable")
    total = min(operator.length_hint(items, -1) for items in iterables)
    call = _remote_form(function)
    flight = _Flight(timeout, zip(*iterables, strict=False), call, max_in_flight)
    name = getattr(function, "__name__", type(function).__name__)
    line = Progress(name, None if total < 0 else total) if progress else None
    flight.refill()
    refs = flight.in_order() if ordered else flight.finished()
    return _values(refs, False, line)


def map_unordered(
    fn: Callable[..., Any], items: Iterable[Any], *, backpressure_size: int | None = 100,
    chunk_size: int = 10, yield_obj_refs: bool = False,
) -> Iterator[Any]:  # fmt: skip
    """Return an iterator of the results of ``fn.remote(item)``, those that are there first.

    Args:
        fn: as for ``map``.
        items: submitted as the iterator is used.
        backpressure_size: how many tasks may be under way; ``None`` for all.
        chunk_size: accepted for Ray; no value is held back until others are there.
        yield_obj_refs: yield the references and not the values.

    Raises:
        TypeError: nothing to call, or nothing to iterate over.
        ValueError: a number out of range.
    """
    check_positive("chunk_size", chunk_size)
    if backpressure_size is None:
        items = list(items)
        backpressure_size = max(len(items), 1)
    check_positive("backpressure_size", backpressure_size)
    calls = ((item,) for item in iter(items))
    flight = _Flight(None, calls, _remote_form(fn), backpressure_size)
    flight.refill()
    return _values(flight.finished(), yield_obj_refs)


class _Flight:
    """Calls that are under way, by the id of their result, in the order of submission.

    Args:
        timeout_s: for everything together.
        calls: arguments of what is not under way yet.
        submit: starts a call.
        limit: how many may be under way.
    """

    def __init__(
        self, timeout_s: float | None, calls: Iterable[tuple[Any, ...]] = (),
        submit: Callable[..., Any] | None = None, limit: int | None = None,
    ) -> None:  # fmt: skip
        check_timeout(timeout_s)
        if limit is not None:
            check_positive("max_in_flight", limit)
        elif submit is not None:
            cpus = int(session.require().resources()[0].get("CPU", 1))
            limit = max(_IN_FLIGHT_MIN, _IN_FLIGHT_PER_CPU * cpus)
        self.pending: dict[int, ObjectRef[Any]] = {}
        self._timeout_s = timeout_s
        self._deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        self._calls = iter(calls)
        self._submit = submit
        self._limit = limit or 0

    def refill(self) -> None:
        """Start calls while there is room."""
        if self._submit is None:
            return
        for args in itertools.islice(self._calls, self._limit - len(self.pending)):
            ref = self._submit(*args)
            if not isinstance(ref, ObjectRef):
                raise ValueError(f"map() needs calls with one result, got {ref!r}")
            self.pending[ref.id] = ref

    def in_order(self) -> Iterator[ObjectRef[Any]]:
        """Yield refs whose value is there, in the order of submission."""
        try:
            while self.pending:
                first = next(iter(self.pending))
                self._wait([first], 1)
                yield self.pending.pop(first)
                self.refill()
        finally:
            self._cancel()

    def finished(self) -> Iterator[ObjectRef[Any]]:
        """Yield refs whose value is there, in the order that it comes."""
        try:
            while self.pending:
                ids = list(self.pending)
                self._wait(ids, 1)
                # Everything that has come by now: one look at 10,000 refs for each would be slow.
                backend = session.owner_of(self.pending[ids[0]])
                for object_id in backend.wait(ids, len(ids), 0)[0]:
                    yield self.pending.pop(object_id)
                    self.refill()
        finally:
            self._cancel()

    def _wait(self, ids: list[int], count: int) -> None:
        left_s = None
        if self._deadline_s is not None:
            left_s = max(self._deadline_s - time.monotonic(), 0.0)
        backend = session.owner_of(self.pending[ids[0]])
        if not backend.wait(ids, count, left_s)[0]:
            raise GetTimeoutError(
                f"{len(self.pending)} results were not there within {self._timeout_s} s"
            )

    def _cancel(self) -> None:
        """Nobody listens any more. The refs of ``as_completed`` are not ours to cancel."""
        pending, self.pending = list(self.pending.values()), {}
        for ref in pending if self._submit is not None else ():
            try:
                api.cancel(ref)
            except RayError:  # the session has ended, and the tasks with it
                return


def _values(
    refs: Iterator[ObjectRef[Any]], as_refs: bool, line: Progress | None = None
) -> Iterator[Any]:  # fmt: skip
    try:
        for ref in refs:
            value = ref if as_refs else api.get(ref)
            del ref  # or the value could not go while the caller works on it
            if line is not None:
                line.advance()
            yield value
            del value
    finally:
        refs.close()  # type: ignore[attr-defined]  # a generator: what is under way is cancelled
        if line is not None:
            line.close()


def _remote_form(function: Any) -> Callable[..., Any]:
    """Return what submits a call of ``function``."""
    if not callable(function):
        raise TypeError(f"map() needs a function, got {function!r}")
    if isinstance(function, TypedFunction):
        return function
    submit: Callable[..., Any] | None = getattr(function, "remote", None)
    return submit or remote(function).remote
