"""Says which argument or variable cannot be pickled. Slow; runs only after a failure.

Lives here: the search. Does not: pickling itself (``runtime.store.serialization``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from ray_jupyter.errors import RayError, SerializationError
from ray_jupyter.runtime.protocol.specs import TaskTemplate
from ray_jupyter.runtime.store.serialization import serialize


def blame_argument(
    template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception
) -> SerializationError:
    """Return an error that names the argument that made ``error``."""
    names = _parameter_names(template.function)
    given = [(names[i] if i < len(names) else str(i), value) for i, value in enumerate(args)]
    found = _first_unpicklable([*given, *kwargs.items()])
    if found is None:
        return SerializationError(f"the arguments of {template.name}() cannot be pickled: {error}")
    name, value, reason = found
    return SerializationError(
        f"argument {name!r} of {template.name}() cannot be pickled: it is a {_kind(value)} "
        f"({reason}); make it inside the task, or pass what it is made from"
    )


def blame_variable(template: TaskTemplate, error: Exception) -> SerializationError:
    """Return an error that names the variable of the function that made ``error``."""
    function = getattr(template.function, "function", template.function)  # typed: unwrapped
    variables: list[tuple[str, Any]] = []
    if inspect.isfunction(function):
        used = inspect.getclosurevars(function)
        variables = [*used.nonlocals.items(), *used.globals.items()]
    found = _first_unpicklable(variables)
    if found is None:
        return SerializationError(f"{template.name} cannot be pickled: {error}")
    name, value, reason = found
    return SerializationError(
        f"{template.name} cannot be pickled: it uses the variable {name!r}, which is a "
        f"{_kind(value)} ({reason}); make it inside the function, or pass it as an argument"
    )


def blame_result(template: TaskTemplate, value: object, error: Exception) -> SerializationError:
    """Return an error that says what ``template``'s function returned."""
    return SerializationError(
        f"the result of {template.name}() cannot be pickled: it is a {_kind(value)} ({error})"
    )


def _parameter_names(function: Callable[..., Any] | None) -> list[str]:
    try:
        parameters = list(inspect.signature(function or (lambda: None)).parameters.values())
    except (TypeError, ValueError):  # a builtin that does not tell: positions will do
        return []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter.name for parameter in parameters if parameter.kind in positional]


def _first_unpicklable(values: Iterable[tuple[str, Any]]) -> tuple[str, Any, Exception] | None:
    for name, value in values:
        try:
            serialize(value)
        except RayError as error:
            return name, value, error
    return None


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
