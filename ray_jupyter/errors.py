"""The exception tree. Names follow ``ray.exceptions`` where Ray has one.

::

    RayError
    ├── yours:     SerializationError (also TypeError), NotInitializedError, StaleRefError
    ├── task's:    RayTaskError (cause = the user's exception), TaskCancelledError,
    │              GetTimeoutError (also TimeoutError), RuntimeEnvSetupError
    └── system's:  WorkerCrashedError, RayActorError → ActorDiedError, ActorUnavailableError,
                   PendingCallsLimitExceeded, ObjectLostError → ObjectReconstructionFailedError,
                   ObjectStoreFullError,
                   RaySystemError

The type answers whose fault it was. A message says what was expected, what came and
what to do next.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any


class RayError(Exception):
    """Base of everything this package raises on its own account."""


class NotInitializedError(RayError, RuntimeError):
    """The call needs a session and there is none."""


class SerializationError(RayError, TypeError):
    """A value, argument, result or function cannot be pickled; the message names it."""


class StaleRefError(RayError, ValueError):
    """A reference belongs to a session that has ended."""


class GetTimeoutError(RayError, TimeoutError):
    """``get`` did not have all values in time; the tasks go on."""


class TaskCancelledError(RayError):
    """The task was cancelled before it finished."""


class WorkerCrashedError(RayError):
    """The worker process died while it ran the task; the message says by what."""


class RayActorError(RayError):
    """The actor is not there."""


class ActorDiedError(RayActorError):
    """The actor's process has ended; the message says why."""


class ActorUnavailableError(RayActorError):
    """The actor's process has ended and another one is being made; the call may have run."""


class PendingCallsLimitExceeded(RayError):  # noqa: N818 - Ray's name
    """An actor has as many unfinished calls as ``max_pending_calls`` allows."""


class ActorExit(SystemExit):
    """What ``exit_actor`` raises to leave the method. ``how`` goes into the errors of others."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class ObjectLostError(RayError):
    """The value existed and is gone."""


class ObjectReconstructionFailedError(ObjectLostError):
    """The value is gone, and its task cannot make it again; the message says why."""


class RuntimeEnvSetupError(RayError):
    """A worker could not enter the environment of a task."""


class ObjectStoreFullError(RayError, MemoryError):
    """No room in the object store after spilling; the message holds a census."""


class RaySystemError(RayError):
    """The runtime itself failed: its processes ended or broke the protocol."""


class RayTaskError(RayError):
    """A task raised. ``cause`` is the user's exception.

    What ``get`` raises is an instance of ``RayTaskError`` *and* of the cause's own class
    (see ``as_instanceof_cause``), so ``except ValueError`` works across processes; ``args``
    and attributes such as ``errno`` are the cause's.

    Attributes:
        function_name: the remote function.
        traceback_str: the remote traceback with source lines.
        cause: the user's exception, or a stand-in when it cannot be pickled.
        task: one line that says task, attempt and worker.
        task_id: which task raised; 0 if that is not known.
        remote_traceback: the frames of the task, if they came along.
    """

    task_id: int = 0
    remote_traceback: types.TracebackType | None = None

    def __init__(
        self, function_name: str, traceback_str: str, cause: BaseException, task: str = ""
    ) -> None:
        Exception.__init__(self, *cause.args)
        self.function_name = function_name
        self.traceback_str = traceback_str
        self.cause = cause
        self.task = task

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_task_error, (
            self.function_name, self.traceback_str, pack_cause(self.cause), self.task
        )  # fmt: skip

    def __str__(self) -> str:
        where = f" ({self.task})" if self.task else ""
        return f"{self.function_name}{where}\n{self.traceback_str}".rstrip()

    def innermost(self) -> RayTaskError:
        """Return the error of the task that raised, if this one came through several."""
        error = self
        while isinstance(error.cause, RayTaskError):
            error = error.cause
        return error

    def where(self) -> str:
        """Return one line: the function that raised, task, attempt, worker, and who called it."""
        names = [self.function_name]
        error = self
        while isinstance(error.cause, RayTaskError):
            error = error.cause
            names.append(error.function_name)
        task = f" ({error.task})" if error.task else ""
        callers = "".join(f", called by {name}" for name in reversed(names[:-1]))
        return f"in {names[-1]}{task}{callers}"

    def as_instanceof_cause(self) -> RayTaskError:
        """Return an error that is also an instance of the cause's class.

        An error that came through several tasks has the class of the innermost cause. Some
        classes give the plain ``RayTaskError``: those that would change the flow of the
        caller (``SystemExit`` ends it, ``StopIteration`` ends its loops silently), and those
        whose ``__new__`` or layout refuses.
        """
        cls = type(self.innermost().cause)
        if not issubclass(cls, Exception) or issubclass(cls, (StopIteration, StopAsyncIteration)):
            return self
        if isinstance(self, cls):
            return self
        try:
            combined = _combined_class(cls)
            error = combined(self.function_name, self.traceback_str, self.cause, self.task)
        except Exception:  # a foreign class may refuse in any way; the cause is still attached
            return self
        error.__cause__ = self.cause
        return error


def pack_cause(cause: BaseException) -> Any:
    """Return what to pickle for ``cause``: itself, or (class, args, attributes).

    By default exceptions are rebuilt with ``cls(*args)``, which fails for every class whose
    constructor takes other arguments than it hands to ``Exception``.
    """
    cls = type(cause)
    by_default = cls.__reduce__ is BaseException.__reduce__ and "__reduce_ex__" not in vars(cls)
    if by_default and isinstance(cls.__init__, types.FunctionType):
        return cls, cause.args, vars(cause)
    return cause


def _rebuild_task_error(
    function_name: str, traceback_str: str, packed: Any, task: str
) -> RayTaskError:
    cause = unpack_cause(packed)
    return RayTaskError(function_name, traceback_str, cause, task).as_instanceof_cause()


def unpack_cause(packed: Any) -> BaseException:
    """Return the exception of ``pack_cause``."""
    if not isinstance(packed, tuple):
        return packed  # type: ignore[no-any-return]
    cls, args, attributes = packed
    cause: BaseException = cls.__new__(cls, *args)
    cause.args = args
    cause.__dict__.update(attributes)
    return cause


_combined: dict[type[Exception], type[RayTaskError]] = {}


def _combined_class(cls: type[Exception]) -> type[RayTaskError]:
    """Return the class that is both ``RayTaskError`` and ``cls``.

    Raises:
        TypeError: ``cls`` cannot be combined.
    """
    found = _combined.get(cls)
    if found is None:
        members: dict[str, Any] = {
            "__module__": __name__,
            "__init__": RayTaskError.__init__,
            "__str__": RayTaskError.__str__,
            "__reduce__": RayTaskError.__reduce__,
            "__getattr__": _attribute_of_cause,
        }
        # Fields in C (``errno``, ``start``) and ``__slots__`` exist in the combined object as
        # well, but empty: read the cause's.
        for base in cls.__mro__[: cls.__mro__.index(Exception)]:
            for name, member in vars(base).items():
                if type(member) in _FIELDS and not name.startswith("__"):
                    members.setdefault(name, property(_reader_of(name)))
        found = type(f"RayTaskError({cls.__name__})", (RayTaskError, cls), members)
        _combined[cls] = found
    return found


_FIELDS = (types.MemberDescriptorType, types.GetSetDescriptorType)


def _attribute_of_cause(self: RayTaskError, name: str) -> Any:
    """Read what ``self`` has not from the cause: ``response``, ``code`` and the like."""
    if name == "cause" or (name.startswith("__") and name.endswith("__")):
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
    return getattr(self.cause, name)


def _reader_of(name: str) -> Callable[[RayTaskError], Any]:
    return lambda self: getattr(self.cause, name)


class LargeArgumentWarning(UserWarning):
    """A large argument, or a large variable that a function uses, was put into the object store."""
