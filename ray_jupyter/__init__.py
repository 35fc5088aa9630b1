"""Parallel Python for notebooks and scripts: Ray's API on a small, fast local runtime.

::

    import ray_jupyter as ray

    @ray.remote
    def square(x):
        return x * x

    print(ray.get([square.remote(i) for i in range(10)]))
"""

from __future__ import annotations

from ray_jupyter import errors as exceptions
from ray_jupyter import services
from ray_jupyter._version import __version__
from ray_jupyter.actors import ActorClass, ActorHandle, method
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
    GetTimeoutError,
    NotInitializedError,
    ObjectLostError,
    ObjectReconstructionFailedError,
    ObjectStoreFullError,
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
from ray_jupyter.refs import ObjectRef
from ray_jupyter.remote import RemoteFunction, remote

__all__ = [
    "ActorClass",
    "ActorDiedError",
    "ActorHandle",
    "GetTimeoutError",
    "NotInitializedError",
    "ObjectLostError",
    "ObjectReconstructionFailedError",
    "ObjectRef",
    "ObjectStoreFullError",
    "RayActorError",
    "RayError",
    "RaySystemError",
    "RayTaskError",
    "RemoteFunction",
    "RuntimeEnvSetupError",
    "SerializationError",
    "StaleRefError",
    "TaskCancelledError",
    "WorkerCrashedError",
    "__version__",
    "available_resources",
    "cancel",
    "cluster_resources",
    "exceptions",
    "get",
    "get_gpu_ids",
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
    "wait",
]


def load_ipython_extension(shell: object) -> None:
    """Define the magics: what ``%load_ext ray_jupyter`` calls."""
    from ray_jupyter import magics

    magics.load(shell)


def unload_ipython_extension(shell: object) -> None:
    """Remove the magics and leave a running session alone."""
    from ray_jupyter import magics

    magics.unload(shell)
