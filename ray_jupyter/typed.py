"""The typed form of 2016: ``@ray.remote([int, str], [float])``.

Lives here: ``TypedFunction`` and the checks. Does not: the untyped form (``remote``).

Rules
    * Calling the function directly submits it: one ref, a list of refs, or ``None``.
    * Arguments are checked at the call, by position; the last type repeats for ``*args``;
      a reference is accepted wherever a value is, and what it stands for is checked in the
      worker.
    * Results are checked in the worker; a wrong type or count fails the task.
    * numpy's scalars count as their Python kinds: ``np.float64`` as ``float``, ``np.int64``
      as ``int``, ``np.bool_`` as ``bool``.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Any

from ray_jupyter import session
from ray_jupyter.options import make_template
from ray_jupyter.refs import new_refs
from ray_jupyter.runtime.protocol.ids import Reference
from ray_jupyter.runtime.protocol.specs import TaskTemplate


class TypedFunction:
    """A remote function with declared types; calling it submits a task."""

    __wrapped__: Callable[..., Any]
    __name__: str
    __qualname__: str
    _generation: int
    _template: TaskTemplate

    def __init__(
        self,
        function: Callable[..., Any],
        argument_types: Sequence[Any],
        return_types: Sequence[Any],
        options: dict[str, Any],
    ) -> None:
        """Wrap ``function``; ``options`` have been checked.

        Raises:
            TypeError: a declared type is not a type.
        """
        if "num_returns" in options:
            raise TypeError("@remote([...], [...]): the return types say num_returns already")
        for declared in (*argument_types, *return_types):
            _check_declared(declared)
        self.__setstate__(
            {
                "function": function,
                "argument_types": tuple(argument_types),
                "return_types": tuple(return_types),
                "options": options,
            }
        )

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Submit a call; return its ref, a list of refs, or ``None`` without return types.

        Raises:
            TypeError: an argument is not of its declared type, or the function cannot be
                called like this.
        """
        if self._generation != session.generation:
            self._generation = session.generation
            self._template.registration = None
        self._arguments.check(args, kwargs)
        backend = session.current or session.require()
        task_id = backend.submit(self._template, args, kwargs)
        return new_refs(backend, task_id, self._template.num_returns)

    remote = __call__

    def __repr__(self) -> str:
        given = ", ".join(map(_text, self._argument_types))
        returned = ", ".join(map(_text, self._return_types))
        return f"<remote function {self.__module__}.{self.__qualname__} ([{given}], [{returned}])>"

    def __getstate__(self) -> dict[str, Any]:
        return {
            "function": self.__wrapped__,
            "argument_types": self._argument_types,
            "return_types": self._return_types,
            "options": self._options,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        function = state["function"]
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self._argument_types: tuple[Any, ...] = state["argument_types"]
        self._return_types: tuple[Any, ...] = state["return_types"]
        self._options: dict[str, Any] = state["options"]
        self._arguments = _Arguments(function, self._argument_types)
        self._generation = session.generation
        options = self._options | {"num_returns": len(self._return_types)}
        checked = _Checked(function, self._argument_types, self._return_types)
        self._template = make_template(checked, self.__name__, options)


class _Arguments:
    """Checks calls against a function's signature and its declared types."""

    def __init__(self, function: Callable[..., Any], types: tuple[Any, ...]) -> None:
        self.name = function.__name__
        self.types = types
        self.signature = inspect.signature(function)
        self.names = list(self.signature.parameters)
        kinds = [parameter.kind for parameter in self.signature.parameters.values()]
        self.has_varargs = inspect.Parameter.VAR_POSITIONAL in kinds

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Check a call.

        Raises:
            TypeError: wrong number, name or type; says which argument.
        """
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}(): {error}") from None
        types = self.types
        if len(args) > len(types) and not (types and self.has_varargs):
            raise TypeError(
                f"{self.name}() declares {len(types)} argument types, got {len(args)} arguments"
            )
        for position, value in enumerate(args):
            declared = types[min(position, len(types) - 1)]
            _check_value(self.name, f"argument {position}", value, declared)
        for keyword in kwargs.keys() & bound.arguments.keys():
            position = self.names.index(keyword)
            if position < len(types):
                _check_value(self.name, f"argument {keyword!r}", kwargs[keyword], types[position])


class _Checked:
    """Calls a function in the worker and checks what it takes and returns."""

    def __init__(
        self,
        function: Callable[..., Any],
        argument_types: tuple[Any, ...],
        return_types: tuple[Any, ...],
    ) -> None:
        self.function = function
        self.argument_types = argument_types
        self.return_types = return_types

    @functools.cached_property
    def arguments(self) -> _Arguments:
        """What checks the arguments, made where it is needed."""
        return _Arguments(self.function, self.argument_types)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "arguments"}

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        self.arguments.check(args, kwargs)
        result = self.function(*args, **kwargs)
        name, types = self.function.__name__, self.return_types
        if not types:
            if result is not None:
                raise TypeError(f"{name}() declares no results, returned a {_text(type(result))}")
            return None
        results = (result,) if len(types) == 1 else result
        if not isinstance(results, (tuple, list)) or len(results) != len(types):
            count = len(results) if isinstance(results, (tuple, list)) else 1
            raise TypeError(f"{name}() declares {len(types)} results, returned {count}")
        for position, (value, declared) in enumerate(zip(results, types, strict=True)):
            _check_value(name, f"result {position}", value, declared)
        return result


def _check_value(name: str, place: str, value: object, declared: Any) -> None:
    if not _matches(value, declared):
        raise TypeError(
            f"{name}(): {place} should be {_text(declared)}, got {_text(type(value))}: "
            f"{repr(value)[:60]}"
        )


def _matches(value: object, declared: Any) -> bool:
    if isinstance(value, Reference) or declared in (Any, object):
        return True
    if declared is None:
        return value is None
    origin, parts = typing.get_origin(declared), typing.get_args(declared)
    if origin is typing.Union:
        return any(_matches(value, part) for part in parts)
    if origin is None:
        return isinstance(_plain(value), declared)
    if not isinstance(value, origin):
        return False
    if origin is tuple and parts[-1:] != (...,):
        return not parts or (len(parts) == len(value) and all(map(_matches, value, parts)))
    if isinstance(value, dict) and len(parts) == 2:
        return all(_matches(k, parts[0]) and _matches(v, parts[1]) for k, v in value.items())
    if isinstance(value, (list, tuple, set, frozenset)) and parts:
        return all(_matches(item, parts[0]) for item in value)
    return True


def _plain(value: object) -> object:
    """Return a numpy scalar's Python twin, and anything else as it is."""
    if type(value).__module__ == "numpy" and not hasattr(value, "__len__"):
        item = getattr(value, "item", None)
        return item() if callable(item) and getattr(value, "ndim", 1) == 0 else value
    return value


def _check_declared(declared: Any) -> None:
    if not (declared is None or declared is Any or isinstance(declared, type)
            or typing.get_origin(declared) is not None):  # fmt: skip
        raise TypeError(f"@remote([...], [...]) needs types, got {declared!r}")


def _text(declared: Any) -> str:
    if isinstance(declared, type) and typing.get_origin(declared) is None:
        module = "" if declared.__module__ == "builtins" else f"{declared.__module__}."
        return f"{module}{declared.__qualname__}"
    return str(declared)
