"""Actors: classes whose instance lives in a worker.

Lives here: ``ActorClass`` (what ``@remote`` makes of a class), ``ActorHandle`` and
``method``. Does not: where the instance lives and how calls are ordered (the backend).

Rules
    * An actor lives as long as a handle: the handle holds a counted reference to the object
      of the actor's creation, so passing a handle on counts as passing a reference on.
    * A bound method holds that reference too, and not the handle: no cycles.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, NoReturn

from ray_jupyter import session
from ray_jupyter.arity import Arity, kind_of
from ray_jupyter.generators import new_results
from ray_jupyter.options import METHOD, check_options, did_you_mean, make_template, returns
from ray_jupyter.refs import ObjectRef
from ray_jupyter.runtime.protocol.specs import TaskTemplate

if TYPE_CHECKING:
    from collections.abc import Callable

_OPTIONS = "__ray_method_options__"
Methods = dict[str, tuple[Arity, dict[str, Any], str]]
"""By name: how it is called, the options of ``method``, the kind of function."""


class ActorClass:
    """A class whose ``.remote(...)`` makes an instance in a worker and returns its handle."""

    __wrapped__: type
    __name__: str
    __qualname__: str
    _arity: Arity
    _generation: int
    _methods: Methods
    _options: dict[str, Any]
    _template: TaskTemplate

    def __init__(self, cls: type, options: dict[str, Any]) -> None:
        """Wrap ``cls``; ``options`` have been checked."""
        self.__setstate__({"cls": cls, "options": options})

    def remote(self, /, *args: Any, **kwargs: Any) -> ActorHandle:
        """Start an actor and return its handle at once.

        Raises:
            TypeError: the constructor cannot be called like this.
            SerializationError: an argument or the class cannot be pickled.
        """
        if self._generation != session.generation:
            self._generation = session.generation
            self._template.registration = None
        if kwargs or not self._arity.low <= len(args) <= self._arity.high:
            self._arity.check(self.__name__, args, kwargs)
        backend = session.current or session.require()
        actor_id = backend.create_actor(self._template, args, kwargs)
        ref: ObjectRef[Any] = ObjectRef(actor_id, backend.session_id, backend.drop)
        return ActorHandle(ref, self.__name__, self._methods)

    def options(self, **options: Any) -> ActorClass:
        """Return this actor class with other options; those not given stay.

        Raises:
            ValueError, TypeError, NotImplementedError: see ``check_options``.
        """
        return ActorClass(self.__wrapped__, self._options | check_options(options, actor=True))

    def __call__(self, /, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: actors are made with ``.remote(...)``."""
        raise TypeError(
            f"{self.__name__} is an actor class: make an actor with {self.__name__}.remote(...)"
        )

    def __repr__(self) -> str:
        return f"<actor class {self.__module__}.{self.__qualname__}>"

    # As for ``RemoteFunction``: a class may refer to its own global name.
    def __getstate__(self) -> dict[str, Any]:
        return {"cls": self.__wrapped__, "options": self._options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        cls: type = state["cls"]
        self.__wrapped__ = cls
        self.__name__ = cls.__name__
        self.__qualname__ = cls.__qualname__
        self.__module__ = cls.__module__
        self.__doc__ = cls.__doc__
        self._options = state["options"]
        self._generation = session.generation
        self._template = make_template(cls, cls.__name__, self._options, actor=True)
        self._arity = _arity_of_constructor(cls)
        self._methods = _methods_of(cls)


class ActorMethod:
    """A method of a running actor; ``.remote(...)`` queues a call."""

    __slots__ = ("_actor", "_arity", "_kind", "_options", "_template")

    def __init__(
        self, actor: ObjectRef[Any], method_name: str, name: str, arity: Arity,
        options: dict[str, Any], kind: str,
    ) -> None:  # fmt: skip
        """Prepare calls; ``options`` have been checked.

        Raises:
            ValueError: ``num_returns`` does not fit the method.
        """
        self._actor = actor
        self._arity = arity
        self._kind = kind
        self._options = options
        name = options.get("name") or name
        num_returns, extras = returns(name, options, is_generator=kind == "generator")
        self._template = TaskTemplate(
            None, name=name, num_returns=num_returns, resources={}, max_retries=0,
            method=method_name, extras=extras,
        )  # fmt: skip

    def remote(self, /, *args: Any, **kwargs: Any) -> Any:
        """Queue a call; return its ref, a list of refs, a generator, or ``None``, as tasks do.

        Raises:
            TypeError: the method cannot be called like this.
            SerializationError: an argument cannot be pickled.
            StaleRefError: the actor's session has ended.
        """
        template = self._template
        if kwargs or not self._arity.low <= len(args) <= self._arity.high:
            self._arity.check(template.name, args, kwargs)
        backend = session.owner_of(self._actor)
        task_id = backend.call_actor(self._actor.id, template, args, kwargs)
        return new_results(backend, task_id, template)

    def options(self, **options: Any) -> ActorMethod:
        """Return this method with other options of ``method``, or a ``name``.

        Raises:
            ValueError, TypeError, NotImplementedError: see ``check_options``.
        """
        _check_method_options(options)
        template = self._template
        return ActorMethod(
            self._actor, template.method or "", template.name, self._arity,
            self._options | options, self._kind,
        )  # fmt: skip

    def __call__(self, /, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: methods are called with ``.remote(...)``."""
        name = self._template.name
        raise TypeError(
            f"{name} runs in its actor: call it with .{self._template.method}.remote(...)"
        )

    def __repr__(self) -> str:
        return f"<actor method {self._template.name} of {self._actor.hex()}>"


class ActorHandle:
    """A running actor. Its methods are attributes: ``handle.method.remote(...)``."""

    def __init__(self, ref: ObjectRef[Any], class_name: str, methods: Methods) -> None:
        self._ref = ref
        self._class_name = class_name
        self._methods = methods

    def __getattr__(self, name: str) -> ActorMethod:
        # Runs once per name: the method is kept in the instance afterwards. An unpickled
        # half-made handle has no ``_methods``, and asking for it here must not recurse.
        methods = self.__dict__.get("_methods", {})
        if name not in methods:
            if name.startswith("_"):  # pickle, copy and IPython probe for such names
                raise AttributeError(name)
            raise AttributeError(
                f"actor {self._class_name} has no method {name!r}{did_you_mean(name, methods)}; "
                f"it has: {', '.join(sorted(methods)) or 'none'}"
            )
        arity, options, kind = methods[name]
        if kind not in ("function", "generator"):
            raise NotImplementedError(
                f"{self._class_name}.{name} is a {kind}, which actors do not run yet: "
                "make it a plain method"
            )
        full_name = f"{self._class_name}.{name}"
        method = ActorMethod(self._ref, name, full_name, arity, options, kind)
        self.__dict__[name] = method
        return method

    def __dir__(self) -> list[str]:
        return sorted(self._methods)

    def __eq__(self, other: object) -> bool:
        return self._ref == other._ref if isinstance(other, ActorHandle) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._ref)

    def __repr__(self) -> str:
        return f"ActorHandle({self._class_name}, {self._ref.hex()})"

    def __reduce__(self) -> tuple[Any, ...]:
        return ActorHandle, (self._ref, self._class_name, self._methods)


def method(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Say how a method of an actor is called: ``@method(num_returns=2)``.

    Raises:
        ValueError, TypeError, NotImplementedError: see ``check_options``.
    """
    _check_method_options(options)
    if "name" in options:
        raise ValueError("method() takes num_returns; a name is given per call, by .options(name=)")

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        setattr(function, _OPTIONS, options)
        return function

    return mark


def _check_method_options(options: dict[str, Any]) -> None:
    unknown = [name for name in options if name not in METHOD]
    if unknown:
        raise ValueError(
            f"methods take {' and '.join(sorted(METHOD))}, not {unknown[0]!r}"
            f"{did_you_mean(unknown[0], METHOD)}"
        )
    check_options(options)


def _arity_of_constructor(cls: type) -> Arity:
    constructor: Any = cls.__init__  # type: ignore[misc]  # looked at, never called
    maker: Any = cls.__new__
    if isinstance(constructor, FunctionType):
        return Arity(constructor, skip=1)
    if constructor is object.__init__ and maker is object.__new__:
        return Arity(_take_nothing)
    return Arity(None)  # in C, or in ``__new__``: the worker will tell


def _take_nothing() -> None:
    """Have the signature of a class without a constructor."""


def _methods_of(cls: type) -> Methods:
    """Return every method, inherited ones as well."""
    methods: Methods = {}
    for base in reversed(cls.__mro__[:-1]):
        for name, member in vars(base).items():
            plain = getattr(member, "__func__", member)
            if (name.startswith("__") and name != "__call__") or isinstance(member, type):
                continue
            if callable(plain):
                skip = 0 if isinstance(member, staticmethod) else 1
                options = getattr(plain, _OPTIONS, {})
                methods[name] = (Arity(plain, skip), options, kind_of(plain))
            else:
                methods.pop(name, None)  # a subclass hid the method behind a value
    return methods
