"""What makes a function large: which of its variables, and where it uses them.

Looked for only when a function is large: the user is told once, with name, size and line.
"""

from __future__ import annotations

import dis
import inspect
import warnings
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from ray_jupyter.errors import LargeArgumentWarning, SerializationError
from ray_jupyter.runtime.client.arguments import NOTICE_BYTES, levels_to_user
from ray_jupyter.runtime.store.serialization import serialize

if TYPE_CHECKING:
    from ray_jupyter.runtime.protocol.specs import TaskTemplate

_READS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF")
_FUNCTIONS_MAX = 100

_noticed: set[tuple[str, str]] = set()


def notice(template: TaskTemplate, size_bytes: int) -> None:
    """Warn, once each, of the variables that make a function this large."""
    found = large_variables(template.function) if size_bytes >= NOTICE_BYTES else []
    for name, size, words in found:
        if size < NOTICE_BYTES or (template.name, name) in _noticed:
            continue
        _noticed.add((template.name, name))
        warnings.warn(
            f"{template.name} captures {words}: stored once, with the function, for all of its "
            f"calls. Functions share it as an argument: ref = ray.put({name})",
            LargeArgumentWarning,
            stacklevel=levels_to_user(),
        )


def large_variables(function: Any) -> list[tuple[str, int, str]]:
    """Return (name, bytes, words) of the variables that go with a function, largest first."""
    found: dict[int, tuple[str, int, str]] = {}
    for through, name, value, line in _carried(function):
        if id(value) not in found:
            size = _size_bytes(value)
            details = [type(value).__qualname__, f"{size / 1e6:.0f} MB", f"line {line}", through]
            found[id(value)] = name, size, f"{name!r} ({', '.join(filter(None, details))})"
    return sorted(found.values(), key=lambda item: -item[1])


def _size_bytes(value: Any) -> int:
    try:
        return serialize(value).size_bytes
    except SerializationError:  # it cannot go anywhere; whoever sends the function says so
        return 0


def _carried(target: Any) -> Iterator[tuple[str, str, Any, int]]:
    """Yield (words, name, value, line) of variables, also of functions that go with this one."""
    known: set[FunctionType] = set()
    own = _functions_of(target)
    waiting = list(own)
    while waiting and len(known) < _FUNCTIONS_MAX:
        function = waiting.pop(0)
        if function in known:
            continue
        known.add(function)
        for name, value, line in _variables(function):
            inner = getattr(value, "__wrapped__", value)
            if type(inner) is FunctionType or inspect.isclass(inner):
                if inner.__module__ == "__main__" or name in function.__code__.co_freevars:
                    waiting += _functions_of(inner)
            elif not inspect.ismodule(value):
                yield "" if function in own else f"in {function.__name__}", name, value, line


def _functions_of(target: Any) -> list[FunctionType]:
    if inspect.isclass(target):
        return [member for member in vars(target).values() if type(member) is FunctionType]
    target = inspect.unwrap(target) if callable(target) else target
    return [target] if type(target) is FunctionType else []


def _variables(function: FunctionType) -> Iterator[tuple[str, Any, int]]:
    lines = dict(_lines(function.__code__))
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        try:
            yield name, cell.cell_contents, lines.get(name, 0)
        except ValueError:  # it has no value yet
            continue
    for name, line in lines.items():
        if name in function.__globals__ and name not in function.__code__.co_freevars:
            yield name, function.__globals__[name], line
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is not parameter.empty:
            yield parameter.name, parameter.default, function.__code__.co_firstlineno


def _lines(code: CodeType) -> Iterator[tuple[str, int]]:
    """Yield (name, line) of what code reads from outside; of several lines the first comes last."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _lines(constant)
    line, reads = code.co_firstlineno, []
    for instruction in dis.get_instructions(code):
        if instruction.starts_line:
            line = _line_of(instruction, line)
        if instruction.opname in _READS:
            reads.append((instruction.argval, line))
    yield from reversed(reads)


def _line_of(instruction: Any, before: int) -> int:
    """Return the line of an instruction that starts one: 3.13 has it elsewhere."""
    line = getattr(instruction, "line_number", None) or instruction.starts_line
    return before if line is True or line is None else int(line)
