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

from ray_jupyter import environment
from ray_jupyter.errors import SerializationError
from ray_jupyter.runtime.client.carried import notice
from ray_jupyter.runtime.client.modules import WATCH, Edits
from ray_jupyter.runtime.client.versions import version_of
from ray_jupyter.runtime.protocol.messages import (
    COMPANION,
    EDITED,
    METHOD,
    RUNTIME_ENV,
    TASK,
    VERSION,
    Definition,
)
from ray_jupyter.runtime.protocol.specs import NODE_ID, RESOURCE_UNITS, TaskTemplate
from ray_jupyter.runtime.store.serialization import Serialized, serialize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
        session_id: the id of the only node.
    """

    def __init__(
        self, owner: object, define: Callable[[Definition], int],
        store: Callable[[Serialized], int], drop: Callable[[int], object], total: dict[str, int], inline_max_bytes: int,
        session_id: str,
    ) -> None:  # fmt: skip
        self.ended: deque[int] = deque()
        self.companion = 0
        """An object that workers load before they call what is registered from now on."""
        self.environment = environment.NONE
        """Of this process, or of the session: what is submitted here runs in it, too."""
        self.edits: Callable[[], Edits] = WATCH.look
        """Tells of the user's modules what a worker must have in its newest version."""
        self._owner = owner
        self._define = define
        self._store = store
        self._drop = drop
        self._total = total
        self._session_id = session_id
        self._inline_max_bytes = inline_max_bytes
        self._known: WeakValueDictionary[tuple[Any, ...], Registration] = WeakValueDictionary()
        self._recent: OrderedDict[tuple[Any, ...], Registration] = OrderedDict()

    def register(self, template: TaskTemplate, *, kind: str = TASK) -> Registration:
        """Return the registration of ``template``, made now if need be.

        Raises:
            SerializationError: the function cannot be pickled; names the variable.
            ValueError: the resources are more than the machine has, or it is not the node.
        """
        extras = self._extras(template) if kind != METHOD else template.extras
        resources = self._demand(template, extras.get(RUNTIME_ENV, environment.NONE))
        bare = kind == METHOD and not template.retry_exceptions
        pickled = Serialized(b"", [], ()) if bare else pickle_function(template)
        digest = _digest(pickled)
        companions = (self.companion,) if self.companion else ()
        options = tuple(sorted(extras.items()))
        edits = self.edits() if kind != METHOD else ()  # an actor keeps what it has
        options += ((EDITED, edits),) if edits else ()
        version = version_of(template.function) if kind != METHOD else ""
        options += ((VERSION, version),) if version else ()
        options += tuple((COMPANION, object_id) for object_id in companions)
        key = (
            digest, kind, template.name, template.num_returns, resources,
            template.max_retries, template.method, options,
        )  # fmt: skip
        registration = self._known.get(key)
        if registration is None:
            function: bytes | int
            held = (*pickled.contained, *companions)
            large = pickled.size_bytes > self._inline_max_bytes
            if large:
                notice(template, pickled.size_bytes)
                function = self._store(pickled)
                held = (*held, function)
            else:
                function = pickled.to_bytes()
            template_id = self._define((
                kind, template.name, function, held, resources, template.num_objects,
                template.max_retries, template.method or "", options,
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

    def on_total(self, total: dict[str, int]) -> None:
        """The session has other resources from now on: demands are looked at again."""
        self._total = total
        known = self._known.valuerefs()  # a copy: others may register at this moment
        self._known.clear()
        self._recent.clear()
        for registration in filter(None, (reference() for reference in known)):
            registration.owner = None

    def _extras(self, template: TaskTemplate) -> Mapping[str, Any]:
        """Return the template's extras as they are for calls from here."""
        check_node(template, self._session_id)
        inherited = self.environment
        if not inherited:
            return template.extras
        own = template.extras.get(RUNTIME_ENV, environment.NONE)
        return {**template.extras, RUNTIME_ENV: environment.merged(inherited, own)}

    def _demand(self, template: TaskTemplate, entered: str) -> tuple[tuple[str, int], ...]:
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
        if entered:
            demand[f"{RUNTIME_ENV} {entered}"] = 0  # see ``core.leases``
        return tuple(sorted(demand.items()))


def _digest(pickled: Serialized) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for _, piece in pickled.pieces():  # not copied into one: they may be large
        digest.update(piece)
    return digest.digest()


def check_node(template: TaskTemplate, session_id: str) -> None:
    """Refuse a template that must run on another machine.

    Raises:
        ValueError: it names a node that is not this one.
    """
    wanted = template.extras.get(NODE_ID, session_id)
    if wanted != session_id:
        raise ValueError(
            f"{template.name} must run on node {wanted!r}, and the only one is {session_id!r}: it "
            "could never run; say soft=True, or take the id from nodes()[0]['NodeID']"
        )


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
