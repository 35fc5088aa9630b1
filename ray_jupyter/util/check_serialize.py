"""``inspect_serializability``: which variable inside a value cannot be pickled.

Lives here: the search, and the tree it prints. Does not: pickling (``runtime.store``).
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any, TextIO

from ray_jupyter.errors import RayError
from ray_jupyter.runtime.store.serialization import serialize

_ITEMS_MAX = 1000
_TEXT_MAX = 60


class FailureTuple:
    """Something that cannot be pickled.

    Attributes:
        obj: it.
        path: the names that lead to it.
        parent: what refers to it; ``None`` for the value that was asked about.
    """

    def __init__(self, obj: Any, path: tuple[str, ...], parent: Any) -> None:
        self.obj = obj
        self.path = path
        self.parent = parent

    @property
    def name(self) -> str:
        """The variable's name."""
        return self.path[-1]

    def __repr__(self) -> str:
        return f"FailureTuple({' -> '.join(self.path)}: {_text(self.obj)})"


def inspect_serializability(
    base_obj: Any, name: str | None = None, depth: int = 3, print_file: TextIO | None = None
) -> tuple[bool, set[FailureTuple]]:
    """Return whether a value can be pickled, and what in it cannot; print how it was found.

    Args:
        base_obj: a function, a class, or any value.
        name: what to call it; default: its own name.
        depth: how many steps to go inside.
        print_file: where to print; default: stdout.
    """
    name = name or getattr(base_obj, "__qualname__", None) or type(base_obj).__qualname__
    search = _Search(lambda line: print(line, file=print_file))
    error = _error_of(base_obj)
    if error is None:
        search.show(f"{name} can be pickled: {_text(base_obj)}")
        return True, set()
    search.show(f"{name} cannot be pickled: {_text(base_obj)}")
    search.descend(base_obj, (name,), None, depth, error)
    for failure in search.failures:
        search.show(
            f"=> {' -> '.join(failure.path)} is a {type(failure.obj).__qualname__}, which cannot "
            "be pickled: make it inside the function or the task, or pass what it is made from"
        )
    return False, search.failures


class _Search:
    def __init__(self, show: Callable[[str], object]) -> None:
        self.failures: set[FailureTuple] = set()
        self.show = show
        self._seen: set[int] = set()

    def descend(
        self, value: Any, path: tuple[str, ...], parent: Any, depth: int, error: Exception
    ) -> None:
        """``value`` cannot be pickled: find the parts that make it so, or blame it."""
        self._seen.add(id(value))
        found = False
        for where, name, part in _parts(value) if depth > 0 else ():
            if id(part) in self._seen:
                continue
            part_error = _error_of(part)
            if part_error is not None:
                found = True
                self.show(f"{'    ' * len(path)}{where} {name!r}: {_text(part)}")
                self.descend(part, (*path, name), value, depth - 1, part_error)
        if not found:
            self.show(f"{'    ' * len(path)}{error}")
            self.failures.add(FailureTuple(value, path, parent))


def _error_of(value: Any) -> Exception | None:
    try:
        serialize(value)
    except RayError as error:
        return error
    return None


def _parts(value: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield (what it is, its name, the value) of what a pickle of ``value`` would hold."""
    wrapped = getattr(value, "__wrapped__", None)
    if wrapped is not None and not inspect.isfunction(value):
        yield "wrapped", getattr(wrapped, "__name__", "function"), wrapped
    elif inspect.isfunction(value):
        yield from _variables(value)
    elif inspect.ismethod(value):
        yield "object of the method", "self", value.__self__
        yield from _parts(value.__func__)
    elif isinstance(value, Mapping):
        for key, part in list(value.items())[:_ITEMS_MAX]:
            yield "key", _text(key), key
            yield "value of key", _text(key), part
    elif isinstance(value, (list, tuple, set, frozenset)):
        for index, part in enumerate(list(value)[:_ITEMS_MAX]):
            yield "item", f"[{index}]", part
    else:
        what = "member" if inspect.isclass(value) else "attribute"
        members = dict(getattr(value, "__dict__", {}))
        for slot in getattr(type(value), "__slots__", ()):
            if hasattr(value, slot):
                members[slot] = getattr(value, slot)
        for name, part in members.items():
            if not (name.startswith("__") and name.endswith("__")):
                yield what, name, getattr(part, "__func__", part)


def _variables(function: FunctionType) -> Iterator[tuple[str, str, Any]]:
    """Yield what travels with a function that is pickled by value."""
    cells = function.__closure__ or ()
    for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
        try:
            yield "closure variable", name, cell.cell_contents
        except ValueError:  # it has no value yet
            continue
    for name in _global_names(function.__code__):
        if name in function.__globals__:
            yield "global variable", name, function.__globals__[name]
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is not parameter.empty:
            yield "default of argument", name, parameter.default


def _global_names(code: CodeType) -> dict[str, None]:
    """Return the globals that a function reads, functions inside it included, in order."""
    names = {
        instruction.argval: None
        for instruction in dis.get_instructions(code)
        if instruction.opname == "LOAD_GLOBAL"
    }
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _global_names(constant)
    return names


def _text(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 3] + "..."
