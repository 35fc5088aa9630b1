"""What a cell takes from the notebook when it runs elsewhere: read off its bytecode.

A name counts as taken where it is read before a plain statement of the cell has assigned it. What is
only assigned in a branch or a loop may be taken in vain, which costs a copy and nothing else.
"""

from __future__ import annotations

import ast
import dis
import sys
from collections.abc import Mapping
from types import CodeType
from typing import Any

from ray_jupyter.config import format_size

LARGE_BYTES = 1_000_000
"""From this size on, what is taken is listed."""

_READS = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
_WRITES = ("STORE_NAME", "STORE_GLOBAL")
_CERTAIN = (
    ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef,
    ast.ClassDef,
)  # fmt: skip


def names_of(tree: ast.Module) -> tuple[list[str], set[str]]:
    """Return (names that the cell reads from outside, names that it assigns)."""
    read: dict[str, None] = {}
    assigned: set[str] = set()
    known: set[str] = set()
    for statement in tree.body:
        module = ast.Module([statement], [])
        code = compile(module, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        reads, writes = _uses(code)
        read.update(dict.fromkeys(n for n in reads if n not in known and n[:2] != "__"))
        assigned |= writes
        if isinstance(statement, _CERTAIN):
            known |= writes
    return list(read), assigned


def _uses(code: CodeType) -> tuple[list[str], set[str]]:
    reads: list[str] = []
    writes: set[str] = set()
    for instruction in dis.get_instructions(code):
        if instruction.opname in _READS:
            reads.append(instruction.argval)
        elif instruction.opname in _WRITES:
            writes.add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            reads += _uses(constant)[0]
    return reads, writes


def large_ones(variables: Mapping[str, Any]) -> str:
    """Return ``takes df (1.2 GB)``, or nothing when everything is small."""
    sizes = {name: size_of(value) for name, value in variables.items()}
    large = [f"{name} ({format_size(size)})" for name, size in sizes.items() if size >= LARGE_BYTES]
    return f"takes {', '.join(large)}" if large else ""


def size_of(value: object) -> int:
    """Return about how many bytes a value has, without copying it."""
    for attribute in ("nbytes", "memory_usage"):
        size = getattr(value, attribute, None)
        try:
            size = size() if callable(size) else size
            return int(size) if isinstance(size, int) else int(sum(size))  # type: ignore[arg-type]
        except (TypeError, ValueError):  # an attribute of this name with another meaning
            continue
    return sys.getsizeof(value, 0)
