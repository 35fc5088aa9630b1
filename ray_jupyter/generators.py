"""Tasks that yield: ``ObjectRefGenerator``, and the list of refs of ``num_returns="dynamic"``.

Lives here: what users see of a stream, and what ``.remote`` gives for each ``num_returns``.
Does not: how items travel (the backend), which functions yield (``options``, ``remote``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, overload

from ray_jupyter import session
from ray_jupyter.refs import ObjectRef, new_refs
from ray_jupyter.runtime.protocol.ids import stream_key
from ray_jupyter.runtime.protocol.messages import STREAMING
from ray_jupyter.runtime.protocol.specs import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ray_jupyter.backends.base import Backend
    from ray_jupyter.runtime.protocol.specs import TaskTemplate

T_co = TypeVar("T_co", covariant=True)


class ObjectRefGenerator(Generic[T_co]):
    """The refs of what a task yields, one after the other, as soon as each value is there.

    ``for ref in generator`` and ``async for ref in generator`` take them; so do ``next`` and
    ``anext``. If the task fails, the refs so far are good, one more raises the error when its
    value is asked for, and then the generator ends.

    When it is dropped or closed, values that nobody took are freed. A task that would wait
    for its reader (back-pressure) is cancelled then; others run to their end.
    """

    def __init__(self, completion: ObjectRef[None], close: Callable[[int], object]) -> None:
        self._completion = completion
        self._is_closed = False
        # Bound here, so that ``__del__`` needs neither globals nor imports at exit.
        self._close = close

    def __del__(self) -> None:
        try:
            self.close()
        except AttributeError:  # an interrupt cut its construction short
            return

    @property
    def session_id(self) -> str:
        """The session whose task it reads."""
        return self._completion.session_id

    # Reading

    def __iter__(self) -> ObjectRefGenerator[T_co]:
        return self

    def __next__(self) -> ObjectRef[T_co]:
        """Wait for the next value and return its ref.

        Raises:
            StopIteration: the task has ended, and all refs are taken.
            StaleRefError: the session has ended.
        """
        ref = self._next(None)
        assert ref is not None
        return ref

    def __aiter__(self) -> ObjectRefGenerator[T_co]:
        return self

    async def __anext__(self) -> ObjectRef[T_co]:
        """Wait for the next value and return its ref; other coroutines run meanwhile.

        Raises:
            StopAsyncIteration: the task has ended, and all refs are taken.
            StaleRefError: the session has ended.
        """
        import asyncio

        while True:
            try:
                ref = self._next(0)
            except StopIteration:
                raise StopAsyncIteration from None
            if ref is not None:
                return ref
            ready = session.owner_of(self._completion).future(stream_key(self._completion.id))
            await asyncio.wrap_future(ready)

    def _next(self, timeout_s: float | None) -> ObjectRef[T_co] | None:
        backend = session.owner_of(self._completion)
        if self._is_closed:
            raise StopIteration
        session_id, drop = backend.session_id, backend.drop
        return backend.next_item(
            self._completion.id, timeout_s, lambda item: ObjectRef(item, session_id, drop)
        )

    # Looking

    def completed(self) -> ObjectRef[None]:
        """Return a ref that is ready when the task has ended; its value is ``None``.

        ``get`` of it raises the task's error if it failed.
        """
        return self._completion.__copy__()

    def next_ready(self) -> bool:
        """Return whether ``next`` would give a ref at once; looks only."""
        return self._is_ready() and not self.is_finished()

    def is_finished(self) -> bool:
        """Return whether ``next`` would raise ``StopIteration``; looks only."""
        over = session.owner_of(self._completion).is_stream_over(self._completion.id)
        return over or self._is_closed

    def _is_ready(self) -> bool:
        """Return whether ``next`` would return or raise at once."""
        backend = session.owner_of(self._completion)
        if self._is_closed:
            return True
        ready, _ = backend.wait([stream_key(self._completion.id)], 1, 0)
        return bool(ready)

    def close(self) -> None:
        """Read no more: what dropping the last reference to the generator does."""
        if not self._is_closed:
            self._is_closed = True
            self._close(self._completion.id)

    def __repr__(self) -> str:
        return f"ObjectRefGenerator({self._completion.hex()})"

    # What plain generators can do and this one cannot

    def send(self, value: object) -> NoReturn:
        """Refuse: nothing travels to the task."""
        raise NotImplementedError(_ONE_WAY)

    def throw(self, value: object) -> NoReturn:
        """Refuse: nothing travels to the task."""
        raise NotImplementedError(_ONE_WAY)

    async def asend(self, value: object) -> NoReturn:
        """Refuse: nothing travels to the task."""
        raise NotImplementedError(_ONE_WAY)

    async def athrow(self, value: object) -> NoReturn:
        """Refuse: nothing travels to the task."""
        raise NotImplementedError(_ONE_WAY)

    async def aclose(self) -> None:
        """Read no more, as ``close``."""
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{self!r} can be read only by the process that called the task, so it cannot be "
            "pickled, copied or passed on: take its refs with next(generator) or "
            "list(generator), and pass those"
        )

    def __copy__(self) -> NoReturn:
        self.__reduce__()

    def __deepcopy__(self, memo: dict[int, Any]) -> NoReturn:
        self.__reduce__()


_ONE_WAY = (
    "values come from the task only: send, throw, asend and athrow do not reach it. To stop it "
    "use ray.cancel(generator); to talk to something that runs, make it an actor"
)


class DynamicObjectRefGenerator(Generic[T_co]):
    """The refs of all values that a task with ``num_returns="dynamic"`` yielded.

    It is the value of the task's ref, has a length and an order, and may be passed on.
    """

    def __init__(self, refs: Iterable[ObjectRef[T_co]]) -> None:
        self._refs = list(refs)

    def __iter__(self) -> Iterator[ObjectRef[T_co]]:
        return iter(self._refs)

    def __len__(self) -> int:
        return len(self._refs)

    @overload
    def __getitem__(self, place: int) -> ObjectRef[T_co]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[ObjectRef[T_co]]: ...
    def __getitem__(self, place: int | slice) -> Any:
        return self._refs[place]

    def __repr__(self) -> str:
        return f"DynamicObjectRefGenerator({self._refs!r})"


def gather(generator: Iterable[Any]) -> DynamicObjectRefGenerator[Any]:
    """Store everything a generator yields; run where the task runs (``messages.AFTER``)."""
    backend = session.connected()
    return DynamicObjectRefGenerator(
        ObjectRef(backend.put(value), backend.session_id, backend.drop) for value in generator
    )


def new_results(backend: Backend, task_id: int, template: TaskTemplate) -> Any:
    """Return what ``.remote`` gives: a ref, a list of refs, a generator of refs, or ``None``."""
    if template.num_returns != STREAMS:
        return new_refs(backend, task_id, template.num_returns)
    completion: ObjectRef[None] = ObjectRef(task_id, backend.session_id, backend.drop)
    generator: ObjectRefGenerator[Any] = ObjectRefGenerator(completion, backend.close_stream)
    backend.open_stream(task_id, template.extras[STREAMING])
    return generator
