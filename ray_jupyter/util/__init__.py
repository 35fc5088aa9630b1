"""What Ray keeps in ``ray.util``: pools, a queue, executors, results as they come, state.

``queue``, ``multiprocessing``, ``joblib`` and ``state`` are modules with Ray's names; they are imported
when they are asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ray_jupyter.actors import list_named_actors
from ray_jupyter.util.actor_pool import ActorPool
from ray_jupyter.util.check_serialize import inspect_serializability
from ray_jupyter.util.completion import as_completed, map_unordered
from ray_jupyter.util.completion import map as map  # noqa: A004 - the builtin's parallel twin

# Without ``map``: a star import must not replace the builtin.
__all__ = [
    "ActorPool",
    "Executor",
    "as_completed",
    "executor",
    "inspect_serializability",
    "joblib",
    "list_named_actors",
    "map_unordered",
    "multiprocessing",
    "queue",
    "state",
]

_MODULES = {"executor", "joblib", "multiprocessing", "queue", "state"}
_NEAREST = {
    "accelerators": "num_gpus= and resources=",
    "collective": "actors that pass arrays as refs",
    "connect": "init()",
    "deregister_serializer": "__reduce__ of the class",
    "disable_log_once_globally": "the module logging",
    "disconnect": "shutdown()",
    "enable_periodic_logging": "the module logging",
    "get_current_placement_group": "num_cpus= and resources=: there is one machine",
    "get_node_instance_id": "nodes()",
    "get_node_ip_address": "nodes()",
    "get_placement_group": "num_cpus= and resources=: there is one machine",
    "iter": "util.map",
    "log_once": "the module logging",
    "pdb": "init(mode='inline') and breakpoint()",
    "placement_group": "num_cpus= and resources=: there is one machine",
    "placement_group_table": "num_cpus= and resources=: there is one machine",
    "ray_debugpy": "init(mode='inline') and breakpoint()",
    "register_serializer": "__reduce__ of the class",
    "remove_placement_group": "num_cpus= and resources=: there is one machine",
}
"""What else Ray keeps here, and what to use instead."""

if TYPE_CHECKING:
    from ray_jupyter.util import executor, joblib, multiprocessing, queue, state
    from ray_jupyter.util.executor import Executor
else:

    def __getattr__(name):
        """Import what is asked for the first time."""
        if name == "Executor":
            from ray_jupyter.util.executor import Executor

            return Executor
        if name in _MODULES:
            return importlib.import_module(f"{__name__}.{name}")
        text = f"module {__name__!r} has no attribute {name!r}"
        if name in _NEAREST:
            text += f": it is Ray's, and not supported by ray_jupyter; use {_NEAREST[name]}"
        raise AttributeError(text)


def __dir__() -> list[str]:
    return [*__all__, "map"]
