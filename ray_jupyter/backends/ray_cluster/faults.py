"""Ray's errors as ours: the user's own exception whole, everything else by its kind."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from ray import cloudpickle
from ray import exceptions as ray_errors

from ray_jupyter import errors
from ray_jupyter.backends.ray_cluster.shell import TaskFailure
from ray_jupyter.backends.ray_cluster.watching import UNREACHED, Watch
from ray_jupyter.runtime.client.failed import FailedCall
from ray_jupyter.runtime.client.task_errors import load_task_error
from ray_jupyter.runtime.store.serialization import deserialize

P = ParamSpec("P")
T = TypeVar("T")

_KINDS: list[tuple[type[BaseException], type[errors.RayError]]] = [
    (ray_errors.GetTimeoutError, errors.GetTimeoutError),
    (ray_errors.TaskCancelledError, errors.TaskCancelledError),
    (ray_errors.ActorUnavailableError, errors.ActorUnavailableError),
    (ray_errors.RayActorError, errors.ActorDiedError),
    (ray_errors.WorkerCrashedError, errors.WorkerCrashedError),
    (ray_errors.NodeDiedError, errors.WorkerCrashedError),
    (ray_errors.OutOfMemoryError, errors.WorkerCrashedError),
    (ray_errors.LocalRayletDiedError, errors.WorkerCrashedError),
    (ray_errors.ObjectStoreFullError, errors.ObjectStoreFullError),
    (ray_errors.OutOfDiskError, errors.ObjectStoreFullError),
    (ray_errors.ObjectReconstructionFailedError, errors.ObjectReconstructionFailedError),
    (ray_errors.ObjectLostError, errors.ObjectLostError),
    (ray_errors.RuntimeEnvSetupError, errors.RuntimeEnvSetupError),
    (ray_errors.PendingCallsLimitExceeded, errors.PendingCallsLimitExceeded),
]


_NAME = re.compile(r"ray::(.*?)\(\)")
"""How Ray names a task in what it says of its failure."""


class HasWatch(Protocol):
    """A part of the backend."""

    _watch: Watch


S = TypeVar("S", bound=HasWatch)


def asks(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Make a method of the backend check that the cluster is there, and raise errors of ours."""

    @functools.wraps(method)
    def asking(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        self._watch.check()
        try:
            return method(self, *args, **kwargs)
        except (*UNREACHED, ray_errors.RayError) as error:
            raise translated(self._watch.told(error)) from None

    return asking


def translated(error: BaseException) -> BaseException:
    """Return our error for one of Ray's; another one as it is."""
    if isinstance(error, ray_errors.RayTaskError):
        return _of_task(error)
    if isinstance(error, ray_errors.RayActorError):
        return _of_actor(error)
    for kind, ours in _KINDS:
        if isinstance(error, kind):
            return ours(_text(error))
    if isinstance(error, ray_errors.RayError):
        return errors.RaySystemError(f"{type(error).__name__}: {_text(error)}")
    return error


def _of_task(error: Any) -> BaseException:
    cause: Any = error
    while isinstance(cause, ray_errors.RayTaskError):
        error, cause = cause, cause.cause
    if isinstance(cause, TaskFailure):
        return load_task_error(cause.data)
    if isinstance(cause, ray_errors.RayError):
        return translated(cause)
    named = _NAME.search(str(error))
    name = named[1] if named else "the task"
    if "failed to import" in str(cause):
        return errors.RaySystemError(f"{name}: {cause}")
    # Nothing else leaves our shell: Ray could not store what the function returned.
    told = errors.SerializationError(f"the result of {name}() cannot be pickled: {cause}")
    return errors.RayTaskError(name, f"{type(told).__name__}: {told}", told).as_instanceof_cause()


def failed_call(ref: Any, watch: Watch) -> FailedCall:
    """Return the call that failed with the error behind Ray's reference.

    Raises:
        LookupError: it did not fail in the user's code, or is not kept; says why.
    """
    try:
        watch.get(ref, None)
    except ray_errors.RayTaskError as error:
        cause: Any = error
        while isinstance(cause, ray_errors.RayTaskError):
            cause = cause.cause
        call = cause.call if isinstance(cause, TaskFailure) else "it did not fail in its own code"
    except ray_errors.RayError as error:
        call = f"it did not fail in its own code: {type(error).__name__}"
    else:
        call = "it has not failed"
    if isinstance(call, str):
        raise LookupError(f"cannot be run again: {call}")
    sealed, packed = deserialize(call)
    args, kwargs = deserialize(packed)
    function = cloudpickle.loads(sealed)
    name = load_task_error(cause.data).function_name
    return FailedCall(name, function, tuple(args), kwargs, 1, ())


def _of_actor(error: Any) -> BaseException:
    kind = (
        errors.ActorUnavailableError
        if isinstance(error, ray_errors.ActorUnavailableError)
        else errors.ActorDiedError
    )
    cause = error.args[0] if error.args else None
    if isinstance(cause, ray_errors.RayTaskError):  # its constructor failed
        first = _of_task(cause)
        made = kind(f"its constructor failed\n{first}")
        made.__cause__ = first
        return made
    return kind(_text(error))


def _text(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__
