"""What a handle knows of its actor: the methods of its class, and how they are called.

Lives here: ``Blueprint``, which travels with handles, and ``method``. Does not: handles and
calls (``actors``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar, overload

from ray_jupyter.arity import Arity, kind_of
from ray_jupyter.options import check_method_options, returns
from ray_jupyter.runtime.protocol.specs import TaskTemplate

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__ray_jupyter_method__"
GENERATOR_KINDS = ("generator", "async generator")
ASYNC_KINDS = ("coroutine", "async generator")
OWN_METHODS = ("__ray_terminate__", "__ray_ready__", "__ray_call__")
"""Methods that every actor has; Ray's names."""


class Method(NamedTuple):
    """One method of an actor class. ``options`` are those of ``@method``."""

    arity: Arity
    kind: str
    options: Mapping[str, Any]


class Blueprint(NamedTuple):
    """What a handle knows without asking anybody.

    Attributes:
        class_name: of the actor.
        methods: by name.
        groups: the names of its concurrency groups.
        max_task_retries: how often a call is repeated by default.
        max_pending_calls: how many unfinished calls one process may have; -1 for any number.
    """

    class_name: str
    methods: Mapping[str, Method]
    groups: tuple[str, ...] = ()
    max_task_retries: int = 0
    max_pending_calls: int = -1

    def template(self, name: str, options: Mapping[str, Any]) -> TaskTemplate:
        """Return the template of a method's calls; ``options`` go before those of the class.

        Raises:
            ValueError: a concurrency group that the actor does not have, or ``num_returns`` that
                does not fit the method.
        """
        settled = {**self.methods[name].options, **options} if name in self.methods else options
        retry = settled.get("retry_exceptions") or False
        retries = settled.get("max_task_retries")
        group = settled.get("concurrency_group")
        if group is not None and group not in self.groups:
            has = ", ".join(map(repr, self.groups)) or "none"
            raise ValueError(
                f"{self.class_name}.{name}: there is no concurrency group {group!r}; "
                f"the actor has: {has} (concurrency_groups= of the class)"
            )
        full_name = settled.get("name") or f"{self.class_name}.{name}"
        is_generator = name in self.methods and self.methods[name].kind in GENERATOR_KINDS
        num_returns, extras = returns(full_name, settled, is_generator=is_generator)
        if group is not None:
            extras["concurrency_group"] = group
        return TaskTemplate(
            None,
            name=full_name,
            num_returns=num_returns,
            resources={},
            max_retries=self.max_task_retries if retries is None else retries,
            retry_exceptions=tuple(retry) if isinstance(retry, (list, tuple)) else bool(retry),
            method=name,
            extras=extras,
        )


def blueprint_of(cls: type, options: Mapping[str, Any]) -> Blueprint:
    """Return the blueprint of an actor class.

    Args:
        cls: the class.
        options: ``groups``, ``max_task_retries`` and ``max_pending_calls``, where they are given.

    Raises:
        ValueError: a method names a concurrency group that the class does not have.
    """
    blueprint = Blueprint(
        cls.__name__, methods_of(cls), tuple(dict(options.get("groups") or ())),
        options.get("max_task_retries", 0), options.get("max_pending_calls", -1),
    )  # fmt: skip
    for name in blueprint.methods:
        blueprint.template(name, {})
    return blueprint


@overload
def method(function: F, /) -> F: ...
@overload
def method(**options: Any) -> Callable[[F], F]: ...
def method(function: Any = None, /, **options: Any) -> Any:
    """Say how a method of an actor is called: ``@method(num_returns=2)``.

    Args:
        function: the method, where the decorator has no arguments.
        options: ``num_returns``, ``concurrency_group``, ``max_task_retries``,
            ``retry_exceptions``.

    Raises:
        ValueError, TypeError, NotImplementedError: see ``check_options``.
    """
    checked = check_method_options(options)
    if "name" in checked:
        raise ValueError("a name is given per call, by .options(name=...), not to method()")

    def mark(function: F) -> F:
        setattr(function, _MARK, checked)
        return function

    return mark if function is None else mark(function)


def methods_of(cls: type) -> dict[str, Method]:
    """Return every method of a class by name, inherited ones as well."""
    methods: dict[str, Method] = {}
    for base in reversed(cls.__mro__[:-1]):
        for name, member in vars(base).items():
            plain = getattr(member, "__func__", member)
            if (name.startswith("__") and name != "__call__") or isinstance(member, type):
                continue
            if callable(plain):
                skip = 0 if isinstance(member, staticmethod) else 1
                methods[name] = Method(
                    Arity(plain, skip), kind_of(plain), getattr(plain, _MARK, {})
                )
            else:
                methods.pop(name, None)  # a subclass hid the method behind a value
    return methods


def is_async(methods: Mapping[str, Method]) -> bool:
    """Return whether an actor with these methods runs them on an event loop."""
    return any(method.kind in ASYNC_KINDS for method in methods.values())
