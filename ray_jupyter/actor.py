"""``ray.actor``: what actors are made of, under Ray's module name."""

from __future__ import annotations

from ray_jupyter.actors import (
    ActorClass,
    ActorHandle,
    ActorMethod,
    exit_actor,
    method,
)

__all__ = [
    "ActorClass",
    "ActorHandle",
    "ActorMethod",
    "exit_actor",
    "method",
]
