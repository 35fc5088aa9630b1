"""What becomes of a call of the inline backend: results, another attempt, an error.

Lives here: functions of what was returned or raised. Does not: running and storing.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import Any

from ray_jupyter.errors import RayTaskError
from ray_jupyter.runtime.client.printing import unseen_text
from ray_jupyter.runtime.client.task_errors import dump_task_error, load_task_error
from ray_jupyter.runtime.protocol.messages import AFTER
from ray_jupyter.runtime.protocol.specs import TaskTemplate, taken_apart
from ray_jupyter.runtime.store.serialization import Serialized, deserialize, serialize


def finished(template: TaskTemplate, result: Any) -> Any:
    """Return what becomes of what the function returned (see ``messages.AFTER``)."""
    if AFTER not in template.extras:
        return result
    module, _, after = template.extras[AFTER].partition(":")
    return getattr(importlib.import_module(module), after)(result)


def results(template: TaskTemplate, result: Any) -> list[Any]:
    """Return the values that a call makes of what its function returned.

    Raises:
        ValueError: not as many as ``num_returns`` says.
    """
    if template.num_returns <= 1:
        return [result][: template.num_returns]
    return taken_apart(template.name, template.num_returns, result)


def is_retried(template: TaskTemplate, failure: BaseException, attempt: int) -> bool:
    """Return whether the call is made again after it raised ``failure``."""
    retried = template.retry_exceptions
    if template.max_retries != -1 and attempt >= template.max_retries:
        return False
    if isinstance(retried, bool):
        return retried and isinstance(failure, Exception)
    return isinstance(failure, retried)


def text_of(error: BaseException) -> str:
    """Return what an error says, without its traceback."""
    return "".join(traceback.format_exception_only(type(error), error)).strip()


def text_of_payload(payload: bytes) -> str:
    """Return what the error says whose pickle this is."""
    error: Any = deserialize(payload)
    return text_of(error.cause if isinstance(error, RayTaskError) else error)


def complain(payload: bytes) -> None:
    """Print an error that nobody asked for, if a task raised it."""
    error: Any = deserialize(payload)
    if isinstance(error, RayTaskError):
        sys.stderr.write(unseen_text(error.function_name, text_of(error.cause)))


def pickled_error(name: str, failure: BaseException, where: str) -> Serialized:
    """Return the ``RayTaskError`` for ``failure``; a stand-in for what does not travel."""
    return serialize(_Packed(dump_task_error(name, where, failure)))


class _Packed:
    """Becomes the error when it is unpickled."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __reduce__(self) -> tuple[Any, ...]:
        return load_task_error, (self._data,)
