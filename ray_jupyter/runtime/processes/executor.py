"""Runs one task: arguments out of a spec, the call, results into descriptors.

Knows nothing of scheduling; ``worker`` decides when and on which stack a task runs.
"""

from __future__ import annotations

import importlib
import os
import pickle
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ray_jupyter.errors import ActorExit, SerializationError
from ray_jupyter.runtime.client.arguments import unpack
from ray_jupyter.runtime.client.interrupts import Interrupted
from ray_jupyter.runtime.client.task_errors import dump_task_error
from ray_jupyter.runtime.client.values import LostValueError
from ray_jupyter.runtime.processes.own_methods import method_of
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.protocol.specs import full_name, taken_apart
from ray_jupyter.runtime.store.serialization import SCALARS, deserialize, serialize

if TYPE_CHECKING:
    from ray_jupyter.runtime.client.interrupts import InterruptShield
    from ray_jupyter.runtime.client.values import Values
    from ray_jupyter.runtime.store.serialization import Serialized

Output = tuple[m.Descriptor, tuple[int, ...]]
Call = tuple[Sequence[Any], dict[str, Any]]
"""Arguments by position and by name."""
NO_CALL: Call = (), {}
_FINISHED_ASIDE = (m.STREAMING, m.AFTER)
"""Extras that run more of the user's code."""


class Executor:
    """The functions of one worker, and its actor if it has one.

    Args:
        values: loads arguments and stores results.
        shield: lifted while an ``Interrupted`` may strike.
        fetch: returns the value of an object by id: of a function too large for a message, of
            an argument that is not where it was.
        end_use: told when a dependency has been loaded.
        prepare: sees to what the extras of a definition demand; see ``Surroundings.prepare``.
        stream: runs a generator to its end; see ``Streaming.run``.
    """

    def __init__(
        self, values: Values, shield: InterruptShield,
        fetch: Callable[[int], Any], end_use: Callable[[int], None],
        prepare: Callable[[tuple[tuple[str, Any], ...]], None], stream: Callable[..., None],
        inline_max_bytes: int,
    ) -> None:  # fmt: skip
        self.definitions: dict[int, m.Definition] = {}
        self._values = values
        self._shield = shield
        self._fetch = fetch
        self._end_use = end_use
        self._prepare = prepare
        self._stream = stream
        self._inline_max_bytes = inline_max_bytes
        self._functions: dict[int, tuple[Callable[..., Any], Any]] = {}
        self.actor: Any = None
        self.moved_ns = 0  # what reading arguments and pickling results took, to be told yet

    def forget(self, template_id: int) -> None:
        """The template will not be called again."""
        self.definitions.pop(template_id, None)
        self._functions.pop(template_id, None)

    def run(
        self, assignment: m.Assignment, definition: m.Definition, whose: str
    ) -> tuple[int, Any, Any]:
        """Run a task; return (status, outputs) of its ``Result``, and the value itself.

        The caller keeps the value until the result is posted: references inside would be
        released before the scheduler knows that the result holds them.

        Args:
            assignment: which task.
            definition: of its template.
            whose: says worker and process, for the error.

        Raises:
            Interrupted: some task on the stack is being cancelled.
            ActorExit: the actor ends.
        """
        loads = deque(assignment[3])
        retry: Any = False
        call: Call = NO_CALL
        try:
            with self._shield.lifted:
                function, retry = self._function(assignment[1], definition)
                if assignment[2]:
                    call = self._load_arguments(assignment[2], loads)
                    value = function(*call[0], **call[1])
                else:
                    value = function()
            if definition[8]:
                value = self._finish(assignment[0], definition, value)
            return m.OK, self._pack(definition, value), value
        except (Interrupted, ActorExit):
            raise
        except BaseException as error:  # whatever user code raises is the task's result
            status, payload = self._failure(definition, assignment[0], whose, error, retry, call)
            return status, payload, None
        finally:
            for object_id, descriptor in loads:  # never loaded, because something failed before
                self._end_use_of(object_id, descriptor)

    async def run_async(
        self, assignment: m.Assignment, definition: m.Definition, whose: str
    ) -> tuple[int, Any, Any]:
        """Do as ``run`` does, and await what the method returns if it can be awaited."""
        import asyncio

        from ray_jupyter.runtime.processes.stepping import aside

        loads = deque(assignment[3])
        retry: Any = False
        call: Call = NO_CALL
        try:
            function, retry = self._function(assignment[1], definition)
            if assignment[2]:
                call = self._load_arguments(assignment[2], loads)
            value = function(*call[0], **call[1])
            if isinstance(value, Awaitable):
                value = await value
            if any(name in _FINISHED_ASIDE for name, _ in definition[8]):
                value = await aside(partial(self._finish, assignment[0], definition), value)
            return m.OK, self._pack(definition, value), value
        except (asyncio.CancelledError, Interrupted):
            return m.CANCELLED, b"", None
        except ActorExit:
            raise
        except BaseException as error:  # as in ``run``
            status, payload = self._failure(definition, assignment[0], whose, error, retry, call)
            return status, payload, None
        finally:
            for object_id, descriptor in loads:
                self._end_use_of(object_id, descriptor)

    def function_name(self, template_id: int, definition: m.Definition) -> str:
        """Return what a task calls, with its module."""
        if definition[0] == m.METHOD:
            return f"{full_name(type(self.actor))}.{definition[7]}"
        known = self._functions.get(template_id)
        return full_name(known[0]) if known is not None else definition[1]

    def end_actor(self) -> None:
        """Let the actor do what it does last: ``__ray_shutdown__``, if it has one."""
        shutdown = getattr(self.actor, "__ray_shutdown__", None)
        if callable(shutdown):
            shutdown()

    def _end_use_of(self, object_id: int, descriptor: m.Descriptor) -> None:
        if type(descriptor) is tuple and descriptor[0] == m.STORED:
            self._end_use(object_id)

    def _function(
        self, template_id: int, definition: m.Definition
    ) -> tuple[Callable[..., Any], Any]:
        kind, payload, method = definition[0], definition[2], definition[7]
        if kind == m.METHOD and not payload:
            return method_of(self.actor, method), False
        known = self._functions.get(template_id)
        if known is None:
            if kind == m.METHOD:
                assert type(payload) is bytes, "only exception types are in there"
                known = method_of(self.actor, method), deserialize(payload)[1]
                self._functions[template_id] = known
                return known
            if definition[8]:
                self._prepare(definition[8])
            known = deserialize(payload) if type(payload) is bytes else self._fetch(payload)
            if kind == m.ACTOR:
                return self._constructor(known[0]), False
            self._functions[template_id] = known
        return known

    def _constructor(self, cls: type[Any]) -> Callable[..., Any]:
        def construct(*args: Any, **kwargs: Any) -> None:
            self.actor = cls(*args, **kwargs)

        return construct

    def _load_arguments(self, payload: bytes, loads: deque[tuple[int, m.Descriptor]]) -> Call:
        began_ns, values = time.monotonic_ns(), []
        while loads:
            object_id, descriptor = loads[0]
            if type(descriptor) is bytes:
                values.append(self._values.load(object_id, descriptor))
                loads.popleft()
                continue
            with self._shield:  # whatever strikes, the use of each ends once
                try:
                    value = self._values.load(object_id, descriptor)
                except LostValueError:
                    value = self._fetch(object_id)
                values.append(value)
                loads.popleft()
                self._end_use_of(object_id, descriptor)
        call = unpack(payload, values)
        self.moved_ns += time.monotonic_ns() - began_ns
        return call

    # Results

    def _finish(self, task_id: int, definition: m.Definition, value: Any) -> Any:
        """Do what the extras say with what the function returned; return the result."""
        name, extras = definition[1], dict(definition[8])
        limit = extras.get(m.STREAMING)
        if limit is not None:
            self._stream(
                task_id, value, limit,
                lambda item, index: self._output(self._serialize(item, f"item {index} of {name}")),
            )  # fmt: skip
            return None
        if m.AFTER in extras:
            module, _, after = extras[m.AFTER].partition(":")
            with self._shield.lifted:
                return getattr(importlib.import_module(module), after)(value)
        return value

    def _pack(self, definition: m.Definition, value: Any) -> Any:
        num_returns = definition[5]
        if num_returns == 1 and type(value) in SCALARS:
            data = pickle.dumps(value, 5)
            if len(data) <= self._inline_max_bytes:
                return data
        began_ns = time.monotonic_ns()
        outputs = self._pack_any(definition[1], num_returns, value)
        self.moved_ns += time.monotonic_ns() - began_ns
        return outputs

    def _pack_any(self, name: str, num_returns: int, value: Any) -> Any:
        if num_returns == 1:
            packed = self._serialize(value, f"the result of {name}")
            if not packed.contained and packed.size_bytes <= self._inline_max_bytes:
                return packed.to_bytes()
            return [self._output(packed)]
        if num_returns == 0:
            return b""
        with self._shield.lifted:
            values = taken_apart(name, num_returns, value)
        outputs: list[Output] = []
        try:
            for index, item in enumerate(values):
                outputs.append(self._output(self._serialize(item, f"result {index} of {name}")))
        except BaseException:
            self._values.abandon_all(descriptor for descriptor, _ in outputs)
            raise
        return outputs

    def _serialize(self, value: Any, what: str) -> Serialized:
        try:
            return serialize(value)
        except SerializationError as error:
            raise SerializationError(f"{what}: {error}") from error.__cause__

    def _output(self, packed: Serialized) -> Output:
        if packed.size_bytes <= self._inline_max_bytes:
            return packed.to_bytes(), packed.contained
        return self._values.store(packed, lambda stored: (stored, packed.contained))

    def _failure(
        self, definition: m.Definition, task_id: int, whose: str, error: BaseException, retry: Any,
        call: Call,
    ) -> tuple[int, bytes]:  # fmt: skip
        name = definition[1]
        retryable = isinstance(error, Exception) and (
            retry is True or (type(retry) is tuple and isinstance(error, retry))
        )
        task = f"task {task_id:x}, {whose}, pid {os.getpid()}"
        status = m.RETRYABLE_ERROR if retryable else m.ERROR
        arguments = dict(enumerate(call[0])) | call[1]
        return status, dump_task_error(name, task, error, task_id, arguments)
