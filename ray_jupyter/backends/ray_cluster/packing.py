"""Calls on their way to Ray: one packed argument, then the references it depends on.

A call that has nothing to say goes without: an argument costs Ray more than all of ours (see
``docs/design/scale.md``). The packed argument is ``(header, args, kwargs, slots)``; where everything in it is a scalar it
travels as our own pickle, because Ray then copies bytes only. Slot ``i`` says where the value of
dependency ``i`` goes, an index or a keyword.
"""

from __future__ import annotations

import pickle
from typing import Any, NamedTuple

from ray import cloudpickle

from ray_jupyter.backends.culprits import blame_argument, blame_variable
from ray_jupyter.errors import RayError, SerializationError, StaleRefError
from ray_jupyter.runtime.protocol.ids import Reference
from ray_jupyter.runtime.protocol.specs import TaskTemplate
from ray_jupyter.runtime.store.serialization import PROTOCOL, SCALARS, serialize


class Header(NamedTuple):
    """What the shell must know of a call besides its arguments.

    Attributes:
        root: the task, of the driver, that this one descends from; 0 is the task itself.
        method: of a method's call, its name; the rest is for methods only.
        name: what people see.
        num_returns: as in ``TaskTemplate``.
        retry_exceptions: as in ``TaskTemplate``.
        after: as in ``messages.AFTER``; empty if there is none.
    """

    root: int = 0
    method: str = ""
    name: str = ""
    num_returns: int = 1
    retry_exceptions: bool | tuple[type[BaseException], ...] = False
    after: str = ""


_NOTHING = Header()


def pack(
    header: Header, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any],
    session_id: str,
) -> list[Any]:  # fmt: skip
    """Return what to give Ray: see the module docstring.

    Raises:
        StaleRefError: an argument is a reference of another session.
    """
    if not kwargs and isinstance(header.retry_exceptions, bool):
        for value in args:
            if type(value) not in SCALARS:
                break
        else:
            if not args and header == _NOTHING:
                return []
            return [pickle.dumps((tuple(header), args, kwargs, ()), PROTOCOL)]
    slots: list[int | str] = []
    deps: list[Any] = []
    given = list(args)
    named = dict(kwargs)
    places: list[tuple[Any, int | str, Any]] = [(given, i, v) for i, v in enumerate(args)]
    places += [(named, name, value) for name, value in kwargs.items()]
    for container, place, value in places:
        if not isinstance(value, Reference):
            continue
        if value.session_id != session_id:
            raise StaleRefError(
                f"argument {place!r} of {template.name}(): {value!r} belongs to another session; "
                "run the code that made it again"
            )
        slots.append(place)
        deps.append(value.id.ref)  # type: ignore[attr-defined]  # ids of this backend carry it
        container[place] = None
    return [(tuple(header), given, named, slots), *deps]


def unpack(given: tuple[Any, ...]) -> tuple[Header, list[Any], dict[str, Any]]:
    """Return (header, arguments, keyword arguments) of what ``pack`` gave to Ray."""
    if not given:
        return _NOTHING, [], {}
    packed, *deps = given
    header, args, kwargs, slots = pickle.loads(packed) if type(packed) is bytes else packed
    args = list(args)
    for place, value in zip(slots, deps, strict=True):
        if isinstance(place, int):
            args[place] = value
        else:
            kwargs[place] = value
    return Header(*header), args, kwargs


def check_arguments(template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Look for what Ray could not pickle, after it failed.

    Raises:
        SerializationError: names the argument.
    """
    try:
        serialize((args, kwargs))
    except SerializationError as error:
        raise blame_argument(template, args, kwargs, error) from error


def seal(template: TaskTemplate) -> bytes:
    """Return a template's function as bytes, with the names of files that tracebacks need.

    Raises:
        SerializationError: names the variable that cannot be pickled.
    """
    try:
        data: bytes = cloudpickle.dumps(template.function, PROTOCOL)
    except RayError:
        raise
    except Exception as error:  # whatever a foreign __reduce__ raises
        raise blame_variable(template, error) from error
    return data
