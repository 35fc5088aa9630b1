"""``ArrayFunction``: what ``ra.dot`` is. Calling it submits, as the typed functions of 2016 did."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

from ray_jupyter.remote import RemoteFunction

Count = int | Callable[[dict[str, Any]], int]
_BLOCK_SIZE = "block_size"


class ArrayFunction:
    """A function of arrays that runs in a worker.

    Calling it submits a task and returns a ref, or a list of refs; so does ``.remote(...)``.
    References are accepted wherever values are.
    """

    __wrapped__: Callable[..., Any]
    __name__: str

    def __init__(self, function: Callable[..., Any], num_returns: Count) -> None:
        """Wrap ``function``.

        Args:
            function: one of a module's own names.
            num_returns: how many results, or what says so for given arguments by name.
        """
        functools.update_wrapper(self, function)
        self._num_returns = num_returns
        self._signature = inspect.signature(function)
        fixed = num_returns if isinstance(num_returns, int) else 1
        self._remote = RemoteFunction(function, {"num_returns": fixed})
        self._has_block_size = _BLOCK_SIZE in self._signature.parameters

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Submit a call; return its ref, or a list of refs.

        Raises:
            TypeError: the function cannot be called like this.
        """
        if self._has_block_size and kwargs.get(_BLOCK_SIZE) is None:
            # Taken here, not in the worker: who sets it sets it in the driver.
            kwargs[_BLOCK_SIZE] = sys.modules["ray_jupyter.array.distributed"].BLOCK_SIZE
        if isinstance(self._num_returns, int):
            return self._remote.remote(*args, **kwargs)
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.__name__}(): {error}") from None
        bound.apply_defaults()
        count = self._num_returns(bound.arguments)
        return self._remote.options(num_returns=count).remote(*args, **kwargs)

    remote = __call__

    def __repr__(self) -> str:
        bare = [
            parameter.replace(annotation=parameter.empty)
            for parameter in self._signature.parameters.values()
        ]
        return f"<array function {self.__name__}{inspect.Signature(bare)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _find, (self.__module__, self.__name__)


def _find(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def array_function(num_returns: Count = 1) -> Callable[[Callable[..., Any]], ArrayFunction]:
    """Return a decorator that makes an ``ArrayFunction``."""
    return lambda function: ArrayFunction(function, num_returns)
