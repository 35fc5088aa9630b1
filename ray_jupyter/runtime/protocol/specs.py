"""What a remote function tells a backend about all of its calls.

A call is a template, arguments and an id. Everything that does not change between
calls (the function, its options) lives in the template, is registered once, and is
named by an int afterwards: a call then costs five fields on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

RESOURCE_UNITS = 10_000
"""Resources are counted in ten-thousandths, so that 0.1 + 0.2 CPU is exactly 0.3."""

NODE_ID = "node_id"
"""The extra that names the only node where a call may run; checked at the call."""
STRATEGY, SPREAD = "scheduling_strategy", "SPREAD"
"""The extra that says where a call should rather run: ``SPREAD`` over all nodes, or on the node of
this id; means something where there are several."""


STREAMS = -1
"""As ``num_returns``: as many as the function yields."""


class CallContext(NamedTuple):
    """What a call can know of itself; in the driver only ``worker_id`` is set.

    Attributes:
        worker_id: the process; 0 is the driver.
        task_id: the call; 0 where none runs.
        name: of the task, as people see it.
        function: what is called, with its module.
        resources: units by name that it may use; of a method, those of its actor.
        actor_id: whose method it is; 0 if it is none.
        instance: the actor itself.
        options: extras of the actor's template.
        cancelled: whether somebody has asked that it end.
    """

    worker_id: int = 0
    task_id: int = 0
    name: str = ""
    function: str = ""
    resources: tuple[tuple[str, int], ...] = ()
    actor_id: int = 0
    instance: Any = None
    options: Mapping[str, Any] = {}
    cancelled: bool = False


def full_name(function: Any) -> str:
    """Return a function's name with its module."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '')}.{name}".lstrip(".")


def taken_apart(name: str, num_returns: int, value: Any) -> list[Any]:
    """Return the results of a task that has several, of what its function returned.

    Of a generator this runs the user's code.

    Raises:
        ValueError: not as many as ``num_returns`` says.
    """
    try:
        items = iter(value)
    except TypeError:
        items = iter([value])
    values = list(items)
    if len(values) != num_returns:
        raise ValueError(
            f"{name} has num_returns={num_returns}, so it must return {num_returns} values; "
            f"it returned {len(values)} ({type(value).__name__})"
        )
    return values


class TaskTemplate:
    """One remote function (or actor class, or actor method) with one set of options.

    Attributes:
        function: what is called in the worker; ``None`` for an actor method.
        name: what people see in errors, timelines and the dashboard.
        num_returns: how many objects a call makes; 0 makes none; or ``STREAMS``.
        resources: amounts by name (``"CPU"``, ``"GPU"``, custom), in units (1.0 = one CPU).
        max_retries: how often a call is repeated after its worker died; -1 is for ever.
        retry_exceptions: exceptions of the function that are repeated as well.
        method: the method's name if this is an actor method.
        extras: options that few templates have, by name; plain hashable values.
        registration: what the backend knows this template by; ``None`` until its first
            call, and again after ``function`` may have changed (see ``remote.refresh``).
    """

    __slots__ = (
        "__weakref__", "extras", "function", "max_retries", "method", "name", "num_returns",
        "registration", "resources", "retry_exceptions",
    )  # fmt: skip

    def __init__(
        self,
        function: Callable[..., Any] | None,
        *,
        name: str,
        num_returns: int = 1,
        resources: Mapping[str, float] | None = None,
        max_retries: int = 3,
        retry_exceptions: bool | tuple[type[BaseException], ...] = False,
        method: str | None = None,
        extras: Mapping[str, Any] | None = None,
    ) -> None:
        self.function = function
        self.name = name
        self.num_returns = num_returns
        self.resources = {"CPU": 1.0} if resources is None else dict(resources)
        self.max_retries = max_retries
        self.retry_exceptions = retry_exceptions
        self.method = method
        self.extras = extras or {}
        self.registration: object | None = None

    @property
    def num_objects(self) -> int:
        """How many objects a call makes by itself; of a stream it is the completion."""
        return 1 if self.num_returns == STREAMS else self.num_returns

    def __repr__(self) -> str:
        return f"<TaskTemplate {self.name} num_returns={self.num_returns} {self.resources}>"
