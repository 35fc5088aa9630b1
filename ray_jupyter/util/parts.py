"""What is in a value, one level down, and how a user would write it.

Lives here: containers, attributes, closures, tracebacks. Does not: looking for anything
(``holders``).

No code of the user's runs: attributes are read out of ``__dict__`` and slots, containers as
Python's own, and only keys of Python's own types are written out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import (
    CellType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    TracebackType,
)
from typing import Any, NamedTuple

from ray_jupyter.actors import ActorClass, ActorHandle, ActorMethod
from ray_jupyter.generators import ObjectRefGenerator
from ray_jupyter.remote import RemoteFunction
from ray_jupyter.runtime.client.modules import is_of_user

_KEY_CHARS = 20
LEAVES = frozenset({str, bytes, int, float, complex, bool, type(None)})
"""Exact types of what nothing is in."""
_NOT_HERS = ("IPython.", "ipykernel.", "traitlets.", "ray_jupyter.notebook.")
"""What is in instances of classes from here, the shell above all, is not named by way of them."""


class Place(NamedTuple):
    """Where a value is: an expression, and what has to be said besides."""

    text: str
    note: str = ""

    def inside(self, suffix: str) -> Place:
        """Return the place of a part."""
        return Place(self.text + suffix, self.note)

    def __str__(self) -> str:
        return f"{self.text} {self.note}" if self.note else self.text


Parts = Iterator[tuple[Place, Any]]


def parts_of(place: Place, value: Any) -> Parts:
    """Yield what is directly in a value."""
    kind = type(value)  # not ``isinstance``: it may ask the value
    for cls in kind.__mro__:
        parts = _PARTS.get(cls)
        if parts is not None:
            return parts(place, value)
    return _of_instance(place, value)


def _of_dict(place: Place, value: dict[Any, Any]) -> Parts:
    for key, item in list(dict.items(value)):
        yield place.inside(f"[{_short(key)}]"), item
        yield Place(f"a key of {place.text}", place.note), key
    yield from _of_instance(place, value)


def _in_order(items: Callable[[Any], Iterable[Any]]) -> Callable[[Place, Any], Parts]:
    def parts(place: Place, value: Any) -> Parts:
        for index, item in enumerate(list(items(value))):
            yield place.inside(f"[{index}]"), item
        yield from _of_instance(place, value)

    return parts


def _unordered(items: Callable[[Any], Iterable[Any]]) -> Callable[[Place, Any], Parts]:
    def parts(place: Place, value: Any) -> Parts:
        for item in list(items(value)):
            yield Place(f"an item of {place.text}", place.note), item

    return parts


def _of_ours(*names: str) -> Callable[[Place, Any], Parts]:
    def parts(place: Place, value: Any) -> Parts:
        for name in names:
            yield place, getattr(value, name, None)

    return parts


def _of_function(place: Place, function: FunctionType) -> Parts:
    names = function.__code__.co_freevars
    for name, cell in zip(names, function.__closure__ or (), strict=True):
        yield Place(name, f"in the closure of {place}"), cell
    defaults, count = function.__defaults__ or (), function.__code__.co_argcount
    named = zip(function.__code__.co_varnames[count - len(defaults) : count], defaults, strict=True)
    for name, default in (*named, *(function.__kwdefaults__ or {}).items()):
        yield Place(name, f"as a default of {place}"), default
    yield from _attributes(place, vars(function))


def _of_cell(place: Place, cell: CellType) -> Parts:
    try:
        yield place, cell.cell_contents
    except ValueError:  # its variable has no value yet
        return


def _of_traceback(place: Place, traceback: TracebackType | None) -> Parts:
    while traceback is not None:
        frame = traceback.tb_frame
        name, module = frame.f_code.co_name, str(frame.f_globals.get("__name__"))
        # At the top level they are the variables of a module.
        if name != "<module>" and not module.startswith(("IPython.", "ray_jupyter.")):
            for variable, value in list(frame.f_locals.items()):
                yield Place(variable, f"in {name}, in the traceback of {place}"), value
        traceback = traceback.tb_next


def _of_error(place: Place, error: BaseException) -> Parts:
    yield place, error.args
    yield place, error.__traceback__
    yield place, error.__cause__ or error.__context__
    yield from _of_instance(place, error)


def _suspended(attribute: str) -> Callable[[Place, Any], Parts]:
    def parts(place: Place, value: Any) -> Parts:
        frame = getattr(value, attribute)
        for name, item in list(frame.f_locals.items()) if frame is not None else ():
            yield Place(name, f"in {place}"), item

    return parts


def _of_module(place: Place, module: ModuleType) -> Parts:
    if is_of_user(vars(module).get("__file__")):
        yield from _attributes(place, vars(module))


def _of_class(place: Place, cls: type) -> Parts:
    if cls.__module__ == "__main__":
        yield from _attributes(place, vars(cls))


def _of_instance(place: Place, value: Any) -> Parts:
    cls = type(value)
    if cls.__module__.startswith(_NOT_HERS):
        return
    if cls.__module__.startswith("pandas.") and (blocks := getattr(value, "_mgr", None)):
        for array in getattr(blocks, "arrays", ()):
            yield place, array
        return
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:  # it has slots, or is of a type in C
        attributes = None
    if type(attributes) is dict:
        yield from _attributes(place, attributes)
    for base in cls.__mro__:
        for name, member in vars(base).items():
            if type(member) is MemberDescriptorType and name != "__dict__":
                yield from _of_slot(place.inside(f".{name}"), member, value)


def _of_slot(place: Place, member: MemberDescriptorType, value: Any) -> Parts:
    try:
        yield place, member.__get__(value)
    except AttributeError:  # nothing is in it
        return


def _attributes(place: Place, attributes: Mapping[str, Any]) -> Parts:
    for name, item in list(attributes.items()):
        yield place.inside(f".{name}"), item


def _short(key: Any) -> str:
    plain = type(key) in LEAVES or (type(key) is tuple and all(type(k) in LEAVES for k in key))
    text = repr(key) if plain else "…"
    return text if len(text) <= _KEY_CHARS else f"{text[: _KEY_CHARS - 1]}…"


_PARTS: dict[type, Callable[[Place, Any], Parts]] = {
    dict: _of_dict,
    list: _in_order(list.__iter__),
    tuple: _in_order(tuple.__iter__),
    deque: _in_order(deque.__iter__),
    set: _unordered(set.__iter__),
    frozenset: _unordered(frozenset.__iter__),
    RemoteFunction: _of_ours("__wrapped__"),
    ActorClass: _of_ours("__wrapped__"),
    ActorHandle: _of_ours("_ref"),
    ActorMethod: _of_ours("_actor"),
    ObjectRefGenerator: _of_ours("_completion"),
    FunctionType: _of_function,
    MethodType: _of_ours("__self__", "__func__"),
    partial: _of_ours("func", "args", "keywords"),
    CellType: _of_cell,
    TracebackType: _of_traceback,
    BaseException: _of_error,
    GeneratorType: _suspended("gi_frame"),
    CoroutineType: _suspended("cr_frame"),
    ModuleType: _of_module,
    type: _of_class,
}
"""By class: what is in its instances. Of several, the first in the order of inheritance counts."""
