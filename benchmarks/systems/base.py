"""What a case may ask of a system. One small adapter per system implements it.

Rules
    * A handle is whatever the system returns for work it has accepted.
    * An adapter uses the system's plainest documented call; it neither caches results
      nor batches where its users would not.
    * What a system does not offer is left out of ``offers``; no adapter imitates it.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from enum import Enum, auto
from typing import Any, ClassVar

Handle = Any
Function = Callable[..., Any]


class Feature(Enum):
    """What a case needs and a system may offer."""

    TASKS = auto()
    """``submit`` and ``gather``."""
    REFS = auto()
    """A handle may be the argument of another task."""
    STORE = auto()
    """``put``, ``get`` and ``settle``."""
    WAIT = auto()
    """``pop_ready``."""
    NESTED = auto()
    """A task may submit tasks and wait for them."""
    ACTORS = auto()
    """``actor`` and ``call``."""
    CHUNKS = auto()
    """``map_chunked``."""
    DASHBOARD = auto()
    """``watched``: a live view of the work inside the process that submits it."""
    OVER_RAY = auto()
    """Runs on Ray, so that Ray's own API can be measured in the same process."""
    LIMITS = auto()
    """The machine itself, no system at all."""
    CORE = auto()
    """Our scheduler core alone."""


class System:
    """One system under measurement. Subclasses override what they offer."""

    name: ClassVar[str]
    module: ClassVar[str]
    """What its users import."""
    distribution: ClassVar[str]
    """What its version is looked up by."""
    offers: ClassVar[frozenset[Feature]]

    def load(self) -> None:
        """Import what a program using this system imports."""
        self.library = importlib.import_module(self.module)

    def start(self, workers: int) -> None:
        """Make it ready for ``submit``."""

    def stop(self) -> None:
        """End it and its processes."""

    def submit(self, function: Function, *args: Any) -> Handle:
        """Start one task."""
        raise NotImplementedError(f"{self.name} does not offer submit")

    def gather(self, handles: Sequence[Handle]) -> list[Any]:
        """All values, in order; blocks."""
        raise NotImplementedError(f"{self.name} does not offer gather")

    def put(self, value: Any) -> Handle:
        """Store a value."""
        raise NotImplementedError(f"{self.name} does not offer put")

    def get(self, handle: Handle) -> Any:
        """One value; blocks."""
        return self.gather([handle])[0]

    def settle(self, handles: Sequence[Handle]) -> None:
        """Block until the tasks have ended, without fetching their values."""
        raise NotImplementedError(f"{self.name} does not offer settle")

    def share(self, value: Any) -> Any:
        """What to pass to several tasks that need the same large value."""
        return self.put(value) if Feature.STORE in self.offers else value

    def pop_ready(self, handles: list[Handle]) -> list[Handle]:
        """Block until one task has ended; the handles without that one."""
        raise NotImplementedError(f"{self.name} does not offer pop_ready")

    def actor(self, cls: type) -> Any:
        """Make an instance in a process of its own."""
        raise NotImplementedError(f"{self.name} does not offer actors")

    def call(self, actor: Any, method: str) -> Handle:
        """Call a method of an actor."""
        raise NotImplementedError(f"{self.name} does not offer actors")

    def map_chunked(self, function: Function, items: Sequence[Any]) -> list[Any]:
        """A parallel map that sends many items in one message."""
        raise NotImplementedError(f"{self.name} does not offer map_chunked")

    def watched(self) -> AbstractContextManager[None]:
        """While inside, the live view is open."""
        raise NotImplementedError(f"{self.name} does not offer watched")

    @classmethod
    def inside(cls) -> AbstractContextManager[System]:
        """This system as seen from within one of its tasks."""
        raise NotImplementedError(f"{cls.name} does not offer nested tasks")

    @classmethod
    def installed(cls) -> bool:
        """Whether its module can be found."""
        return importlib.util.find_spec(cls.module) is not None
