"""Calls of the inline backend: arguments as they would be sent, and the way back.

Lives here: ``freeze`` and ``Call``. Does not: what becomes of a call (``inline_outcomes``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray_jupyter.backends.culprits import blame_argument, blame_variable
from ray_jupyter.backends.inline_store import InlineStore
from ray_jupyter.errors import SerializationError, StaleRefError
from ray_jupyter.runtime.protocol.ids import Reference
from ray_jupyter.runtime.protocol.specs import TaskTemplate
from ray_jupyter.runtime.store.serialization import deserialize, serialize


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

    def run(self, function: Callable[..., Any], store: InlineStore) -> Any:
        """Return what the function returns for these arguments."""
        given: Any = deserialize(self.payload)
        for place, object_id in self.references.items():
            given[place] = store.load([object_id])[0]
        args = [value for place, value in given.items() if isinstance(place, int)]
        kwargs = {place: value for place, value in given.items() if isinstance(place, str)}
        return function(*args, **kwargs)


def freeze(
    template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any],
    session_id: str,
) -> Call:  # fmt: skip
    """Return the call as it would be sent; check that all of it can be sent.

    Raises:
        SerializationError: something cannot be pickled.
        StaleRefError: an argument belongs to another session.
    """
    if template.registration != session_id and template.function is not None:
        try:
            serialize(template.function)
        except SerializationError as error:
            raise blame_variable(template, error) from error
        template.registration = session_id
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
        packed = serialize(given)
    except SerializationError as error:
        raise blame_argument(template, args, kwargs, error) from error
    return Call(packed.to_bytes(), references, packed.contained)
