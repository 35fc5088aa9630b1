"""Calls of the inline backend: their arguments, and what becomes of results and exceptions.

Pure: nothing here runs a call or stores anything.
"""

from __future__ import annotations

import traceback
from typing import Any

from ray_jupyter.backends.culprits import blame_argument
from ray_jupyter.backends.inline_store import Value
from ray_jupyter.errors import RayTaskError, SerializationError, StaleRefError
from ray_jupyter.runtime.protocol.ids import Reference
from ray_jupyter.runtime.protocol.specs import TaskTemplate
from ray_jupyter.runtime.store.serialization import Serialized, deserialize, serialize


class Call:
    """The frozen arguments of a call: references by id, the rest pickled."""

    __slots__ = ("held", "payload", "references")

    def __init__(
        self, payload: bytes, references: dict[int | str, int], held: tuple[int, ...]
    ) -> None:
        self.payload = payload
        self.references = references
        self.held = held

    @property
    def arguments(self) -> tuple[int, ...]:
        """The ids of all objects that the call takes."""
        return (*self.references.values(), *self.held)


def freeze(
    template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any], session_id: str
) -> Call:
    """Return a call as it would be sent.

    Raises:
        SerializationError: an argument cannot be pickled; says which.
        StaleRefError: one belongs to another session.
    """
    references: dict[int | str, int] = {}
    given: dict[int | str, Any] = dict(enumerate(args))
    given.update(kwargs)
    for place, value in given.items():
        if isinstance(value, Reference):
            if value.session_id != session_id:
                raise StaleRefError(
                    f"argument {place!r} of {template.name}(): {value!r} belongs to another "
                    "session; run the code that made it again"
                )
            references[place] = value.id
            given[place] = None
    try:
        serialized = serialize(given)
    except SerializationError as error:
        raise blame_argument(template, args, kwargs, error) from error
    return Call(serialized.to_bytes(), references, serialized.contained)


def check_feasible(template: TaskTemplate, total: dict[str, float]) -> None:
    """Check that a task asks for no more than there is.

    Raises:
        ValueError: it does.
    """
    for name, amount in template.resources.items():
        if amount > total.get(name, 0.0):
            raise ValueError(
                f"{template.name} asks for {amount:g} of {name!r} and the session has "
                f"{total.get(name, 0.0):g}: it could never run; give init() more"
            )


def results(template: TaskTemplate, result: Any) -> list[Any]:
    """Return the values that a call makes of what its function returned.

    Raises:
        ValueError: not as many as ``num_returns`` says.
    """
    if template.num_returns <= 1:
        return [result][: template.num_returns]
    try:
        values = [result] if isinstance(result, (str, bytes, dict)) else list(result)
    except TypeError:
        values = [result]
    if len(values) != template.num_returns:
        raise ValueError(
            f"{template.name}() has num_returns={template.num_returns} and returned {len(values)} "
            f"value{'s' if len(values) != 1 else ''}"
        )
    return values


def is_retried(template: TaskTemplate, failure: BaseException, attempt: int) -> bool:
    """Return whether a failed attempt is to be followed by another."""
    retried = template.retry_exceptions
    if template.max_retries != -1 and attempt >= template.max_retries:
        return False
    if isinstance(retried, bool):
        return retried and isinstance(failure, Exception)
    return isinstance(failure, retried)


def text_of(error: BaseException) -> str:
    """Return what an error says, without its traceback."""
    return "".join(traceback.format_exception_only(type(error), error)).strip()


def text_of_value(value: Value) -> str:
    """Return what the error says that is stored as ``value``."""
    error: Any = deserialize(value.payload)
    return text_of(error.cause if isinstance(error, RayTaskError) else error)


def pickled_error(
    name: str, failure: BaseException, where: str, callers: tuple[str, ...]
) -> Serialized:
    """Return the ``RayTaskError`` for ``failure``; a stand-in for what does not travel.

    Frames of the modules ``callers`` above the user's are left out.
    """
    trace = failure.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__") in callers:
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(failure), failure, trace))
    try:
        pickled = serialize(RayTaskError(name, text, failure, where))
        deserialize(pickled.to_bytes())
    except Exception as problem:  # whatever a foreign class's pickling raises
        stand_in = RuntimeError(
            f"{type(failure).__qualname__}: {failure} (the exception itself cannot be pickled: "
            f"{problem})"
        )
        pickled = serialize(RayTaskError(name, text, stand_in, where))
    return pickled
