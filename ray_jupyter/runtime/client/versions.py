"""Which version of a function or class something runs: a text that changes when its code does.

A notebook's cell is edited and run again; what was submitted before goes on with what it was sent.
The version travels with the function, so that whoever looks can tell one from the other.

Rules
    * The same source gives the same version, wherever it stands in its cell, in every process.
      Comments and blank lines do not count.
    * It is about the code that the user sees: what a function finds in other variables does not
      count, nor do its options. Default values count as far as they are plain.
"""

from __future__ import annotations

import hashlib
import inspect
from functools import partial
from types import CodeType, FunctionType
from typing import Any

_DIGEST_BYTES = 8
_ITEMS_MAX = 100
_PLAIN = (str, bytes, int, float, complex, bool, type(None), type(Ellipsis))
_NOT_SOURCE = frozenset({
    "__dict__", "__weakref__", "__module__", "__qualname__", "__firstlineno__", "_abc_impl",
    "__static_attributes__", "__annotations__", "__annotate__", "__annotate_func__",
    "__annotations_cache__", "__abstractmethods__",
})  # fmt: skip
"""What a class has that is not written in it, or says where it stands."""


def version_of(function: Any) -> str:
    """Return ``module.qualified_name@digest``; empty if there is no Python code to tell it by."""
    plain = function.func if isinstance(function, partial) else inspect.unwrap(function)
    if not isinstance(plain, (FunctionType, type)):
        return ""
    content = repr(_member(plain)).encode(errors="surrogatepass")
    digest = hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()
    return f"{plain.__module__}.{plain.__qualname__}@{digest}"


def name_of(version: str) -> str:
    """Return the part of a version that stays when the code changes."""
    return version.rpartition("@")[0]


def _member(value: Any) -> Any:
    """Return what a function, a class, or what stands in one, is told by: plain nested tuples."""
    if isinstance(value, FunctionType):
        return _code(value.__code__), _value(value.__defaults__), _value(value.__kwdefaults__)
    if isinstance(value, (staticmethod, classmethod)):
        return type(value).__name__, _member(value.__func__)
    if isinstance(value, property):
        return "property", *map(_member, (value.fget, value.fset, value.fdel))
    if isinstance(value, type):
        return _class(value)
    inner = getattr(value, "__wrapped__", None)
    return _member(inner) if isinstance(inner, FunctionType) else _value(value)


def _class(cls: type, outer: tuple[type, ...] = ()) -> Any:
    def part(other: Any, name: str) -> Any:
        if not isinstance(other, type):
            return _member(other)
        # One of another module, or of another name, is only mentioned.
        is_here = other.__module__ == cls.__module__ and other.__name__ == name
        around = (*outer, cls)
        return _class(other, around) if is_here and other not in around else other.__name__

    bases = [part(base, base.__name__) for base in cls.__bases__]
    members = sorted(vars(cls).items())
    return bases, [(name, part(m, name)) for name, m in members if name not in _NOT_SOURCE]


def _code(code: CodeType) -> Any:
    # Of a class inside, its first line is one of the constants (from Python 3.13 on).
    line = code.co_firstlineno if "__firstlineno__" in code.co_names else None
    constants = [
        None if line is not None and type(c) is int and c == line else _value(c)
        for c in code.co_consts
    ]
    return (
        code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars,
        code.co_cellvars, code.co_flags, code.co_argcount, code.co_posonlyargcount,
        code.co_kwonlyargcount, getattr(code, "co_exceptiontable", b""),
    )  # fmt: skip


def _value(value: Any) -> Any:
    """Return what a plain value is told by, and of any other its type."""
    kind = type(value)
    if kind in _PLAIN:
        return kind.__name__, repr(value)
    if kind is CodeType:
        return _code(value)
    if kind in (tuple, list, set, frozenset, dict) and len(value) <= _ITEMS_MAX:
        parts = [_value(part) for part in (value.items() if kind is dict else value)]
        # The order of a set is another one in every process.
        return kind.__name__, sorted(parts, key=repr) if kind in (set, frozenset) else parts
    return kind.__qualname__
