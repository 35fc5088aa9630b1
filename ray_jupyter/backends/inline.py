"""Runs every task in this process, at ``submit``: for debugging, and as the tests' oracle.

Values and errors pass through pickle exactly as between processes, so what cannot be sent is
found here too. Functions are called as they are: a ``breakpoint()`` in one stops there.

Lives here: ``InlineBackend``, which runs calls. Does not: the tables (``inline_store``), limits
of memory (nothing is spilled), ``cancel`` of what runs (whoever could call it is waiting).
Tasks of one thread run one after another, in the order submitted.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ray_jupyter.backends.culprits import blame_result
from ray_jupyter.backends.inline_calls import Call, freeze
from ray_jupyter.backends.inline_outcomes import (
    finished,
    is_retried,
    pickled_error,
    results,
    text_of,
    text_of_payload,
)
from ray_jupyter.backends.inline_place import Place, Places
from ray_jupyter.backends.inline_reports import InlineReports
from ray_jupyter.backends.inline_store import InlineStore, Journal, Value
from ray_jupyter.backends.inline_streams import InlineStreams
from ray_jupyter.backends.inline_tables import Tables
from ray_jupyter.errors import (
    ActorDiedError,
    RayError,
    SerializationError,
)
from ray_jupyter.runtime.protocol.specs import STREAMS, TaskTemplate
from ray_jupyter.runtime.store.serialization import deserialize, serialize

if TYPE_CHECKING:
    from ray_jupyter.config import Config


class _Attempt:
    """One run of a task's function: see ``Backend.stack``."""


class InlineBackend(InlineReports):
    """The ``Backend`` without processes."""

    name = "inline"

    def __init__(self, config: Config) -> None:
        self.session_id = os.urandom(8).hex()
        self._config = config
        self._store = InlineStore()
        self._journal = Journal()
        self.drop = self._store.drop
        self._places = Places(config, self.session_id)
        self.gpu_ids = self._places.gpu_ids
        self._streams = InlineStreams(self._store, self._journal, self._places)
        self.open_stream, self.close_stream = self._streams.open, self._streams.close
        self.next_item, self.is_stream_over = self._streams.next_item, self._streams.is_over
        self._actors: dict[int, object] = {}
        self._deaths: dict[int, str] = {}
        self._actor_places: dict[int, Place] = {}
        self._here = threading.local()
        self._tables = Tables(
            self._store, self._journal, self._actors, self._deaths, config.inline_max_bytes
        )

    # Tasks and actors

    def submit(self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """Run a task and return its id; see ``Backend.submit``.

        Raises:
            ValueError: it asks for resources that the session does not have.
        """
        call = self._frozen(template, args, kwargs)
        function = template.function
        assert function is not None, "only methods have none"
        place = self._places.take(template)
        if template.num_returns == STREAMS:
            return self._stream(template, function, call, place)
        try:
            return self._run(template, function, call, place)
        finally:
            self._places.release(place)

    def create_actor(
        self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int:
        """Construct an instance and return its id; see ``Backend.create_actor``."""
        call = self._frozen(template, args, kwargs)
        cls = template.function
        assert cls is not None, "only methods have none"
        made: list[object] = []

        def construct(*args: Any, **kwargs: Any) -> None:
            made.append(cls(*args, **kwargs))

        place = self._places.take(template)
        actor_id = self._run(template, construct, call, place)
        if made:
            self._actors[actor_id] = made[0]
            self._actor_places[actor_id] = place
        else:
            error: Any = deserialize(self._store.value(actor_id).payload)
            self._deaths[actor_id] = f"its constructor failed\n{error}"
            self._places.release(place)
        return actor_id

    def call_actor(
        self, actor_id: int, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int:
        """Call a method and return the id of its result; see ``Backend.call_actor``."""
        call = self._frozen(template, args, kwargs)
        call.held = (actor_id, *call.held)
        if actor_id in self._actors:
            method = getattr(self._actors[actor_id], template.method or "")
            if template.num_returns == STREAMS:
                return self._stream(template, method, call, self._actor_places[actor_id])
            return self._run(template, method, call, self._actor_places[actor_id], actor_id)
        reason = self._deaths.get(actor_id, "no handle to it was left")
        error = ActorDiedError(f"{template.name}: the actor is dead: {reason}")
        return self._fail(template, error, actor_id)

    def kill_actor(self, actor_id: int) -> None:
        """Forget the instance; see ``Backend.kill_actor``."""
        if actor_id in self._actors:
            self._end_actor(actor_id)
            self._deaths[actor_id] = "it was ended by kill()"

    def cancel(self, object_id: int, *, force: bool, recursive: bool) -> None:
        """Cancel a generator that waits for its reader; every other task has finished."""
        self._streams.cancel(object_id)

    # Objects

    def put(self, value: object) -> int:
        """Store a value; see ``Backend.put``."""
        self._release_dropped()
        return self._store.keep(self._store.mint(1), [Value(serialize(value))])

    def get(self, ids: Sequence[int], timeout_s: float | None) -> list[Any]:
        """Return values; see ``Backend.get``. They are all there, so it never waits."""
        self._release_dropped()
        return [self._store.load(object_id) for object_id in ids]

    def wait(
        self, ids: Sequence[int], num_returns: int, timeout_s: float | None
    ) -> tuple[list[int], list[int]]:
        """Return the first ``num_returns`` and the others: all are ready, or never will be."""
        if not ids and timeout_s is not None:  # a pause: another thread may do something
            time.sleep(timeout_s)
        ready = [i for i in ids if not self._store.is_reserved(i)][:num_returns]
        chosen = set(ready)
        return ready, [i for i in ids if i not in chosen]

    def future(self, object_id: int) -> Future[Any]:
        """Return a finished future; see ``Backend.future``."""
        future: Future[Any] = Future()
        try:
            future.set_result(self._store.load(object_id) if object_id > 0 else None)
        except RayError as error:
            future.set_exception(error)
        return future

    def hold(self, object_id: int) -> None:
        """Count one more reference."""
        self._store.hold(object_id)

    # What is going on

    def stack(self) -> Sequence[object]:
        """Return the attempts of this thread; see ``Backend.stack``."""
        return tuple(getattr(self._here, "attempts", ()))

    def environment(self) -> str:
        """See ``Backend.environment``."""
        return self._places.here.environment

    def accompany(self, value: object) -> None:
        """Check that it could be sent; there is nowhere to send it."""
        serialize(value)

    def renew_workers(self) -> None:
        """Do nothing: there are no workers."""

    def shutdown(self) -> None:
        """Forget everything; idempotent."""
        self._actors.clear()
        self._streams.clear()
        self._store.clear()

    # Running

    def _frozen(
        self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Call:
        self._release_dropped()
        self._places.check(template)
        return freeze(template, args, kwargs, self.session_id)

    def _stream(
        self, template: TaskTemplate, function: Callable[..., Any], call: Call, place: Place
    ) -> int:
        """Run a call that yields as far as it goes now; return its id."""
        errors = (v for v in map(self._store.value, call.references.values()) if v.is_error)
        return self._streams.submit(
            template, lambda: call.run(function, self._store), next(errors, None),
            call.arguments, place,
        )  # fmt: skip

    def _run(
        self, template: TaskTemplate, function: Callable[..., Any], call: Call, place: Place,
        actor_id: int = 0,
    ) -> int:  # fmt: skip
        """Run a call, with its retries; store what it makes and return the first id."""
        task_id = self._store.mint(template.num_returns)
        submit_ns = time.monotonic_ns()
        for source in call.references.values():
            if self._store.value(source).is_error:
                self._journal.record(
                    task_id, template, "FAILED", submit_ns, 0, 0, call.arguments,
                    text_of_payload(self._store.value(source).payload), actor_id,
                )  # fmt: skip
                return self._store.keep(task_id, [self._store.value(source)] * template.num_returns)
        attempt, text = 0, ""
        while True:
            start_ns = time.monotonic_ns()
            try:
                with self._places.entered(place):
                    values = self._attempt(task_id, template, function, call)
                status = "FINISHED"
                break
            except KeyboardInterrupt:  # the user's, at the keyboard: not the task's
                self._journal.record(
                    task_id, template, "FAILED", submit_ns, start_ns, attempt, call.arguments,
                    "KeyboardInterrupt", actor_id,
                )  # fmt: skip
                raise
            except BaseException as failure:  # SystemExit too: a task never ends its driver
                if not is_retried(template, failure, attempt):
                    where = f"task {task_id:x}, attempt {attempt + 1}, inline"
                    error = Value(pickled_error(template.name, failure, where), is_error=True)
                    values = [error] * template.num_returns
                    status, text = "FAILED", text_of(failure)
                    break
            attempt += 1
            self._journal.retries += 1
        self._journal.record(
            task_id, template, status, submit_ns, start_ns, attempt, call.arguments, text, actor_id
        )
        return self._store.keep(task_id, values)

    def _attempt(
        self, task_id: int, template: TaskTemplate, function: Callable[..., Any], call: Call
    ) -> list[Value]:
        marks = self._journal.enter(task_id, template, call.arguments)
        outer = self.stack()
        self._here.attempts = (*outer, _Attempt())
        try:
            result = finished(template, call.run(function, self._store))
        finally:
            self._here.attempts = outer
            self._journal.leave(marks)
        values = []
        for value in results(template, result):
            try:
                values.append(Value(serialize(value)))
            except SerializationError as error:
                raise blame_result(template, value, error) from error
        return values

    def _fail(self, template: TaskTemplate, error: RayError, actor_id: int) -> int:
        """Store ``error`` as every result of a call that did not run."""
        value = Value(serialize(error), is_error=True)
        if template.num_returns == STREAMS:
            return self._streams.submit(template, _never, value, (), self._places.here)
        task_id = self._store.mint(template.num_returns)
        now_ns = time.monotonic_ns()
        self._journal.record(
            task_id, template, "FAILED", now_ns, 0, 0, (), str(error), actor_id, "ACTOR_DIED"
        )
        return self._store.keep(task_id, [value] * template.num_returns)

    def _end_actor(self, actor_id: int) -> None:
        if self._actors.pop(actor_id, None) is not None:
            self._places.release(self._actor_places.pop(actor_id))

    def _release_dropped(self) -> None:
        self._streams.close_dropped()
        for object_id in self._store.release_dropped():
            self._end_actor(object_id)
            self._deaths.pop(object_id, None)


def _never() -> Any:
    raise AssertionError("a call that failed beforehand is not run")
