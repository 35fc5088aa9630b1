"""Runs every task in this process, at ``submit``: for debugging, and as the tests' oracle.

Values and errors pass through pickle exactly as between processes, so what cannot be sent is
found here too. Functions are called as they are: a ``breakpoint()`` in one stops there.

Lives here: ``InlineBackend``, which runs calls. Does not: the tables (``inline_store``), limits
of memory (nothing is spilled), ``cancel`` of what runs (whoever could call it is waiting).
Tasks of one thread run one after another, in the order submitted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ray_jupyter.backends.base import Capability
from ray_jupyter.backends.inline_actors import InlineActor, Running
from ray_jupyter.backends.inline_runner import InlineRunner
from ray_jupyter.backends.inline_store import Value
from ray_jupyter.errors import ActorDiedError, RayError
from ray_jupyter.runtime.client.holding import Held
from ray_jupyter.runtime.client.running import RUNNING
from ray_jupyter.runtime.protocol.output import Output
from ray_jupyter.runtime.protocol.specs import (
    RESOURCE_UNITS,
    STREAMS,
    CallContext,
    TaskTemplate,
    full_name,
)
from ray_jupyter.runtime.store.serialization import deserialize, serialize

if TYPE_CHECKING:
    from ray_jupyter.config import Config
    from ray_jupyter.runtime.client.failed import FailedCall


_HERE_ALREADY = (
    "in inline mode tasks run in this process and are not remembered: submit it again; breakpoint() "
    "and the debugger stop in it as in any function"
)


class InlineBackend(InlineRunner):
    """The ``Backend`` without processes."""

    name = "inline"
    lacks: frozenset[Capability] = frozenset({Capability.RESIZING})

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.namespace = config.namespace
        self.drop = self._store.drop
        self.cell_of = self._cells.of
        self.gpu_ids = self._places.gpu_ids
        self.show: Callable[[list[Output]], object] = _never
        """Not called: tasks print here."""
        self.open_stream, self.close_stream = self._streams.open, self._streams.close
        self.next_item, self.is_stream_over = self._streams.next_item, self._streams.is_over

    def begin_cell(self) -> int:
        """See ``Backend``. Nobody waits while tasks run here: there is nothing to count."""
        return self._cells.begin(self._store.mint(1))

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
        try:
            return self._run(template, function, call, place)
        finally:
            if template.num_returns != STREAMS:  # a stream ends later, and releases it then
                self._places.release(place)

    @property
    def node_id(self) -> str:
        """See ``Backend``."""
        return self.session_id

    def result_ids(self, task_id: int, num_returns: int) -> range:
        """See ``Backend.result_ids``."""
        return range(task_id, task_id + num_returns)

    def create_actor(
        self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int:
        """Construct an instance and return its id; see ``Backend.create_actor``."""
        call = self._frozen(template, args, kwargs)
        cls = template.function
        assert cls is not None, "only methods have none"
        actor_id = self._store.mint(1)
        actor = InlineActor(
            actor_id, template,
            lambda: self._attempt(actor_id, template, construct, call, actor.place, actor),
        )  # fmt: skip

        def construct(*args: Any, **kwargs: Any) -> None:
            actor.instance = cls(*args, **kwargs)

        if actor.key in self._actors.by_name:
            actor.death = "its name is taken"
            self._actors.by_id[actor_id] = actor
            return self._store.keep(actor_id, [Value(serialize(None))])
        if actor.restarts_left:
            actor.kept += list(call.arguments)
        if actor.options.get("detached"):
            actor.kept.append(actor_id)
        for object_id in actor.kept:
            self._store.hold(object_id)
        actor.place = self._places.take(template)
        self._actors.add(actor)
        self._run(template, construct, call, actor.place, actor, actor_id)
        if actor.instance is None and not actor.death:
            error: Any = deserialize(self._store.value(actor_id).payload)
            self._actors.end(actor, f"its constructor failed\n{error}", graceful=False)
        return actor_id

    def call_actor(
        self, actor_id: int, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int:
        """Call a method and return the id of its result; see ``Backend.call_actor``."""
        call = self._frozen(template, args, kwargs)
        call.held = (actor_id, *call.held)
        actor = self._actors.by_id.get(actor_id)
        if actor is not None and not actor.death:
            method = actor.method(template.method or "")
            return self._run(template, method, call, actor.place, actor)
        reason = actor.death if actor is not None else "no handle to it was left"
        if actor is not None:
            self._store.value(actor_id).seen = True  # the error below says it
        error = ActorDiedError(f"{template.name}: the actor is dead: {reason}")
        return self._fail(template, error, actor_id)

    def kill_actor(self, actor_id: int, *, no_restart: bool = True) -> None:
        """Forget the instance, or make it again; see ``Backend.kill_actor``."""
        actor = self._actors.by_id.get(actor_id)
        if actor is None or actor.death:
            return
        if no_restart or not actor.restarts_left:
            self._actors.end(actor, "it was killed by ray.kill", graceful=False)
            return
        actor.close(graceful=False)
        actor.restarts += 1
        try:
            actor.make()
        except (Exception, SystemExit) as failure:  # the constructor's: as in a worker
            text = f"its constructor failed\n{type(failure).__name__}: {failure}"
            self._actors.end(actor, text, graceful=False)

    def find_actor(self, namespace: str, name: str) -> tuple[int, bytes] | None:
        """See ``Backend.find_actor``."""
        self._release_dropped()
        actor = self._actors.by_name.get((namespace, name))
        if actor is None:
            return None
        self._store.hold(actor.id)
        return actor.id, actor.options["handle"]

    def named_actors(self) -> list[tuple[str, str]]:
        """See ``Backend.named_actors``."""
        self._release_dropped()
        return list(self._actors.by_name)

    def pending_calls(self, actor_id: int) -> int:
        """Return 0: every call has ended when its reference exists."""
        return 0

    def restarts(self, actor_id: int) -> int:
        """See ``Backend.restarts``."""
        actor = self._actors.by_id.get(actor_id)
        return actor.restarts if actor is not None else 0

    def context(self) -> CallContext:
        """See ``Backend.context``."""
        running = RUNNING.get()
        if not isinstance(running, Running):
            return CallContext(0)
        template, actor = running.template, running.actor
        function = full_name(template.function)
        if actor is not None and template.method is not None:
            function = f"{full_name(type(actor.instance))}.{template.method}"
        owner = template if actor is None else actor.template
        units = {name: round(x * RESOURCE_UNITS) for name, x in owner.resources.items()}
        context = CallContext(
            0, running.task_id, template.name, function, tuple(sorted(units.items()))
        )
        if actor is None:
            return context
        return context._replace(actor_id=actor.id, instance=actor.instance, options=actor.options)

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
        return self._store.load(ids)

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
            future.set_result(self._store.load([object_id])[0] if object_id > 0 else None)
        except RayError as error:
            future.set_exception(error)
        return future

    def hold(self, object_id: int) -> None:
        """Count one more reference."""
        self._store.hold(object_id)

    def failed_call(self, object_id: int) -> FailedCall:
        """See ``Backend.failed_call``."""
        raise LookupError(_HERE_ALREADY)

    def resume(self, object_id: int, template: TaskTemplate | None) -> list[str]:
        """See ``Backend.resume``."""
        raise LookupError(_HERE_ALREADY)

    # What is going on

    def held_here(self) -> Held:
        """See ``Backend.held_here``."""
        self._release_dropped()
        return Held(self._store.held_outside(), {}, frozenset())

    def environment(self) -> str:
        """See ``Backend.environment``."""
        return self._places.here.environment

    def accompany(self, value: object) -> None:
        """Check that it could be sent; there is nowhere to send it."""
        serialize(value)

    def renew_workers(self) -> None:
        """Do nothing: there are no workers."""

    def resize(self, num_cpus: int) -> None:
        """Refuse.

        Raises:
            NotImplementedError: there are no workers.
        """
        Capability.RESIZING.refuse(self.name)

    def shutdown(self) -> None:
        """Forget everything; idempotent."""
        self._actors.clear()
        self._streams.clear()
        self._store.clear()


def _never(outputs: list[Output]) -> None:
    raise AssertionError("an inline task's output went through the runtime")
