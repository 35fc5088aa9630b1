"""``get_runtime_context``: what running code can know of itself, under Ray's names.

All answers are about the call that asks: also in the threads and coroutines of an actor, and in
a task that runs in place of the one that waits for it. A thread that a task starts by itself
counts as the task.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

from ray_jupyter import session
from ray_jupyter.actors import ActorHandle
from ray_jupyter.methods import blueprint_of
from ray_jupyter.refs import ObjectRef
from ray_jupyter.runtime.protocol.specs import RESOURCE_UNITS

if TYPE_CHECKING:
    from ray_jupyter.backends.base import Backend
    from ray_jupyter.runtime.protocol.specs import CallContext

_VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"


class RuntimeContext:
    """What a driver, a task or an actor can know of itself; ids are text in hexadecimal."""

    def get_job_id(self) -> str:
        """Return the id of the driver's job; here each session is one."""
        return session.require().session_id

    def get_node_id(self) -> str:
        """Return the id of this machine, as in ``nodes()``."""
        return session.require().node_id

    def get_session_name(self) -> str:
        """Return the name of the session."""
        return f"session_{session.require().session_id}"

    def get_worker_id(self) -> str:
        """Return the id of this process."""
        backend = session.require()
        return f"{backend.session_id}{backend.context().worker_id:08x}"

    def get_task_id(self) -> str | None:
        """Return the id of the task that runs (as ``ObjectRef.task_id``); ``None`` in a driver."""
        return self._hex(self._context().task_id)

    def get_task_name(self) -> str | None:
        """Return the name of the task that runs; ``None`` in a driver."""
        return self._context().name or None

    def get_task_function_name(self) -> str | None:
        """Return what the task calls, with its module; ``None`` in a driver."""
        return self._context().function or None

    def get_actor_id(self) -> str | None:
        """Return the id of the actor whose method runs, or ``None``."""
        return self._hex(self._context().actor_id)

    def get_actor_name(self) -> str | None:
        """Return the actor's name, ``""`` if it has none; ``None`` outside of actors."""
        context = self._context()
        return context.options.get("name", "") if context.actor_id else None

    def get_assigned_resources(self) -> dict[str, float]:
        """Return what the task or actor may use, by name; nothing in a driver."""
        return {name: units / RESOURCE_UNITS for name, units in self._context().resources}

    def get_accelerator_ids(self) -> dict[str, list[str]]:
        """Return the devices that the task or actor may use, by kind."""
        given = self.get_assigned_resources().get("GPU")
        return {"GPU": os.environ.get(_VISIBLE_GPUS, "").split(",") if given else []}

    def is_canceled(self) -> bool:
        """Return whether somebody has cancelled this call. It is not interrupted in threads.

        Raises:
            RuntimeError: called in a driver, or in an async actor, whose calls are interrupted.
        """
        context = self._context()
        if not context.task_id:
            raise RuntimeError("is_canceled() asks about a task or an actor's call: none runs here")
        if context.options.get("is_async"):
            raise RuntimeError(
                "is_canceled() is not for async actors: a cancelled call gets "
                "asyncio.CancelledError where it awaits"
            )
        return context.cancelled

    @property
    def namespace(self) -> str:
        """Where names of actors are looked up by default."""
        return session.require().namespace

    @property
    def was_current_actor_reconstructed(self) -> bool:
        """Whether this actor's process has died before, and it was made again.

        Raises:
            RuntimeError: called outside of an actor.
        """
        backend, context = self._in_actor("was_current_actor_reconstructed")
        return backend.restarts(context.actor_id) > 0

    @property
    def current_actor(self) -> ActorHandle:
        """A handle to the actor whose method this is.

        Raises:
            RuntimeError: called outside of an actor.
        """
        backend, context = self._in_actor("current_actor")
        backend.hold(context.actor_id)
        ref: ObjectRef[Any] = ObjectRef(context.actor_id, backend.session_id, backend.drop)
        return ActorHandle(ref, blueprint_of(type(context.instance), context.options))

    def get(self) -> dict[str, Any]:
        """Return what Ray's deprecated method of this name returns, as a dict."""
        return {
            "job_id": self.get_job_id(), "node_id": self.get_node_id(),
            "namespace": self.namespace, "task_id": self.get_task_id(),
            "actor_id": self.get_actor_id(),
        }  # fmt: skip

    def __getattr__(self, name: str) -> NoReturn:
        if name in _ONLY_RAY:
            raise NotImplementedError(
                f"get_runtime_context().{name} is Ray's and means nothing here: {_ONLY_RAY[name]}"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _context(self) -> CallContext:
        return session.require().context()

    def _hex(self, task_id: int) -> str | None:
        return f"{session.require().session_id}{task_id:016x}" if task_id else None

    def _in_actor(self, name: str) -> tuple[Backend, CallContext]:
        backend = session.require()
        context = backend.context()
        if not context.actor_id:
            raise RuntimeError(f"{name} is for methods of an actor, and this is none")
        return backend, context


_ONLY_RAY = {
    "gcs_address": "there is no server to connect to; the session ends with its driver",
    "get_temp_dir": "a session has no directory of its own",
    "get_node_labels": "there is one machine, without labels",
    "get_placement_group_id": "there are no placement groups on one machine",
    "current_placement_group_id": "there are no placement groups on one machine",
    "should_capture_child_tasks_in_placement_group": "there are no placement groups",
    "get_runtime_env_string": "look at what was given to options(runtime_env=...)",
    "runtime_env": "look at what was given to options(runtime_env=...)",
    "get_resource_ids": "use get_accelerator_ids()",
}

_context = RuntimeContext()


def get_runtime_context() -> RuntimeContext:
    """Return what answers questions about the running driver, task or actor."""
    return _context
