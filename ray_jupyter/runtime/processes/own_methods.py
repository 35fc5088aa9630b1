"""Methods that every actor has, whatever its class."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ray_jupyter.errors import ActorExit

TERMINATE = "__ray_terminate__"


def method_of(actor: Any, name: str) -> Callable[..., Any]:
    """Return the bound method of this name, the actor's own or one of ours."""
    ours = _OURS.get(name)
    if ours is None or hasattr(type(actor), name):
        method: Callable[..., Any] = getattr(actor, name)
        return method
    return functools.partial(ours, actor)


def _terminate(actor: Any) -> None:
    raise ActorExit("ended, as __ray_terminate__ asked")


def _ready(actor: Any) -> bool:
    return True


def _call(actor: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(actor, *args, **kwargs)


_OURS: dict[str, Callable[..., Any]] = {
    TERMINATE: _terminate, "__ray_ready__": _ready, "__ray_call__": _call,
}  # fmt: skip
