"""The part of the inline backend that runs calls, with their retries."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ray_jupyter.backends.culprits import blame_result
from ray_jupyter.backends.inline_actors import InlineActor, InlineActors, Running
from ray_jupyter.backends.inline_calls import Call, freeze
from ray_jupyter.backends.inline_outcomes import (
    complain,
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
    ActorExit,
    RayError,
    SerializationError,
)
from ray_jupyter.runtime.client import captured
from ray_jupyter.runtime.client.cell_ids import CellIds
from ray_jupyter.runtime.client.running import RUNNING
from ray_jupyter.runtime.protocol.ids import DRIVER_ID
from ray_jupyter.runtime.protocol.messages import SHOWS_ERRORS
from ray_jupyter.runtime.protocol.specs import STREAMS, TaskTemplate
from ray_jupyter.runtime.store.serialization import serialize

if TYPE_CHECKING:
    from ray_jupyter.config import Config


class _Attempt:
    """One run of a task's function: see ``Backend.stack``."""


class InlineRunner(InlineReports):
    """See the module docstring."""

    def __init__(self, config: Config) -> None:
        self.session_id = os.urandom(8).hex()
        self._config = config
        captured.settings["locals"] = config.capture_locals
        self._store = InlineStore()
        self._journal = Journal()
        self._places = Places(config, self.session_id)
        self._actors = InlineActors(self._store.drop, self._places.release)
        self._streams = InlineStreams(self._store, self._journal, self._places, self._actors)
        self._here = threading.local()
        self._cells = CellIds(DRIVER_ID)
        self._tables = Tables(
            self._store, self._journal, self._actors, self._cells, config.inline_max_bytes
        )

    def stack(self) -> Sequence[object]:
        """Return the attempts of this thread; see ``Backend.stack``."""
        return tuple(getattr(self._here, "attempts", ()))

    def _frozen(
        self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Call:
        """Return the call as it would be sent; check that all of it can be sent."""
        self._release_dropped()
        self._places.check(template)
        return freeze(template, args, kwargs, self.session_id)

    def _run(
        self, template: TaskTemplate, function: Callable[..., Any], call: Call, place: Place,
        actor: InlineActor | None = None, task_id: int = 0,
    ) -> int:  # fmt: skip
        """Run a call, with its retries; store what it makes and return the first id."""
        if template.num_returns == STREAMS:
            errors = (v for v in map(self._store.value, call.references.values()) if v.is_error)
            return self._streams.submit(
                template, lambda: call.run(function, self._store), next(errors, None),
                call.arguments, place, actor,
            )  # fmt: skip
        actor_id = actor.id if actor is not None else 0
        task_id = task_id or self._store.mint(template.num_returns)
        submit_ns = time.monotonic_ns()
        for source in call.references.values():
            if self._store.value(source).is_error:
                self._journal.record(
                    task_id, template, "FAILED", submit_ns, 0, 0, call.arguments,
                    text_of_payload(self._store.value(source).payload), actor_id,
                )  # fmt: skip
                return self._store.keep(task_id, [self._store.value(source)] * template.num_returns)
        attempt, text, error_type = 0, "", "TASK_EXECUTION_EXCEPTION"
        while True:
            start_ns = time.monotonic_ns()
            try:
                values = self._attempt(task_id, template, function, call, place, actor)
                status = "FINISHED"
                break
            except KeyboardInterrupt:  # the user's, at the keyboard: not the task's
                self._journal.record(
                    task_id, template, "FAILED", submit_ns, start_ns, attempt, call.arguments,
                    "KeyboardInterrupt", actor_id,
                )  # fmt: skip
                raise
            except ActorExit as leaving:
                assert actor is not None, "exit_actor() refuses to be called elsewhere"
                self._actors.end(actor, leaving.how, graceful=True)
                text = f"{template.name}: the actor is dead: {leaving.how}"
                values = [Value(serialize(ActorDiedError(text)), is_error=True)]
                values *= template.num_returns
                status, error_type = "FAILED", "ACTOR_DIED"
                break
            except BaseException as failure:  # SystemExit too: a task never ends its driver
                if not is_retried(template, failure, attempt):
                    where = f"task {task_id:x}, attempt {attempt + 1}, inline"
                    error = Value(pickled_error(template.name, failure, where), is_error=True)
                    error.seen = SHOWS_ERRORS in template.extras
                    values = [error] * template.num_returns
                    status, text = "FAILED", text_of(failure)
                    break
            attempt += 1
            self._journal.retries += 1
        self._journal.record(
            task_id, template, status, submit_ns, start_ns, attempt, call.arguments, text,
            actor_id, error_type,
        )  # fmt: skip
        return self._store.keep(task_id, values)

    def _attempt(
        self, task_id: int, template: TaskTemplate, function: Callable[..., Any], call: Call,
        place: Place, actor: InlineActor | None,
    ) -> list[Value]:  # fmt: skip
        marks = self._journal.enter(task_id, template, call.arguments)
        outer = self.stack()
        self._here.attempts = (*outer, _Attempt())
        token = RUNNING.set(Running(task_id, template, actor))
        try:
            with self._places.entered(place):
                returned = finished(template, call.run(function, self._store))
                made = results(template, returned)
        finally:
            RUNNING.reset(token)
            self._here.attempts = outer
            self._journal.leave(marks)
        values = []
        for value in made:
            try:
                values.append(Value(serialize(value)))
            except SerializationError as error:
                raise blame_result(template, value, error) from error
        return values

    def _fail(self, template: TaskTemplate, error: RayError, actor_id: int) -> int:
        """Store ``error`` as every result of a call that did not run."""
        value = Value(serialize(error), is_error=True)
        if template.num_returns == STREAMS:
            return self._streams.submit(template, _never, value, (), self._places.here, None)
        task_id = self._store.mint(template.num_returns)
        now_ns = time.monotonic_ns()
        self._journal.record(
            task_id, template, "FAILED", now_ns, 0, 0, (), str(error), actor_id, "ACTOR_DIED"
        )
        return self._store.keep(task_id, [value] * template.num_returns)

    def _release_dropped(self) -> None:
        self._streams.close_dropped()
        for object_id in self._store.release_dropped():
            self._actors.forget(object_id)
        unseen, self._store.unseen = self._store.unseen, []
        for value in unseen:
            complain(value.payload)


def _never() -> Any:
    raise AssertionError("a call that failed beforehand is not run")
