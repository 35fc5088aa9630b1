"""Runs every task in this process, at ``submit``: for debugging, and as the tests' oracle.

Values and errors pass through pickle exactly as between processes, so what cannot be sent is
found here too. Functions are called as they are: a ``breakpoint()`` in one stops there.

Lives here: ``InlineBackend``, which runs calls. Does not: the tables (``inline_store``), limits
of memory (nothing is spilled), ``cancel`` of what runs (whoever could call it is waiting).
Tasks of one thread run one after another, in the order submitted.
"""

from __future__ import annotations

import os
import platform
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ray_jupyter.backends.culprits import blame_argument, blame_result, blame_variable
from ray_jupyter.backends.inline_store import InlineStore, Journal, Value
from ray_jupyter.errors import (
    ActorDiedError,
    RayError,
    RayTaskError,
    SerializationError,
    StaleRefError,
)
from ray_jupyter.runtime.protocol.ids import Reference
from ray_jupyter.runtime.protocol.output import Output
from ray_jupyter.runtime.protocol.specs import TaskTemplate
from ray_jupyter.runtime.store.serialization import Serialized, deserialize, serialize

if TYPE_CHECKING:
    from ray_jupyter.config import Config


class _Call:
    """The frozen arguments of a call: references by id, the rest pickled."""

    __slots__ = ("payload", "references")

    def __init__(self, payload: bytes, references: dict[int | str, int]) -> None:
        self.payload = payload
        self.references = references


class InlineBackend:
    """The ``Backend`` without processes."""

    name = "inline"

    def __init__(self, config: Config) -> None:
        self.session_id = os.urandom(8).hex()
        self._config = config
        self._store = InlineStore()
        self._journal = Journal()
        self.drop = self._store.drop
        self.show: Callable[[list[Output]], object] = _never
        """Not called: tasks print here."""
        self._actors: dict[int, object] = {}
        self._deaths: dict[int, str] = {}

    @property
    def next_id(self) -> int:
        """See ``Backend``."""
        return self._store.next_id

    # Tasks and actors

    def submit(self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """Run a task and return its id; see ``Backend.submit``.

        Raises:
            ValueError: it asks for resources that the session does not have.
        """
        call = self._frozen(template, args, kwargs)
        function = template.function
        assert function is not None, "only methods have none"
        return self._run(template, function, call)

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

        actor_id = self._run(template, construct, call)
        if made:
            self._actors[actor_id] = made[0]
        else:
            error: Any = deserialize(self._store.value(actor_id).payload)
            self._deaths[actor_id] = f"its constructor failed\n{error}"
        return actor_id

    def call_actor(
        self, actor_id: int, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int:
        """Call a method and return the id of its result; see ``Backend.call_actor``."""
        call = self._frozen(template, args, kwargs)
        if actor_id in self._actors:
            return self._run(template, getattr(self._actors[actor_id], template.method or ""), call)
        reason = self._deaths.get(actor_id, "no handle to it was left")
        return self._fail(template, ActorDiedError(f"{template.name}: the actor is dead: {reason}"))

    def kill_actor(self, actor_id: int) -> None:
        """Forget the instance; see ``Backend.kill_actor``."""
        if self._actors.pop(actor_id, None) is not None:
            self._deaths[actor_id] = "it was ended by kill()"

    def cancel(self, object_id: int, *, force: bool, recursive: bool) -> None:
        """Do nothing: every task has finished when its reference exists."""

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
        """Return the first ``num_returns`` and the others: all are ready."""
        return list(ids[:num_returns]), list(ids[num_returns:])

    def future(self, object_id: int) -> Future[Any]:
        """Return a finished future; see ``Backend.future``."""
        future: Future[Any] = Future()
        try:
            future.set_result(self._store.load(object_id))
        except RayError as error:
            future.set_exception(error)
        return future

    def hold(self, object_id: int) -> None:
        """Count one more reference."""
        self._store.hold(object_id)

    # What is going on

    def resources(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """Return (total, available): what tasks on the stack ask for is not available."""
        total = self._config.totals()
        available = dict(total)
        for template in list(self._journal.running):
            for name, amount in template.resources.items():
                available[name] = max(available[name] - amount, 0.0)
        return total, available

    def nodes(self) -> list[dict[str, Any]]:
        """Return this machine, as Ray describes one."""
        return [{
            "NodeID": self.session_id, "Alive": True, "alive": True,
            "NodeManagerAddress": "127.0.0.1", "NodeManagerHostname": platform.node(),
            "Resources": self._config.totals(),
        }]  # fmt: skip

    def events(self, since: int) -> tuple[int, list[tuple[Any, ...]]]:
        """Return (next cursor, records); see ``Backend.events``."""
        return self._journal.since(since)

    def statistics(self) -> dict[str, Any]:
        """Return the counters; see ``Backend.statistics``."""
        self._release_dropped()
        journal, sizes = self._journal, self._store.sizes_bytes()
        small = sum(size for size in sizes if size <= self._config.inline_max_bytes)
        return {
            "workers": 1, "workers_busy": min(len(journal.running), 1), "workers_blocked": 0,
            "pids": [], "tasks": {**journal.ended, "RUNNING": len(journal.running)},
            "retries": journal.retries, "objects": len(sizes),
            "store_used_bytes": sum(sizes) - small, "spilled_bytes": 0, "inline_bytes": small,
            "store_limit_bytes": self._config.object_store_memory_bytes,
            "task_cpu_ns": journal.cpu_ns, "task_wall_ns": journal.wall_ns,
        }  # fmt: skip

    def shutdown(self) -> None:
        """Forget everything; idempotent."""
        self._actors.clear()
        self._store.clear()

    # Running

    def _frozen(
        self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> _Call:
        """Return the call as it would be sent; check that all of it can be sent."""
        self._release_dropped()
        self._check_feasible(template)
        if template.registration != self.session_id and template.function is not None:
            try:
                serialize(template.function)
            except SerializationError as error:
                raise blame_variable(template, error) from error
            template.registration = self.session_id
        references: dict[int | str, int] = {}
        given: dict[int | str, Any] = dict(enumerate(args))
        given.update(kwargs)
        for place, value in given.items():
            if isinstance(value, Reference):
                if value.session_id != self.session_id:
                    raise StaleRefError(
                        f"argument {place!r} of {template.name}(): {value!r} belongs to another "
                        "session; run the code that made it again"
                    )
                references[place] = value.id
                given[place] = None
        try:
            payload = serialize(given).to_bytes()
        except SerializationError as error:
            raise blame_argument(template, args, kwargs, error) from error
        return _Call(payload, references)

    def _check_feasible(self, template: TaskTemplate) -> None:
        total = self._config.totals()
        for name, amount in template.resources.items():
            if amount > total.get(name, 0.0):
                raise ValueError(
                    f"{template.name} asks for {amount:g} of {name!r} and the session has "
                    f"{total.get(name, 0.0):g}: it could never run; give init() more"
                )

    def _run(self, template: TaskTemplate, function: Callable[..., Any], call: _Call) -> int:
        """Run a call, with its retries; store what it makes and return the first id."""
        task_id = self._store.mint(template.num_returns)
        submit_ns = time.monotonic_ns()
        for source in call.references.values():
            if self._store.value(source).is_error:
                self._journal.record(task_id, template, "FAILED", submit_ns, 0, 0)
                return self._store.keep(task_id, [self._store.value(source)] * template.num_returns)
        attempt = 0
        while True:
            start_ns = time.monotonic_ns()
            try:
                values = self._attempt(task_id, template, function, call)
                status = "FINISHED"
                break
            except KeyboardInterrupt:  # the user's, at the keyboard: not the task's
                self._journal.record(task_id, template, "FAILED", submit_ns, start_ns, attempt)
                raise
            except BaseException as failure:  # SystemExit too: a task never ends its driver
                if not _is_retried(template, failure, attempt):
                    where = f"task {task_id:x}, attempt {attempt + 1}, inline"
                    error = Value(_pickled_error(template.name, failure, where), is_error=True)
                    values = [error] * template.num_returns
                    status = "FAILED"
                    break
            attempt += 1
            self._journal.retries += 1
        self._journal.record(task_id, template, status, submit_ns, start_ns, attempt)
        return self._store.keep(task_id, values)

    def _attempt(
        self, task_id: int, template: TaskTemplate, function: Callable[..., Any], call: _Call
    ) -> list[Value]:
        given: Any = deserialize(call.payload)
        for place, object_id in call.references.items():
            given[place] = self._store.load(object_id)
        args = [value for place, value in given.items() if isinstance(place, int)]
        kwargs = {place: value for place, value in given.items() if isinstance(place, str)}
        marks = self._journal.enter(task_id, template)
        try:
            result = function(*args, **kwargs)
        finally:
            self._journal.leave(template, marks)
        values = []
        for value in _results(template, result):
            try:
                values.append(Value(serialize(value)))
            except SerializationError as error:
                raise blame_result(template, value, error) from error
        return values

    def _fail(self, template: TaskTemplate, error: RayError) -> int:
        """Store ``error`` as every result of a call that did not run."""
        task_id = self._store.mint(template.num_returns)
        self._journal.record(task_id, template, "FAILED", time.monotonic_ns(), 0, 0)
        return self._store.keep(
            task_id, [Value(serialize(error), is_error=True)] * template.num_returns
        )

    def _release_dropped(self) -> None:
        for object_id in self._store.release_dropped():
            self._actors.pop(object_id, None)
            self._deaths.pop(object_id, None)


def _never(outputs: list[Output]) -> None:
    raise AssertionError("an inline task's output went through the runtime")


def _results(template: TaskTemplate, result: Any) -> list[Any]:
    """Return the values that a call makes of what its function returned.

    Raises:
        ValueError: not as many as ``num_returns`` says.
    """
    if template.num_returns <= 1:
        return [result][: template.num_returns]
    try:
        values = [result] if isinstance(result, (str, bytes, dict)) else list(result)
    except TypeError:
        values = [result]
    if len(values) != template.num_returns:
        raise ValueError(
            f"{template.name}() has num_returns={template.num_returns} and returned {len(values)} "
            f"value{'s' if len(values) != 1 else ''}"
        )
    return values


def _is_retried(template: TaskTemplate, failure: BaseException, attempt: int) -> bool:
    retried = template.retry_exceptions
    if template.max_retries != -1 and attempt >= template.max_retries:
        return False
    if isinstance(retried, bool):
        return retried and isinstance(failure, Exception)
    return isinstance(failure, retried)


def _pickled_error(name: str, failure: BaseException, where: str) -> Serialized:
    """Return the ``RayTaskError`` for ``failure``; a stand-in for what does not travel."""
    trace = failure.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__") == __name__:
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(failure), failure, trace))
    try:
        pickled = serialize(RayTaskError(name, text, failure, where))
        deserialize(pickled.to_bytes())
    except Exception as problem:  # whatever a foreign class's pickling raises
        stand_in = RuntimeError(
            f"{type(failure).__qualname__}: {failure} (the exception itself cannot be pickled: "
            f"{problem})"
        )
        pickled = serialize(RayTaskError(name, text, stand_in, where))
    return pickled
