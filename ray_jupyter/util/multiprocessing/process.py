"""What a pool's actor does: the initializer once, then chunks of calls."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Process:
    """The actor of one lane.

    A notebook's functions are pickled by value, each pickle with globals of its own. A global
    that the initializer sets would be seen by nobody; so it is copied to the functions that
    come later.
    """

    def __init__(self, initializer: Callable[..., Any] | None, initargs: tuple[Any, ...]) -> None:
        self._set: dict[str, Any] = {}
        self._module: object = None
        if initializer is None:
            return
        names = _own_globals(initializer)
        before = dict(names or {})
        initializer(*initargs)
        if names is not None:
            self._module = names.get("__name__")
            self._set = {k: v for k, v in names.items() if k not in before or before[k] is not v}

    def run(self, call: tuple[Callable[..., Any], str, list[Any]]) -> list[Any]:
        """Return the results of a chunk.

        Args:
            call: the function, the mode and the items: for ``apply`` pairs of arguments, for
                ``map`` the argument, for ``starmap`` the arguments.
        """
        function, mode, items = call
        names = _own_globals(function) if self._set else None
        if names is not None and names.get("__name__") == self._module:
            names.update(self._set)
        if mode == "map":
            return [function(item) for item in items]
        if mode == "starmap":
            return [function(*item) for item in items]
        return [function(*args, **kwargs) for args, kwargs in items]


def _own_globals(function: Any) -> dict[str, Any] | None:
    """Return the globals of a function that came by value; those of a module are shared."""
    while not isinstance(function, FunctionType):
        function = getattr(function, "func", None) or getattr(function, "__func__", None)
        if function is None:
            return None
    names = function.__globals__
    module = sys.modules.get(str(names.get("__name__")))
    return None if module is not None and vars(module) is names else names
