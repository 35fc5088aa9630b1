"""The actors of the inline backend: instances in this process, by id and by name.

Lives here: what becomes of an actor. Does not: running its calls (``inline``). A call of an
``async def`` method runs to its end where it is made, on an event loop of its own; what it
started besides is cancelled then.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ray_jupyter.backends import inline_loops
from ray_jupyter.backends.inline_place import Place
from ray_jupyter.runtime.processes.own_methods import method_of

if TYPE_CHECKING:
    from ray_jupyter.runtime.protocol.specs import TaskTemplate


class InlineActor:
    """One actor, alive or dead.

    Attributes:
        make: makes the instance, now or again.
        kept: references that a restart needs, and that of a detached actor to itself.
        death: why it is dead; empty while it lives.
        place: where it runs, once it has one.
    """

    def __init__(self, actor_id: int, template: TaskTemplate, make: Callable[[], Any]) -> None:
        self.id = actor_id
        self.template = template
        self.make = make
        self.kept: list[int] = []
        self.death = ""
        self.place = Place("")
        self.restarts = 0
        self.instance: Any = None

    @property
    def options(self) -> Mapping[str, Any]:
        """The extras of its template."""
        return self.template.extras

    @property
    def key(self) -> tuple[str, str] | None:
        """Namespace and name, if it has one."""
        name = self.options.get("name")
        return None if name is None else (self.options["namespace"], name)

    @property
    def restarts_left(self) -> bool:
        """Whether it may be killed and live on."""
        limit: int = self.options.get("max_restarts", 0)
        return limit < 0 or self.restarts < limit

    def method(self, name: str) -> Callable[..., Any]:
        """Return what a call of this method does."""
        function = method_of(self.instance, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            value = function(*args, **kwargs)
            return inline_loops.run(value) if self.options.get("is_async") else value

        return call

    def close(self, *, graceful: bool) -> None:
        """The instance goes; what it does last is done if ``graceful``."""
        shutdown = getattr(self.instance, "__ray_shutdown__", None)
        if graceful and callable(shutdown):
            try:
                shutdown()
            except Exception:  # nobody waits for it: the reason is for the terminal
                traceback.print_exc()
        self.instance = None


class Running(NamedTuple):
    """What ``RUNNING`` says while a call runs."""

    task_id: int
    template: TaskTemplate
    actor: InlineActor | None


class InlineActors:
    """All actors of a session.

    Args:
        drop: gives up one reference.
        release: gives back a place.
    """

    def __init__(self, drop: Callable[[int], object], release: Callable[[Place], object]) -> None:
        self.by_id: dict[int, InlineActor] = {}
        self.by_name: dict[tuple[str, str], InlineActor] = {}
        self._drop = drop
        self._release = release

    def add(self, actor: InlineActor) -> None:
        """An actor was made; its name is its own from now on."""
        self.by_id[actor.id] = actor
        if actor.key is not None:
            self.by_name[actor.key] = actor

    def end(self, actor: InlineActor, death: str, *, graceful: bool) -> None:
        """An actor dies for good."""
        actor.death = death
        if actor.key is not None and self.by_name.get(actor.key) is actor:
            del self.by_name[actor.key]
        actor.close(graceful=graceful)
        self._release(actor.place)
        for object_id in actor.kept:
            self._drop(object_id)
        actor.kept = []

    def forget(self, actor_id: int) -> None:
        """The last handle of an actor, if that is one, is gone."""
        actor = self.by_id.pop(actor_id, None)
        if actor is not None and not actor.death:
            self.end(actor, "no handle to it was left", graceful=True)

    def clear(self) -> None:
        """The session ends."""
        for actor in [*self.by_id.values()]:
            actor.close(graceful=False)
        self.by_id.clear()
        self.by_name.clear()
