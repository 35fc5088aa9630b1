"""Checks a call against a signature before it is submitted, in the caller.

A wrong call should fail where it was written, not in a worker. The common case, only
positional arguments, costs two comparisons of ints; the rest asks ``inspect``.
"""

from __future__ import annotations

import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from inspect import Signature

_VARARGS, _GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x04, 0x20, 0x80, 0x200


class Arity:
    """How many positional arguments a call may have without a closer look.

    Attributes:
        low: fewer positional arguments than this need the closer look.
        high: more positional arguments than this need it.
    """

    __slots__ = ("_function", "_signature", "_skip", "high", "low")

    def __init__(self, function: Callable[..., Any] | None, skip: int = 0) -> None:
        """Read ``function``; its first ``skip`` parameters (``self``) are given already."""
        self._function = function
        self._signature: Signature | None = None
        self._skip = skip
        self.low, self.high = 0, sys.maxsize
        if isinstance(function, FunctionType) and not hasattr(function, "__wrapped__"):
            code = function.__code__
            self.low = max(code.co_argcount - len(function.__defaults__ or ()) - skip, 0)
            if not code.co_flags & _VARARGS:
                self.high = code.co_argcount - skip
            if code.co_kwonlyargcount > len(function.__kwdefaults__ or ()):
                self.low, self.high = 1, 0  # no call is right without keywords
        elif function is not None:
            self.low, self.high = 1, 0  # only ``inspect`` can tell

    def __reduce__(self) -> tuple[Any, ...]:
        # Elsewhere the function may not exist: the limits travel, the closer look does not.
        return _rebuild_arity, (self.low, self.high)

    def check(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take the closer look.

        Raises:
            TypeError: the function cannot be called like this.
        """
        if self._function is None:
            return
        if self._signature is None:
            import inspect

            try:
                self._signature = inspect.signature(self._function)
            except (TypeError, ValueError):  # a builtin that does not tell: the worker will
                self._function = None
                return
        try:
            self._signature.bind(*(None,) * self._skip, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}(): {error}") from None


def _rebuild_arity(low: int, high: int) -> Arity:
    arity = Arity(None)
    arity.low, arity.high = low, high
    return arity


def kind_of(function: object) -> str:
    """Return ``"function"``, ``"generator"``, ``"coroutine"`` or ``"async generator"``."""
    flags = function.__code__.co_flags if isinstance(function, FunctionType) else 0
    if flags & _ASYNC_GENERATOR:
        return "async generator"
    if flags & _COROUTINE:
        return "coroutine"
    return "generator" if flags & _GENERATOR else "function"
