"""``ray.exceptions``: every error of this package under Ray's module name.

What this package raises is in ``errors``. Ray's further errors are classes here, too, each
with the reason why it is never raised: an ``except`` clause of a program for Ray may name
them. Names that no such clause needs say where to look instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray_jupyter.errors import (
    ActorDiedError,
    ActorUnavailableError,
    GetTimeoutError,
    LargeArgumentWarning,
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

__all__ = [
    "ActorDiedError",
    "ActorUnavailableError",
    "ActorUnschedulableError",
    "AsyncioActorExit",
    "CrossLanguageError",
    "GetTimeoutError",
    "LargeArgumentWarning",
    "LocalRayletDiedError",
    "NodeDiedError",
    "NotInitializedError",
    "ObjectFetchTimedOutError",
    "ObjectFreedError",
    "ObjectLostError",
    "ObjectReconstructionFailedError",
    "ObjectStoreFullError",
    "OutOfDiskError",
    "OutOfMemoryError",
    "OwnerDiedError",
    "PendingCallsLimitExceeded",
    "RayActorError",
    "RayError",
    "RaySystemError",
    "RayTaskError",
    "ReferenceCountingAssertionError",
    "RuntimeEnvSetupError",
    "SerializationError",
    "StaleRefError",
    "TaskCancelledError",
    "TaskUnschedulableError",
    "UserCodeException",
    "WorkerCrashedError",
]


class ActorUnschedulableError(RayError):
    """Ray: no node may run the actor. Never raised: what cannot run is a ``ValueError``."""


class AsyncioActorExit(RayError):  # noqa: N818 - Ray's name
    """Ray's inner signal that ends an async actor. Never raised."""


class CrossLanguageError(RayError):
    """Ray: a task in Java or C++ failed. Never raised: all tasks are Python."""


class LocalRayletDiedError(RayError):
    """Ray: the node's daemon died. Never raised: that is a ``RaySystemError``."""


class NodeDiedError(RayError):
    """Ray: a machine is gone. Never raised: there is one machine."""


class ObjectFetchTimedOutError(ObjectLostError):
    """Ray: another node did not send an object. Never raised: there is one machine."""


class ObjectFreedError(ObjectLostError):
    """Ray: an object was freed by hand. Never raised: objects go with their last ref."""


class OutOfDiskError(RayError):
    """Ray: no disk for spilling. Never raised: that is an ``ObjectStoreFullError``."""


class OutOfMemoryError(RayError):
    """Ray's monitor ended a worker. Never raised: one that dies is a ``WorkerCrashedError``."""


class OwnerDiedError(ObjectLostError):
    """Ray: an object went with the worker that made it. Never raised: objects outlive it."""


class ReferenceCountingAssertionError(ObjectLostError, AssertionError):
    """Ray: an object was deleted too early. Never raised: an ``ObjectLostError`` would be."""


class TaskUnschedulableError(RayError):
    """Ray: no node may run the task. Never raised: what cannot run is a ``ValueError``."""


class UserCodeException(RayError):  # noqa: N818 - Ray's name
    """Ray's inner base of errors in user code. Never raised: that is a ``RayTaskError``."""


_NEAREST = {
    "ActorAlreadyExistsError": "ValueError",
    "ActorHandleNotFoundError": "ValueError",
    "ActorPlacementGroupRemoved": "nothing: there are no placement groups",
    "AuthenticationError": "nothing: no network is used",
    "ObjectRefStreamEndOfStreamError": "StopIteration",
    "OufOfBandObjectRefSerializationException": "nothing: such refs keep their object",
    "PlasmaObjectNotAvailable": "ObjectLostError",
    "RayCgraphCapacityExceeded": "nothing: there are no compiled graphs",
    "RayChannelError": "nothing: there are no compiled graphs",
    "RayChannelTimeoutError": "nothing: there are no compiled graphs",
    "RayDirectTransportError": "nothing: there is no direct transport",
    "RpcError": "RaySystemError",
    "StreamingGeneratorReplayInconsistentError": "RaySystemError",
    "TaskPlacementGroupRemoved": "nothing: there are no placement groups",
    "UnserializableException": "SerializationError",
}


if not TYPE_CHECKING:

    def __getattr__(name):
        """Say what is nearest to a name that only Ray has."""
        text = f"module {__name__!r} has no attribute {name!r}"
        if name in _NEAREST:
            text += f": it is Ray's, and not raised by ray_jupyter; the nearest is {_NEAREST[name]}"
        raise AttributeError(text)
