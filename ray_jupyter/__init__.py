"""Parallel Python for notebooks and scripts: Ray's API on a small, fast local runtime.

::

    import ray_jupyter as ray

    @ray.remote
    def square(x):
        return x * x

    print(ray.get([square.remote(i) for i in range(10)]))
"""

from __future__ import annotations

import typing as _typing

from ray_jupyter import actor, exceptions, services, types
from ray_jupyter._version import __version__
from ray_jupyter.actors import ActorClass, ActorHandle, get_actor, method
from ray_jupyter.api import (
    available_resources,
    cancel,
    cluster_resources,
    get,
    get_gpu_ids,
    init,
    is_initialized,
    kill,
    nodes,
    put,
    shutdown,
    timeline,
    wait,
)
from ray_jupyter.errors import (
    ActorDiedError,
    ActorUnavailableError,
    GetTimeoutError,
    NotInitializedError,
    ObjectLostError,
    ObjectReconstructionFailedError,
    ObjectStoreFullError,
    PendingCallsLimitExceeded,
    RayActorError,
    RayError,
    RaySystemError,
    RayTaskError,
    RuntimeEnvSetupError,
    SerializationError,
    StaleRefError,
    TaskCancelledError,
    WorkerCrashedError,
)
from ray_jupyter.generators import DynamicObjectRefGenerator, ObjectRefGenerator
from ray_jupyter.modes import PYTHON_MODE, SCRIPT_MODE, SHELL_MODE, SILENT_MODE, WORKER_MODE
from ray_jupyter.refs import ObjectRef
from ray_jupyter.remote import RemoteFunction, remote
from ray_jupyter.runtime_context import get_runtime_context
from ray_jupyter.services import kill_workers

__all__ = [
    "PYTHON_MODE",
    "SCRIPT_MODE",
    "SHELL_MODE",
    "SILENT_MODE",
    "WORKER_MODE",
    "ActorClass",
    "ActorDiedError",
    "ActorHandle",
    "ActorUnavailableError",
    "Dashboard",
    "DynamicObjectRefGenerator",
    "GetTimeoutError",
    "NotInitializedError",
    "ObjectLostError",
    "ObjectReconstructionFailedError",
    "ObjectRef",
    "ObjectRefGenerator",
    "ObjectStoreFullError",
    "PendingCallsLimitExceeded",
    "RayActorError",
    "RayError",
    "RaySystemError",
    "RayTaskError",
    "RemoteFunction",
    "Reusable",
    "RuntimeEnvSetupError",
    "SerializationError",
    "StaleRefError",
    "TaskCancelledError",
    "WorkerCrashedError",
    "__version__",
    "actor",
    "array",
    "available_resources",
    "cancel",
    "cluster_resources",
    "disconnect",
    "exceptions",
    "get",
    "get_actor",
    "get_gpu_ids",
    "get_runtime_context",
    "init",
    "is_initialized",
    "kill",
    "kill_workers",
    "method",
    "nodes",
    "put",
    "register_class",
    "remote",
    "reusables",
    "scheduler_info",
    "select",
    "services",
    "shutdown",
    "task_info",
    "timeline",
    "types",
    "util",
    "visualize_computation_graph",
    "wait",
]


_LAZY = {  # name -> the module it comes from: not every program needs these
    "Dashboard": "dashboard",
    "Reusable": "compat2016.reusables",
    "array": "array",
    "disconnect": "compat2016.calls",
    "register_class": "compat2016.calls",
    "reusables": "compat2016.reusables",
    "scheduler_info": "compat2016.info",
    "select": "compat2016.calls",
    "task_info": "compat2016.info",
    "util": "util",
    "visualize_computation_graph": "compat2016.graph",
}


if _typing.TYPE_CHECKING:
    from ray_jupyter import array, util
    from ray_jupyter.compat2016.calls import disconnect, register_class, select
    from ray_jupyter.compat2016.graph import visualize_computation_graph
    from ray_jupyter.compat2016.info import scheduler_info, task_info
    from ray_jupyter.compat2016.reusables import Reusable, reusables
    from ray_jupyter.dashboard.widget import Dashboard
else:

    def __getattr__(name):
        """Import what is first asked for."""
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        module = importlib.import_module(f"{__name__}.{_LAZY[name]}")
        value = globals()[name] = module if _LAZY[name] == name else getattr(module, name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


def load_ipython_extension(shell: object) -> None:
    """Define the magics: what ``%load_ext ray_jupyter`` calls."""
    from ray_jupyter import magics

    magics.load(shell)


def unload_ipython_extension(shell: object) -> None:
    """Remove the magics and leave a running session alone."""
    from ray_jupyter import magics

    magics.unload(shell)
