"""Failed tasks, for whoever wants to run them again: here, to look; or there, mended.

The scheduler remembers what it takes for as long as somebody holds the error (``core.remains``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ray_jupyter.runtime.client.arguments import unpack
from ray_jupyter.runtime.protocol.messages import RESUME_FAILED, WANT
from ray_jupyter.runtime.protocol.specs import TaskTemplate
from ray_jupyter.runtime.store.serialization import deserialize

if TYPE_CHECKING:
    from ray_jupyter.runtime.client.captured import Place
    from ray_jupyter.runtime.client.client import Client
    from ray_jupyter.runtime.client.functions import Registration


class FailedCall(NamedTuple):
    """A call that failed.

    Attributes:
        name: of the task.
        function: as it was sent.
        args: by position.
        kwargs: by name.
        num_returns: how many objects it was to make.
        dependents: names of the functions whose tasks failed because this one did.
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    num_returns: int
    dependents: tuple[str, ...]


class Failed:
    """The failed tasks of a session, as one client can get at them.

    Args:
        client: asks the scheduler.
        register: has a template known there.
        descriptors: of the objects known to the client.
        wanted: objects that it waits for.
    """

    def __init__(
        self, client: Client, register: Callable[[TaskTemplate], Registration],
        descriptors: dict[int, Any], wanted: set[int],
    ) -> None:  # fmt: skip
        self._client = client
        self._register = register
        self._descriptors = descriptors
        self._wanted = wanted

    def call(self, object_id: int) -> FailedCall:
        """See ``Backend.failed_call``."""
        client = self._client
        found: Any = client.query("failed_task", object_id)
        if isinstance(found, str):
            raise LookupError(f"cannot be run again: {found}")
        function, values = found["function"], [self._fetch(i) for i in found["deps"]]
        sent = deserialize(function) if type(function) is bytes else self._fetch(function)
        args, kwargs = unpack(found["arguments"], values) if found["arguments"] else ((), {})
        return FailedCall(
            found["name"], sent[0], tuple(args), dict(kwargs), found["num_returns"],
            tuple(found["dependents"]),
        )  # fmt: skip

    def argument(self, task_id: int, place: Place) -> Any:
        """Return one argument of a failed task.

        Raises:
            LookupError: the task is not remembered any more.
        """
        call = self.call(task_id)
        return call.args[place] if isinstance(place, int) else call.kwargs[place]

    def resume(self, object_id: int, template: TaskTemplate | None) -> list[str]:
        """See ``Backend.resume``."""
        client = self._client
        registration = self._register(template) if template is not None else None
        template_id = registration.id if registration is not None else 0
        answer: Any = client.request(RESUME_FAILED, object_id, template_id)
        if isinstance(answer, str):
            raise LookupError(f"cannot be run again: {answer}")
        names: list[str] = answer["tasks"]
        return names

    def on_retract(self, ids: list[int]) -> None:
        """These were errors, and are made again."""
        channel = self._client.channel
        with channel.lock:
            for object_id in ids:
                self._descriptors.pop(object_id, None)
            # Somebody may be waiting who had not noticed that it was there.
            channel.post((WANT, ids))
            self._wanted.update(ids)
        channel.wake()

    def _fetch(self, object_id: int) -> Any:
        client = self._client
        client.hold(object_id)
        try:
            return client.get([object_id], None)[0]
        finally:
            client.drop(object_id)
