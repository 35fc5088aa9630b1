"""``Client``: the operations of the API on the local runtime, for one process.

Lives here: calls of functions and actors, and ``put``. Does not: waiting for objects and
loading them (``objects``, which this class extends), packing arguments (``arguments``), pickling
functions (``functions``), running tasks (``processes.worker``, which extends this class).
"""

from __future__ import annotations

from typing import Any

from ray_jupyter.runtime.client.arguments import NO_ARGUMENTS, Arguments
from ray_jupyter.runtime.client.cell_ids import CellIds
from ray_jupyter.runtime.client.failed import Failed
from ray_jupyter.runtime.client.functions import Functions, Registration
from ray_jupyter.runtime.client.objects import Objects
from ray_jupyter.runtime.client.printing import Listener
from ray_jupyter.runtime.client.running import RUNNING
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.protocol.specs import STREAMS, CallContext, TaskTemplate
from ray_jupyter.runtime.store.segment import Segment
from ray_jupyter.runtime.store.serialization import Serialized, serialize
from ray_jupyter.runtime.transport.base import Transport


class Client(Objects):
    """See the module docstring; the public methods are those of ``Backend``."""

    def __init__(
        self, transport: Transport, segment: Segment, *, client_id: int, session_id: str,
        total: dict[str, int], spill_dir: str, inline_max_bytes: int, namespace: str = "",
    ) -> None:  # fmt: skip
        self.listener = Listener()
        super().__init__(
            transport, segment, client_id=client_id, session_id=session_id,
            spill_dir=spill_dir, inline_max_bytes=inline_max_bytes,
        )  # fmt: skip
        self.namespace = namespace
        self.cells = CellIds(client_id)
        self.gpu_ids: tuple[str, ...] = ()  # see ``Backend.gpu_ids``
        self.parent_task = 0
        """The task this process runs now; parent of what it submits, unless ``RUNNING`` says."""
        self._functions = Functions(
            self, self._define, self._put_serialized, self.drop, total, inline_max_bytes, session_id
        )
        self.failed = Failed(self, self._functions.register, self._descriptors, self._wanted)
        self._arguments = Arguments(
            session_id, self._put_serialized, self.drop, self.channel.shield, self._is_same,
            inline_max_bytes,
        )  # fmt: skip

    def _handlers(self) -> dict[int, Any]:
        more = {
            m.OUTPUT: self.listener, m.RETRACT: lambda ids: self.failed.on_retract(ids),
            m.TOTAL: lambda total: self._functions.on_total(total),
        }  # fmt: skip
        return super()._handlers() | more

    def begin_cell(self) -> int:
        """See ``Backend.begin_cell``."""
        with self.channel.lock:
            self.channel.post((m.CELL, cell_id := self.cells.begin(self.mint())))
        return cell_id

    # What this process may use

    @property
    def environment(self) -> str:
        """See ``Backend.environment``."""
        return self._functions.environment

    @environment.setter
    def environment(self, text: str) -> None:
        self._functions.environment = text

    # Calls

    def submit(self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """See ``Backend.submit``."""
        return self._call(template, args, kwargs, m.TASK, ())

    def create_actor(
        self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int:
        """See ``Backend.create_actor``."""
        return self._call(template, args, kwargs, m.ACTOR, ())

    def call_actor(
        self, actor_id: int, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int:
        """See ``Backend.call_actor``."""
        return self._call(template, args, kwargs, m.METHOD, (actor_id,))

    def _call(
        self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any],
        kind: str, also_held: tuple[int, ...],
    ) -> int:  # fmt: skip
        registration = template.registration
        if type(registration) is not Registration or registration.owner is not self:
            registration = self._functions.register(template, kind=kind)
        if args or kwargs:
            (payload, deps, held), stored = self._arguments.pack(template, args, kwargs)
        else:
            (payload, deps, held), stored = NO_ARGUMENTS, None
        channel, task_id, count = self.channel, 0, registration.num_returns
        running = RUNNING.get()
        parent = self.parent_task if running is None else running.task_id
        try:
            with channel.lock:
                task_id = self._next_id
                self._next_id = task_id + (count or 1)
                for object_id in range(task_id, task_id + count):
                    self._counts.begin(object_id)
                channel.post_spec(
                    (task_id, registration.id, payload, deps, also_held + held, parent)
                )
                if self._arguments.packed_ns > m.MOVED_NS:
                    channel.post((m.MOVED, parent, self._arguments.packed_ns))
                    self._arguments.packed_ns = 0
                alone = channel.is_alone()
                if alone:
                    # Nothing else is under way: somebody will ask for the result next. Asking
                    # now saves a message, and the scheduler a wake-up, per synchronous call.
                    wanted = range(task_id, task_id + count)
                    channel.post((m.WANT, list(wanted)))
                    self._wanted.update(wanted)
            while stored:
                self.drop(stored.pop())
            channel.spin = alone
            if alone:
                channel.flush()
            else:
                channel.send_soon()
        except BaseException:  # an interrupt, say: nobody will have the references
            for object_id in (*range(task_id, task_id + count), *(stored or ())):
                self.drop(object_id)
            if template.num_returns == STREAMS and task_id:
                self.streams.close(task_id)
            raise
        return task_id

    def mint(self) -> int:
        """Return a new id; under the lock."""
        self._next_id += 1
        return self._next_id - 1

    def _define(self, definition: m.Definition) -> int:
        with self.channel.lock:
            template_id = self.mint()
            self.channel.post((m.DEFINE, template_id, definition))
        return template_id

    def accompany(self, value: object) -> None:
        """See ``Backend.accompany``."""
        self.use_companion(self.put(value))

    @property
    def companion(self) -> int:
        """The object that goes with what is registered here; 0 for none."""
        return self._functions.companion

    def use_companion(self, object_id: int) -> None:
        """Have it go with what is registered here from now on, and hold it."""
        former, self._functions.companion = self._functions.companion, object_id
        if former:
            self.drop(former)

    def stack(self) -> tuple[object, ...]:
        """See ``Backend.stack``."""
        return ()

    def renew_workers(self) -> None:
        """See ``Backend.renew_workers``."""
        self._tell((m.RENEW,))

    def cancel(self, object_id: int, *, force: bool, recursive: bool) -> None:
        """See ``Backend.cancel``, which looks first."""
        self._tell((m.CANCEL, object_id, force, recursive))

    def kill_actor(self, actor_id: int, *, no_restart: bool = True) -> None:
        """See ``Backend.kill_actor``."""
        self._tell((m.KILL_ACTOR, actor_id, no_restart))

    def find_actor(self, namespace: str, name: str) -> tuple[int, bytes] | None:
        """See ``Backend.find_actor``."""
        with self._requests.open() as request:
            with self.channel.lock:
                self.channel.post((m.FIND_ACTOR, request, namespace, name))
            self._requests.wait(request)
            with self.channel.shield:
                answer = self._requests.take(request)[0]
                if answer is None:
                    return None
                self.hold(answer[1])
        return answer[1], answer[2]

    def context(self) -> CallContext:
        """See ``Backend.context``; a worker knows more."""
        return CallContext(self.client_id)

    def _tell(self, message: m.Message) -> None:
        with self.channel.lock:
            self.channel.post(message)
        self.channel.flush()

    def _is_same(self, object_id: int, value: Serialized) -> bool:
        self.await_objects([object_id], 1, None)
        descriptor = self._use(object_id)
        try:
            return self.values.equals(object_id, descriptor, value)
        finally:
            self._end_use_of(object_id, descriptor)

    # Storing

    def put(self, value: object) -> int:
        """See ``Backend.put``."""
        return self._put_serialized(serialize(value))

    def _put_serialized(self, value: Serialized) -> int:
        posted: list[int] = []
        try:
            if value.size_bytes > self._inline_max_bytes:
                self.values.store(
                    value, lambda stored: posted.append(self._post_put(value, stored))
                )
                self.channel.flush()
            else:
                posted.append(self._post_put(value, value.to_bytes()))
                self.channel.send_soon()
        except BaseException:  # an interrupt, say: nobody will have the reference
            for object_id in posted:
                self.drop(object_id)
            raise
        return posted[0]

    def _post_put(self, value: Serialized, descriptor: m.Descriptor) -> int:
        with self.channel.lock:
            object_id = self.mint()
            self._counts.begin(object_id)
            if type(descriptor) is bytes:
                self._descriptors[object_id] = descriptor
            self.channel.post((m.PUT, [(object_id, descriptor, value.contained)]))
        return object_id

    # The channel's hooks

    def _collect(self) -> bool:
        posted = super()._collect()
        ended = self._functions.ended
        if ended:
            templates = [ended.popleft() for _ in range(len(ended))]
            self._undefined(templates)
            self.channel.post((m.UNDEFINE, templates))
            posted = True
        return posted

    def _undefined(self, templates: list[int]) -> None:
        """These templates of ours will not be called again; a worker forgets them."""

    def _unread(self, request: int, answer: tuple[Any, ...]) -> None:
        if type(answer[0]) is tuple and answer[0][0] == m.FOUND:  # held for us since it was found
            with self.channel.lock:
                if answer[0][1] not in self._counts:
                    self.channel.post((m.RELEASE, [answer[0][1]]))
        else:
            super()._unread(request, answer)

    def _attend(self) -> bool:
        self._arguments.forget_unused()
        return super()._attend()

    def _on_reclaim(self) -> None:
        self._arguments.forget_unused(everything=True)
        super()._on_reclaim()
