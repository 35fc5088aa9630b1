"""What Ray keeps in ``ray.util``: pools, a queue, executors, results as they come.

``queue``, ``multiprocessing`` and ``joblib`` are modules with Ray's names; they are imported
when they are asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ray_jupyter.util.actor_pool import ActorPool
from ray_jupyter.util.check_serialize import inspect_serializability
from ray_jupyter.util.completion import (
    as_completed,
    map,  # noqa: A004 - it is the builtin's parallel twin
    map_unordered,
)

__all__ = [
    "ActorPool",
    "Executor",
    "as_completed",
    "executor",
    "inspect_serializability",
    "joblib",
    "map",
    "map_unordered",
    "multiprocessing",
    "queue",
]

_MODULES = {"executor", "joblib", "multiprocessing", "queue"}

if TYPE_CHECKING:
    from ray_jupyter.util import executor, joblib, multiprocessing, queue
    from ray_jupyter.util.executor import Executor
else:

    def __getattr__(name):
        """Import what is asked for the first time."""
        if name == "Executor":
            from ray_jupyter.util.executor import Executor

            return Executor
        if name in _MODULES:
            return importlib.import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
