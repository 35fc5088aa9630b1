"""``@remote``: makes functions and classes callable in workers.

Lives here: the decorator and ``RemoteFunction``. Does not: actors (``actors``), the typed
form of 2016 (``typed``), what the options mean (``options``).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from ray_jupyter import session
from ray_jupyter.actors import ActorClass
from ray_jupyter.arity import Arity, kind_of
from ray_jupyter.generators import new_results
from ray_jupyter.options import check_options, make_template
from ray_jupyter.refs import ObjectRef
from ray_jupyter.session import new_generation

if TYPE_CHECKING:
    from collections.abc import Callable

    from ray_jupyter.runtime.protocol.specs import TaskTemplate
    from ray_jupyter.typed import TypedFunction

__all__ = ["RemoteFunction", "new_generation", "remote"]

P = ParamSpec("P")
R = TypeVar("R")

_VARIANTS_MAX = 64
"""How many ``options(...)`` of one function are kept, so that a loop registers them once."""


class RemoteFunction(Generic[P, R]):
    """A function that runs in a worker with ``.remote(...)`` and here when called."""

    __wrapped__: Callable[P, R]
    __name__: str
    __qualname__: str
    _arity: Arity
    _generation: int
    _options: dict[str, Any]
    _template: TaskTemplate
    _variants: dict[Any, RemoteFunction[P, R]]

    def __init__(self, function: Callable[P, R], options: dict[str, Any]) -> None:
        """Wrap ``function``; ``options`` have been checked."""
        self.__setstate__({"function": function, "options": options})

    def remote(self, /, *args: Any, **kwargs: Any) -> Any:
        """Submit a call; return its ref, a list of refs (``num_returns > 1``) or ``None`` (0).

        A function that yields gives an ``ObjectRefGenerator``.

        Raises:
            TypeError: the function cannot be called like this.
            SerializationError: an argument or the function cannot be pickled.
            StaleRefError: an argument is a ref of a session that has ended.
        """
        # The hottest lines of the API: every operation here is paid once per task.
        template = self._template
        if self._generation != session.generation:
            self._generation = session.generation
            template.registration = None
        if kwargs or not self._arity.low <= len(args) <= self._arity.high:
            self._arity.check(self.__name__, args, kwargs)
        backend = session.current or session.require()
        task_id = backend.submit(template, args, kwargs)
        if template.num_returns == 1:
            return ObjectRef(task_id, backend.session_id, backend.drop)
        return new_results(backend, task_id, template)

    def options(self, **options: Any) -> RemoteFunction[P, R]:
        """Return this function with other options; those not given stay.

        Raises:
            ValueError, TypeError, NotImplementedError: see ``check_options``.
        """
        if "runtime_env" in options:
            options = check_options(options)  # relative paths mean something else elsewhere
        key = _frozen(options)
        variant = self._variants.get(key)
        if variant is None:
            merged = self._options | check_options(options)
            variant = RemoteFunction(self.__wrapped__, merged)
            if len(self._variants) >= _VARIANTS_MAX:
                self._variants.clear()
            self._variants[key] = variant
        return variant

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function here, as if it were not remote."""
        return self.__wrapped__(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<remote function {self.__module__}.{self.__qualname__}>"

    # A function may refer to itself by its global name, so this object can be inside what it
    # wraps: pickling it as an empty object plus state lets pickle close the circle.
    def __getstate__(self) -> dict[str, Any]:
        return {"function": self.__wrapped__, "options": self._options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        function = state["function"]
        functools.update_wrapper(self, function)
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self.__qualname__ = getattr(function, "__qualname__", self.__name__)
        self._options = state["options"]
        self._arity = Arity(function)
        self._generation = session.generation
        self._template = make_template(
            function, self.__name__, self._options, is_generator=kind_of(function) == "generator"
        )
        self._variants = {}


# A class is callable too, so the first two overlap; the first one wins, which is right.
@overload
def remote(function: type, /) -> ActorClass: ...  # type: ignore[overload-overlap]
@overload
def remote(function: Callable[P, R], /) -> RemoteFunction[P, R]: ...
@overload
def remote(*types: list[Any]) -> Callable[[Callable[..., Any]], TypedFunction]: ...
@overload
def remote(**options: Any) -> Callable[[Any], Any]: ...
def remote(*args: Any, **options: Any) -> Any:
    """Make a function or class remote: ``@remote`` or ``@remote(num_cpus=2, ...)``.

    Functions take ``num_cpus, num_gpus, memory`` (bytes), ``resources, runtime_env,
    scheduling_strategy, num_returns, max_retries, retry_exceptions, max_calls, name``; classes
    the first six. ``docs/reference/resources.md`` says what they mean.
    ``@remote([int], [float])`` is the typed form of 2016: see ``ray_jupyter.typed``.

    Raises:
        ValueError, TypeError, NotImplementedError: an option is not usable; the message
            names it.
    """
    if len(args) == 2 and all(isinstance(types, (list, tuple)) for types in args):
        from ray_jupyter.typed import TypedFunction

        return lambda function: TypedFunction(function, *args, check_options(options))
    if not args and options:
        return lambda target: _make(target, options)
    if len(args) == 1 and not options and callable(args[0]):
        return _make(args[0], {})
    raise TypeError(
        "remote is used as @remote or @remote(option=value, ...) above a function or class, "
        f"or as @remote([argument types], [return types]); got {_call_text(args, options)}"
    )


def _make(target: Any, options: dict[str, Any]) -> Any:
    if isinstance(target, (RemoteFunction, ActorClass)):
        raise TypeError(f"{target!r} is remote already; use .options(...) to change its options")
    if isinstance(target, type):
        return ActorClass(target, check_options(options, actor=True))
    if not callable(target):
        raise TypeError(f"@remote needs a function or a class, got {target!r}")
    kind = kind_of(target)
    if kind in ("coroutine", "async generator"):
        raise ValueError(
            f"{target.__name__} is an async function, which tasks do not run: "
            "call asyncio.run(...) inside a plain function"
        )
    return RemoteFunction(target, check_options(options))


def _frozen(value: Any) -> Any:
    """Return a hashable twin of options."""
    if isinstance(value, dict):
        return tuple((name, _frozen(value[name])) for name in sorted(value))
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value


def _call_text(args: tuple[Any, ...], options: dict[str, Any]) -> str:
    given = [repr(value) for value in args]
    given += [f"{name}={value!r}" for name, value in options.items()]
    return f"remote({', '.join(given)})"
