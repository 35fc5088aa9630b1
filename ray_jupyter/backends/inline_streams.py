"""Generators of the inline backend.

Without back-pressure a generator runs to its end at ``submit``, as every task does. With it,
it runs until as many items wait as may, and goes on when one is taken.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ray_jupyter.backends.culprits import blame_result
from ray_jupyter.backends.inline_actors import InlineActor, InlineActors, Running
from ray_jupyter.backends.inline_outcomes import is_retried, pickled_error, text_of_payload
from ray_jupyter.backends.inline_place import Place, Places
from ray_jupyter.backends.inline_store import InlineStore, Journal, Value
from ray_jupyter.errors import ActorDiedError, ActorExit, SerializationError, TaskCancelledError
from ray_jupyter.runtime.client.running import RUNNING
from ray_jupyter.runtime.protocol.messages import STREAMING
from ray_jupyter.runtime.protocol.specs import TaskTemplate
from ray_jupyter.runtime.store.serialization import serialize

T = TypeVar("T")


class _Stream:
    """One task. ``generator`` is ``None`` when it has ended."""

    def __init__(
        self, task_id: int, template: TaskTemplate,
        start: Callable[[], Generator[Any, Any, Any]], arguments: tuple[int, ...], where: Place,
        actor: InlineActor | None,
    ) -> None:  # fmt: skip
        self.task_id = task_id
        self.where = where
        self.actor = actor
        self.template = template
        self.start = start
        self.arguments = arguments
        self.limit: int = template.extras[STREAMING]
        self.generator: Generator[Any, Any, Any] | None = None
        self.ended = False
        self.items: deque[int] = deque()
        self.number = 0
        """Items yielded, by all attempts; a further attempt yields the first ones in vain."""
        self.place = 0
        """Items yielded by this attempt."""
        self.attempt = 0
        self.submit_ns = time.monotonic_ns()

    @property
    def may_run(self) -> bool:
        """Whether it has not ended and need not wait for its reader."""
        return not self.ended and not (self.limit and len(self.items) >= self.limit)


class InlineStreams:
    """All streams that are read, by task."""

    def __init__(
        self, store: InlineStore, journal: Journal, places: Places, actors: InlineActors
    ) -> None:
        self._store = store
        self._actors = actors
        self._places = places
        self._journal = journal
        self._lock = threading.RLock()
        self._streams: dict[int, _Stream] = {}
        self._closing: deque[int] = deque()
        self.close: Callable[[int], object] = self._closing.append

    def submit(
        self, template: TaskTemplate, start: Callable[[], Generator[Any, Any, Any]],
        error: Value | None, arguments: tuple[int, ...], where: Place,
        actor: InlineActor | None,
    ) -> int:  # fmt: skip
        """Run a task as far as it goes now; return its id.

        Args:
            template: what is called.
            start: calls the function with its arguments.
            error: of an argument; then the task fails without being run.
            arguments: the objects that the call takes.
            where: it runs there; a task's place is released when it ends, an actor's is not.
            actor: whose method it is, if it is one that can be called.
        """
        task_id = self._store.mint(1)
        self._store.reserve(task_id)
        stream = _Stream(task_id, template, start, arguments, where, actor)
        self._streams[task_id] = stream
        if error is not None:
            self._end(stream, error, start_ns=0)
        try:
            with self._lock:
                self._pump(stream)
        except BaseException:
            self.close(task_id)
            self._store.drop(task_id)
            raise
        return task_id

    def open(self, task_id: int, limit: int) -> None:
        """See ``Backend.open_stream``: it is open."""

    def next_item(self, task_id: int, timeout_s: float | None, make: Callable[[int], T]) -> T:
        """See ``Backend.next_item``; never waits."""
        with self._lock:
            stream = self._streams.get(task_id)
            if stream is None:
                raise StopIteration
            if stream.items:
                item = stream.items.popleft()
                try:
                    self._pump(stream)
                except BaseException:  # the user's interrupt: the item stays to be taken
                    stream.items.appendleft(item)
                    raise
                return make(item)
            del self._streams[task_id]
            if not self._store.value(task_id).is_error:
                raise StopIteration
            self._store.hold(task_id)
            return make(task_id)

    def is_over(self, task_id: int) -> bool:
        """See ``Backend.is_stream_over``."""
        stream = self._streams.get(task_id)
        if stream is None:
            return True
        return stream.ended and not stream.items and not self._store.value(task_id).is_error

    def cancel(self, task_id: int) -> None:
        """End a paused task; it sees a ``KeyboardInterrupt`` where it stands."""
        with self._lock:
            stream = self._streams.get(task_id)
            if stream is None or stream.ended:
                return
            error: BaseException = TaskCancelledError("the task was cancelled")
            try:
                with self._running(stream):
                    if stream.generator is not None:
                        _interrupt(stream.generator)
            except BaseException as failure:  # of its cleaning up: that is its result then
                error = failure
            if isinstance(error, TaskCancelledError):
                self._end(stream, Value(serialize(error), is_error=True))
            else:
                self._fail(stream, error)

    def close_dropped(self) -> None:
        """Cancel and forget what nobody reads any more."""
        while self._closing:
            task_id = self._closing.popleft()
            with self._lock:
                self.cancel(task_id)
                stream = self._streams.pop(task_id, None)
            for item in stream.items if stream is not None else ():
                self._store.drop(item)

    def clear(self) -> None:
        """Forget everything."""
        self._streams.clear()
        self._closing.clear()

    # Running

    def _pump(self, stream: _Stream) -> None:
        while stream.may_run:
            self._advance(stream)

    def _advance(self, stream: _Stream) -> None:
        """Have the generator yield once, or end."""
        try:
            value = self._ask(stream)
            packed = self._packed(stream, value)
        except StopIteration:
            self._end(stream, Value(serialize(None)))
        except KeyboardInterrupt as failure:  # the user's, at the keyboard
            self._fail(stream, failure)
            raise
        except ActorExit as leaving:
            self._leave(stream, leaving.how)
        except BaseException as failure:  # SystemExit too: a task never ends its driver
            if is_retried(stream.template, failure, stream.attempt):
                stream.attempt += 1
                stream.generator, stream.place = None, 0
                self._journal.retries += 1
            else:
                self._fail(stream, failure)
        else:
            if stream.place == stream.number:
                stream.items.append(self._store.keep(self._store.mint(1), [packed]))
                stream.number += 1
            stream.place += 1

    def _ask(self, stream: _Stream) -> Any:
        with self._running(stream):
            if stream.generator is None:
                stream.generator = stream.start()
            return next(stream.generator)

    @contextmanager
    def _running(self, stream: _Stream) -> Iterator[None]:
        marks = self._journal.enter(stream.task_id, stream.template, stream.arguments)
        token = RUNNING.set(Running(stream.task_id, stream.template, stream.actor))
        try:
            with self._places.entered(stream.where):
                yield
        finally:
            RUNNING.reset(token)
            self._journal.leave(marks)

    def _packed(self, stream: _Stream, value: Any) -> Value:
        try:
            return Value(serialize(value))
        except SerializationError as error:
            raise blame_result(stream.template, value, error) from error

    def _fail(self, stream: _Stream, failure: BaseException) -> None:
        where = f"task {stream.task_id:x}, attempt {stream.attempt + 1}, inline"
        error = pickled_error(stream.template.name, failure, where)
        self._end(stream, Value(error, is_error=True))

    def _leave(self, stream: _Stream, how: str) -> None:
        assert stream.actor is not None, "exit_actor() refuses to be called elsewhere"
        self._actors.end(stream.actor, how, graceful=True)
        error = ActorDiedError(f"{stream.template.name}: the actor is dead: {how}")
        self._end(stream, Value(serialize(error), is_error=True))

    def _end(self, stream: _Stream, value: Value, start_ns: int | None = None) -> None:
        stream.ended = True
        stream.generator = None
        if stream.template.method is None:
            self._places.release(stream.where)
        value.seen = True  # its reader gets it
        self._store.fill(stream.task_id, value)
        self._journal.record(
            stream.task_id, stream.template, "FAILED" if value.is_error else "FINISHED",
            stream.submit_ns, stream.submit_ns if start_ns is None else start_ns, stream.attempt,
            stream.arguments, text_of_payload(value.payload) if value.is_error else "",
            stream.actor.id if stream.actor is not None else 0,
        )  # fmt: skip


def _interrupt(generator: Generator[Any, Any, Any]) -> None:
    try:
        generator.throw(KeyboardInterrupt())
    except (KeyboardInterrupt, StopIteration):
        return
    generator.close()
