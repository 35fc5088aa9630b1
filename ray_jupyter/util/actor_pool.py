"""``ActorPool``: values go to whichever actor of a group is free. The interface is Ray's."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from ray_jupyter import api
from ray_jupyter.actors import ActorHandle
from ray_jupyter.errors import ActorDiedError
from ray_jupyter.refs import ObjectRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Call = Callable[[Any, Any], Any]


class _Work:
    """A call that is with an actor: its number, and what ``fn`` returned for it."""

    __slots__ = ("actor", "index", "result")

    def __init__(self, index: int, actor: ActorHandle, result: Any) -> None:
        self.index = index
        self.actor = actor
        self.result = result

    @property
    def signal(self) -> ObjectRef[Any]:
        """The ref to wait for; the refs of one call are ready together."""
        return self.result[0] if isinstance(self.result, list) else self.result  # type: ignore[no-any-return]


class ActorPool:
    """Hands values to actors, one at a time to each.

    Args:
        actors: handles; each serves this pool only.
    """

    def __init__(self, actors: list[Any]) -> None:
        self._idle: list[ActorHandle] = []
        self._busy: dict[int, _Work] = {}
        """By the number of the call, so in the order of submission."""
        self._waiting: deque[tuple[Call, Any]] = deque()
        self._next_submit = 0
        self._next_return = 0
        for actor in actors:
            self.push(actor)

    def map(self, fn: Call, values: Iterable[Any]) -> Iterator[Any]:
        """Return an iterator of the results of ``values``, in their order.

        Results of earlier calls of ``submit`` that nobody has asked for are dropped.

        Args:
            fn: called with an actor and a value; returns a ref: ``lambda a, v: a.f.remote(v)``.
            values: submitted at once, as far as actors are free.
        """
        return self._map(fn, values, self.get_next)

    def map_unordered(self, fn: Call, values: Iterable[Any]) -> Iterator[Any]:
        """Return an iterator of the results of ``values``, in the order they finish."""
        return self._map(fn, values, self.get_next_unordered)

    def _map(self, fn: Call, values: Iterable[Any], get_next: Callable[[], Any]) -> Iterator[Any]:
        self._waiting.clear()
        while self._busy:
            self._release(next(iter(self._busy.values())))
        for value in values:
            self.submit(fn, value)

        def results() -> Iterator[Any]:
            while self.has_next():
                yield get_next()

        return results()

    def submit(self, fn: Call, value: Any) -> None:
        """Give ``value`` to a free actor, or to the next that becomes free.

        Raises:
            TypeError: ``fn`` did not return a ref.
        """
        if not self._idle:
            self._waiting.append((fn, value))
            return
        result = fn(self._idle[-1], value)
        for ref in result if isinstance(result, list) and result else [result]:
            if not isinstance(ref, ObjectRef):
                raise TypeError(
                    f"the function of submit() and map() must return a ref, got {result!r}; "
                    "use lambda actor, value: actor.method.remote(value)"
                )
        work = _Work(self._next_submit, self._idle.pop(), result)
        self._busy[work.index] = work
        self._next_submit += 1

    def has_next(self) -> bool:
        """Return whether there is a result to get, now or later."""
        return bool(self._busy or self._waiting)

    def get_next(self, timeout: float | None = None, ignore_if_timedout: bool = False) -> Any:
        """Return the next result in the order of submission.

        Args:
            timeout: seconds to wait.
            ignore_if_timedout: drop a result that does not come in time, and raise.

        Raises:
            StopIteration: there is no further result.
            TimeoutError: it was not there in time.
            ValueError: that result was returned by ``get_next_unordered`` already.
        """
        self._check_next()
        work = self._busy.get(self._next_return)
        if work is None:
            raise ValueError("get_next() after get_next_unordered(): the order is lost; use one")
        is_ready = timeout is None or bool(api.wait([work.signal], timeout=timeout)[0])
        return self._take(work, is_ready, timeout, ignore_if_timedout)

    def get_next_unordered(
        self, timeout: float | None = None, ignore_if_timedout: bool = False
    ) -> Any:
        """Return the result that is there first.

        Args:
            timeout: seconds to wait.
            ignore_if_timedout: drop the oldest call if none ends in time, and raise.

        Raises:
            StopIteration: there is no further result.
            TimeoutError: none was there in time.
        """
        self._check_next()
        by_signal = {work.signal: work for work in self._busy.values()}
        ready, others = api.wait(list(by_signal), timeout=timeout)
        return self._take(by_signal[(ready or others)[0]], bool(ready), timeout, ignore_if_timedout)

    def _check_next(self) -> None:
        if not self.has_next():
            raise StopIteration("there is no further result: submit() something first")
        if not self._busy:
            raise ActorDiedError(
                f"every actor of the pool has died, and {len(self._waiting)} values wait for one; "
                "push() another actor"
            )

    def _take(self, work: _Work, is_ready: bool, timeout: float | None, drop: bool) -> Any:
        if not is_ready:
            text = f"no result within {timeout} s"
            if not drop:
                raise TimeoutError(text)
            self._release(work)
            raise TimeoutError(f"{text}; the call of {work.result!r} is dropped")
        is_alive = True
        try:
            return api.get(work.result)
        except ActorDiedError:
            is_alive = False
            raise
        finally:
            self._release(work, is_alive=is_alive)

    def _release(self, work: _Work, *, is_alive: bool = True) -> None:
        """The call is over for us. A dead actor does not come back: it would take all calls."""
        del self._busy[work.index]
        self._next_return = max(self._next_return, work.index + 1)
        if is_alive:
            self._add(work.actor)

    def has_free(self) -> bool:
        """Return whether an actor is free and no value waits."""
        return bool(self._idle) and not self._waiting

    def pop_idle(self) -> Any:
        """Take a free actor out of the pool and return it; ``None`` if there is none."""
        return self._idle.pop() if self.has_free() else None

    def push(self, actor: Any) -> None:
        """Add an actor.

        Raises:
            ValueError: the pool has it already.
            TypeError: not an actor's handle.
        """
        if not isinstance(actor, ActorHandle):
            raise TypeError(f"a pool takes actors' handles, got {actor!r}")
        if actor in self._idle or any(actor == work.actor for work in self._busy.values()):
            raise ValueError(f"{actor!r} belongs to this pool already")
        self._add(actor)

    def _add(self, actor: ActorHandle) -> None:
        self._idle.append(actor)
        if self._waiting:
            self.submit(*self._waiting.popleft())
