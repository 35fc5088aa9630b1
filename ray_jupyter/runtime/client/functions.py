"""Remote functions on their way to the workers: pickled once, named by an int afterwards.

Two templates with the same pickle and the same options share a registration, so a cell
that is run again without a change defines nothing new. A registration that no template
refers to any more ends, and the workers forget the function.
"""

from __future__ import annotations

import hashlib
import inspect
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ray_jupyter.errors import SerializationError
from ray_jupyter.runtime.protocol.messages import COMPANION, METHOD, TASK, Definition
from ray_jupyter.runtime.protocol.specs import RESOURCE_UNITS, TaskTemplate
from ray_jupyter.runtime.store.serialization import Serialized, serialize

if TYPE_CHECKING:
    from collections.abc import Callable

_RECENT = 64
"""Registrations kept alive although no template may refer to them: ``f.options(...)`` in a
loop makes a template per call. Not those that hold objects: memory goes when a user lets go."""


class Registration:
    """What a backend knows a template by."""

    __slots__ = ("__weakref__", "_ended", "id", "name", "num_returns", "owner")

    def __init__(
        self, owner: object, template_id: int, template: TaskTemplate, ended: deque[int]
    ) -> None:
        self.owner = owner
        self.id = template_id
        self.name = template.name
        self.num_returns = template.num_objects
        self._ended = ended

    def __del__(self) -> None:
        if hasattr(self, "_ended"):  # else an interrupt cut its construction short
            self._ended.append(self.id)


class Functions:
    """The registrations of one client.

    Args:
        owner: the client; a template registered by another one is registered again.
        define: mints an id and posts the definition.
        store: puts a large pickle into the object store and returns its object id.
        drop: ends the reference that ``store`` counted.
        total: resources of the machine in units; a demand beyond it can never run.
    """

    def __init__(
        self, owner: object, define: Callable[[Definition], int],
        store: Callable[[Serialized], int], drop: Callable[[int], object], total: dict[str, int], inline_max_bytes: int,
    ) -> None:  # fmt: skip
        self.ended: deque[int] = deque()
        self.companion = 0
        """An object that workers load before they call what is registered from now on."""
        self._owner = owner
        self._define = define
        self._store = store
        self._drop = drop
        self._total = total
        self._inline_max_bytes = inline_max_bytes
        self._known: WeakValueDictionary[tuple[Any, ...], Registration] = WeakValueDictionary()
        self._recent: OrderedDict[tuple[Any, ...], Registration] = OrderedDict()

    def register(self, template: TaskTemplate, *, kind: str = TASK) -> Registration:
        """Return the registration of ``template``, made now if need be.

        Raises:
            SerializationError: the function cannot be pickled; names the variable.
            ValueError: the resources are more than the machine has.
        """
        resources = self._demand(template)
        bare = kind == METHOD and not template.retry_exceptions
        pickled = Serialized(b"", [], ()) if bare else pickle_function(template)
        digest = hashlib.blake2b(pickled.to_bytes(), digest_size=16).digest()
        extras = tuple(sorted(template.extras.items()))
        companions = (self.companion,) if self.companion else ()
        extras += tuple((COMPANION, object_id) for object_id in companions)
        key = (
            digest, kind, template.name, template.num_returns, resources,
            template.max_retries, template.method, extras,
        )  # fmt: skip
        registration = self._known.get(key)
        if registration is None:
            function: bytes | int
            held = (*pickled.contained, *companions)
            large = pickled.size_bytes > self._inline_max_bytes
            if large:
                function = self._store(pickled)
                held = (*held, function)
            else:
                function = pickled.to_bytes()
            template_id = self._define((
                kind, template.name, function, held, resources, template.num_objects,
                template.max_retries, template.method or "", extras,
            ))  # fmt: skip
            if large:
                self._drop(int(function))  # the definition holds it from now on
            registration = Registration(self._owner, template_id, template, self.ended)
            self._known[key] = registration
        if not pickled.contained and pickled.size_bytes <= self._inline_max_bytes:
            self._recent[key] = registration
            self._recent.move_to_end(key)
            if len(self._recent) > _RECENT:
                self._recent.popitem(last=False)
        template.registration = registration
        return registration

    def _demand(self, template: TaskTemplate) -> tuple[tuple[str, int], ...]:
        demand = {
            name: round(amount * RESOURCE_UNITS)
            for name, amount in template.resources.items()
            if amount
        }
        for name, units in demand.items():
            if units > self._total.get(name, 0):
                have = {k: v / RESOURCE_UNITS for k, v in self._total.items()}
                raise ValueError(
                    f"{template.name} asks for {units / RESOURCE_UNITS:g} {name}, and this session "
                    f"has {have.get(name, 0):g}: it could never run. Start the session with more "
                    f"(init(num_cpus=..., num_gpus=..., resources=...)), or ask for less. "
                    f"All there is: {have}"
                )
        return tuple(sorted(demand.items()))


def pickle_function(template: TaskTemplate) -> Serialized:
    """Return the function, and the exception types worth a retry, as bytes.

    Raises:
        SerializationError: names the global or closure variable that cannot be pickled.
    """
    try:
        return serialize((template.function, template.retry_exceptions))
    except SerializationError as error:
        culprit = _culprit(template.function)
        if culprit is None:
            raise
        raise SerializationError(
            f"{template.name} cannot be sent to a worker: it uses {culprit}. Make it inside the "
            "function, or pass what it is made from as an argument"
        ) from error


def _culprit(function: Any) -> str | None:
    """Return which variable of a function, or of a class's methods, cannot be pickled."""
    if inspect.isclass(function):
        methods = [member for member in vars(function).values() if inspect.isfunction(member)]
        return next((found for found in map(_culprit, methods) if found), None)
    if not inspect.isfunction(function):
        return None
    variables = inspect.getclosurevars(function)
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not parameter.empty
    }
    for where, values in (
        ("the closure variable", variables.nonlocals),
        ("the global variable", variables.globals),
        ("the default of argument", defaults),
    ):
        for name, value in values.items():
            try:
                serialize(value)
            except SerializationError as error:
                return f"{where} {name!r} ({type(value).__qualname__}): {error}"
    return None
