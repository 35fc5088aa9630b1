"""Actors: classes whose instance lives in a worker.

Lives here: ``ActorClass`` (what ``@remote`` makes of a class), ``ActorHandle``, names, and the
end from inside. Does not: what handles know of methods (``methods``), where the instance lives
and how calls are ordered (the backend).

Rules
    * An actor lives as long as a handle: the handle holds a counted reference to the object
      of the actor's creation, so passing a handle on counts as passing a reference on.
    * A bound method holds that reference too, and not the handle: no cycles.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, NoReturn

from ray_jupyter import session
from ray_jupyter.arity import Arity
from ray_jupyter.errors import ActorExit, PendingCallsLimitExceeded
from ray_jupyter.generators import new_results
from ray_jupyter.methods import (
    OWN_METHODS,
    Blueprint,
    Method,
    blueprint_of,
    is_async,
    method,
)
from ray_jupyter.options import (
    check_method_options,
    check_options,
    concurrency_groups,
    did_you_mean,
    make_template,
)
from ray_jupyter.refs import ObjectRef

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray_jupyter.backends.base import Backend
    from ray_jupyter.runtime.protocol.specs import TaskTemplate

__all__ = ["ActorClass", "ActorHandle", "ActorMethod", "exit_actor", "get_actor", "method"]

ASYNC_CONCURRENCY = 1000
"""How many calls an actor with ``async def`` methods runs at once by default."""
_UNCHECKED = Method(Arity(None), "function", {})


class ActorClass:
    """A class whose ``.remote(...)`` makes an instance in a worker and returns its handle."""

    __wrapped__: type
    __name__: str
    __qualname__: str
    _arity: Arity
    _blueprint: Blueprint
    _generation: int
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
            ValueError: another actor has the name.
        """
        if self._generation != session.generation:
            self._generation = session.generation
            self._template.registration = None
        if kwargs or not self._arity.low <= len(args) <= self._arity.high:
            self._arity.check(self.__name__, args, kwargs)
        backend = session.current or session.require()
        if self._options.get("name") is not None:
            return self._named(backend, self._options["name"], args, kwargs)
        actor_id = backend.create_actor(self._template, args, kwargs)
        ref: ObjectRef[Any] = ObjectRef(actor_id, backend.session_id, backend.drop)
        return ActorHandle(ref, self._blueprint)

    def _named(
        self, backend: Backend, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> ActorHandle:
        from ray_jupyter.runtime.store.serialization import serialize

        namespace = self._options.get("namespace") or backend.namespace
        may_exist = self._options.get("get_if_exists")
        while True:
            if may_exist and (found := _find(backend, namespace, name)) is not None:
                return found
            template = self._make_template({
                "name": name, "namespace": namespace,
                "handle": serialize(self._blueprint).to_bytes(),
            })  # fmt: skip
            actor_id = backend.create_actor(template, args, kwargs)
            ref: ObjectRef[Any] = ObjectRef(actor_id, backend.session_id, backend.drop)
            # Two may have asked for the name at once. Who got it is known when this is answered.
            found = _find(backend, namespace, name)
            if found is None or found._ref == ref:
                return ActorHandle(ref, self._blueprint)
            if not may_exist:
                raise ValueError(
                    f"the name {name!r} is taken in namespace {namespace!r}: get that actor with "
                    f"get_actor({name!r}), pass get_if_exists=True, or take another name"
                )

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

    # What is set or deleted is the class's: so a method is replaced, and so %autoreload does it.
    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIELDS:
            super().__setattr__(name, value)
        else:
            setattr(self.__wrapped__, name, value)
            self.__setstate__(self.__getstate__())

    def __delattr__(self, name: str) -> None:
        delattr(self.__wrapped__, name)
        self.__setstate__(self.__getstate__())

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
        self._arity = _arity_of_constructor(cls)
        self._blueprint = blueprint_of(
            cls, self._options | {"groups": concurrency_groups(self._options)}
        )
        self._template = self._make_template({})

    def _make_template(self, extras: Mapping[str, Any]) -> TaskTemplate:
        template = make_template(self.__wrapped__, self.__name__, self._options, actor=True)
        template.name = self.__name__  # the option is the name of the actor
        template.extras = {
            **template.extras, **_extras(self._options, self._blueprint.methods), **extras
        }  # fmt: skip
        return template


_FIELDS = frozenset({*ActorClass.__annotations__, "__doc__", "__module__"})
"""What an ``ActorClass`` has of its own."""


def _extras(options: Mapping[str, Any], methods: Mapping[str, Method]) -> dict[str, Any]:
    """Return what the runtime has to know of an actor's options.

    Raises:
        ValueError: options that contradict each other.
    """
    on_loop, groups = is_async(methods), concurrency_groups(options)
    limit = options.get("max_concurrency") or (ASYNC_CONCURRENCY if on_loop else 1)
    concurrent = on_loop or limit > 1 or bool(groups)
    unordered = options.get("allow_out_of_order_execution")
    if concurrent and unordered is False:
        raise ValueError(
            "allow_out_of_order_execution=False: an actor with async methods, max_concurrency or "
            "concurrency_groups runs several calls at once, in no order; leave it out"
        )
    extras = {
        "max_restarts": options.get("max_restarts", 0),
        "max_task_retries": options.get("max_task_retries", 0),
        "max_concurrency": limit if concurrent else 0,
        "is_async": on_loop,
        "groups": tuple(groups.items()),
        "unordered": concurrent or bool(unordered),
        "detached": options.get("lifetime") == "detached",
    }
    if options.get("max_pending_calls", -1) > 0:
        extras["max_pending_calls"] = options["max_pending_calls"]
    return {name: value for name, value in extras.items() if value}


class ActorMethod:
    """A method of a running actor; ``.remote(...)`` queues a call."""

    __slots__ = ("_actor", "_arity", "_blueprint", "_options", "_template")

    def __init__(
        self, actor: ObjectRef[Any], name: str, blueprint: Blueprint, options: dict[str, Any]
    ) -> None:
        self._actor = actor
        self._arity = blueprint.methods.get(name, _UNCHECKED).arity
        self._blueprint = blueprint
        self._options = options
        self._template = blueprint.template(name, options)

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
        """Return this method with other options; those not given stay.

        Raises:
            ValueError, TypeError, NotImplementedError: see ``check_options``.
        """
        merged = self._options | check_method_options(options)
        return type(self)(self._actor, self._template.method or "", self._blueprint, merged)

    def __call__(self, /, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: methods are called with ``.remote(...)``."""
        name = self._template.name
        raise TypeError(
            f"{name} runs in its actor: call it with .{self._template.method}.remote(...)"
        )

    def __repr__(self) -> str:
        return f"<actor method {self._template.name} of {self._actor.hex()}>"


class _LimitedMethod(ActorMethod):
    """A method of an actor with ``max_pending_calls``: every call asks how many there are."""

    __slots__ = ()

    def remote(self, /, *args: Any, **kwargs: Any) -> Any:
        limit = self._blueprint.max_pending_calls
        pending = session.owner_of(self._actor).pending_calls(self._actor.id)
        if pending >= limit:
            raise PendingCallsLimitExceeded(
                f"{self._template.name}: {pending} calls of this process have not ended, and "
                f"max_pending_calls={limit}: wait for some of them first"
            )
        return super().remote(*args, **kwargs)


class ActorHandle:
    """A running actor. Its methods are attributes: ``handle.method.remote(...)``."""

    def __init__(self, ref: ObjectRef[Any], blueprint: Blueprint) -> None:
        self._ref = ref
        self._blueprint = blueprint

    def __getattr__(self, name: str) -> ActorMethod:
        # Runs once per name: the method is kept in the instance afterwards. An unpickled
        # half-made handle has no ``_blueprint``, and asking for it here must not recurse.
        blueprint = self.__dict__.get("_blueprint")
        methods = blueprint.methods if blueprint is not None else {}
        if blueprint is None or (name not in methods and name not in OWN_METHODS):
            if name.startswith("_"):  # pickle, copy and IPython probe for such names
                raise AttributeError(name)
            class_name = blueprint.class_name if blueprint is not None else "?"
            raise AttributeError(
                f"actor {class_name} has no method {name!r}{did_you_mean(name, methods)}; "
                f"it has: {', '.join(sorted(methods)) or 'none'}"
            )
        kept = _LimitedMethod if blueprint.max_pending_calls > 0 else ActorMethod
        method = kept(self._ref, name, blueprint, {})
        self.__dict__[name] = method
        return method

    def __dir__(self) -> list[str]:
        return sorted(self._blueprint.methods)

    def __eq__(self, other: object) -> bool:
        return self._ref == other._ref if isinstance(other, ActorHandle) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._ref)

    def __repr__(self) -> str:
        return f"ActorHandle({self._blueprint.class_name}, {self._ref.hex()})"

    def __reduce__(self) -> tuple[Any, ...]:
        return ActorHandle, (self._ref, self._blueprint)


def get_actor(name: str, namespace: str | None = None) -> ActorHandle:
    """Return a handle to the actor of this name; it counts like any other.

    Args:
        name: what ``.options(name=...)`` said.
        namespace: where to look; ``None`` is the session's own.

    Raises:
        ValueError: there is no such actor, or that is no name.
    """
    if not name or not isinstance(name, str):
        raise ValueError(f"get_actor() needs the name of an actor, got {name!r}")
    backend = session.connected()
    found = _find(backend, namespace or backend.namespace, name)
    if found is None:
        known = [known for space, known in backend.named_actors() if space == backend.namespace]
        raise ValueError(
            f"there is no actor named {name!r} in namespace {namespace or backend.namespace!r}"
            f"{did_you_mean(name, known)}; give it one with .options(name={name!r}).remote(...)"
        )
    return found


def _find(backend: Backend, namespace: str, name: str) -> ActorHandle | None:
    found = backend.find_actor(namespace, name)
    if found is None:
        return None
    from ray_jupyter.runtime.store.serialization import deserialize

    actor_id, blueprint = found
    ref: ObjectRef[Any] = ObjectRef(actor_id, backend.session_id, backend.drop)
    return ActorHandle(ref, deserialize(blueprint))


def list_named_actors(all_namespaces: bool = False) -> list[Any]:
    """Return the names of living actors.

    Args:
        all_namespaces: not only those of the session's own namespace; each is then a dict of
            ``name`` and ``namespace``.
    """
    backend = session.connected()
    found = backend.named_actors()
    if all_namespaces:
        return [{"name": name, "namespace": namespace} for namespace, name in found]
    return [name for namespace, name in found if namespace == backend.namespace]


def exit_actor() -> NoReturn:
    """End the actor whose method this is; it is not restarted.

    Its ``__ray_shutdown__`` method, if it has one, and ``atexit`` functions run. Calls that run
    at the same time end first; those that wait, this one and later ones fail with
    ``ActorDiedError``.

    Raises:
        TypeError: called elsewhere than in a method of an actor.
    """
    if session.current is None or not session.current.context().actor_id:
        raise TypeError(
            "exit_actor() was called outside of an actor: it ends the actor whose method calls "
            "it. End another one with kill(handle)"
        )
    raise ActorExit("exited: it called exit_actor()")


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
