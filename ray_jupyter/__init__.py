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
from ray_jupyter.actors import ActorClass, ActorHandle, method
from ray_jupyter.api import (
    available_resources,
    cancel,
    cluster_resources,
    get,
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
    GetTimeoutError,
    NotInitializedError,
    ObjectLostError,
    ObjectStoreFullError,
    RayActorError,
    RayError,
    RaySystemError,
    RayTaskError,
    SerializationError,
    StaleRefError,
    TaskCancelledError,
    WorkerCrashedError,
)
from ray_jupyter.refs import ObjectRef
from ray_jupyter.remote import RemoteFunction, remote

__all__ = [
    "ActorClass",
    "ActorDiedError",
    "ActorHandle",
    "GetTimeoutError",
    "NotInitializedError",
    "ObjectLostError",
    "ObjectRef",
    "ObjectStoreFullError",
    "RayActorError",
    "RayError",
    "RaySystemError",
    "RayTaskError",
    "RemoteFunction",
    "SerializationError",
    "StaleRefError",
    "TaskCancelledError",
    "WorkerCrashedError",
    "__version__",
    "actor",
    "available_resources",
    "cancel",
    "cluster_resources",
    "exceptions",
    "get",
    "init",
    "is_initialized",
    "kill",
    "method",
    "nodes",
    "put",
    "remote",
    "services",
    "shutdown",
    "timeline",
    "types",
    "util",
    "wait",
]


if _typing.TYPE_CHECKING:
    from ray_jupyter import util
else:

    def __getattr__(name):
        """Import ``ray_jupyter.util`` when it is first asked for: most programs do not need it."""
        if name == "util":
            import importlib

            return importlib.import_module("ray_jupyter.util")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), "util"})


def load_ipython_extension(shell: object) -> None:
    """Define the magics: what ``%load_ext ray_jupyter`` calls."""
    from ray_jupyter import magics

    magics.load(shell)


def unload_ipython_extension(shell: object) -> None:
    """Remove the magics and leave a running session alone."""
    from ray_jupyter import magics

    magics.unload(shell)
