"""Which definitions of a cell become remote: decided on the syntax tree, before it runs.

Lives here: reading top-level functions and classes, and marking those to decorate. Does
not: running anything. Deciding first means that ``--show`` prints exactly what would run,
and that a cell with nothing to make remote has no effect at all.

Without names, everything becomes remote but private names, data classes, enums and
exceptions. What a base class is, is looked up among the notebook's variables and loaded
modules; a base that is first imported by the cell itself is judged by its name.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import enum
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from IPython.core.error import UsageError

from ray_jupyter.notebook.arguments import check_names

_DefinitionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_RECORD_BASES = {"NamedTuple", "TypedDict"}
_PLAIN_SUFFIXES = ("Error", "Exception", "Warning", "Enum", "Flag")


@dataclasses.dataclass(frozen=True)
class Definition:
    """One top-level ``def`` or ``class`` of a cell.

    Attributes:
        node: where it stands in the syntax tree.
        decorate: ``%%remote`` is to put the decorator on it.
        is_remote: it is remote afterwards, by ``%%remote`` or by its own decorator.
    """

    node: _DefinitionNode
    decorate: bool
    is_remote: bool

    @property
    def name(self) -> str:
        """The name it is bound to."""
        return self.node.name

    @property
    def is_class(self) -> bool:
        """It is a class, so an actor when remote."""
        return isinstance(self.node, ast.ClassDef)

    @property
    def first_line(self) -> int:
        """The line of its first decorator, or its own."""
        return min([self.node.lineno, *(d.lineno for d in self.node.decorator_list)])


def read_definitions(
    tree: ast.Module, names: Sequence[str], variables: Mapping[str, Any]
) -> list[Definition]:
    """Return the top-level definitions of a cell, in order, marked by the rules above.

    Args:
        tree: the cell.
        names: those to make remote; empty applies the rule.
        variables: the notebook's variables.

    Raises:
        UsageError: a name is not defined in the cell, or nothing is left to make remote.
    """
    nodes = [n for n in tree.body if isinstance(n, _DefinitionNode)]
    check_names("%%remote", names, [n.name for n in nodes])
    scope = _Scope(tree, variables)
    definitions = []
    for node in nodes:
        is_remote = any(scope.is_remote_decorator(d) for d in node.decorator_list)
        wanted = node.name in names if names else not _stays_plain(node, scope)
        definitions.append(Definition(node, wanted and not is_remote, wanted or is_remote))
    if not any(d.is_remote for d in definitions):
        raise _nothing_to_do(tree, definitions)
    return definitions


def summary(definitions: Sequence[Definition]) -> str:
    """Return the line that a cell prints: ``remote: f · actor: Counter · plain: Config``."""
    groups: dict[str, dict[str, None]] = {"remote": {}, "actor": {}, "plain": {}}
    for d in definitions:
        kind = "plain" if not d.is_remote else "actor" if d.is_class else "remote"
        groups[kind][d.name] = None
    return " · ".join(f"{kind}: {', '.join(names)}" for kind, names in groups.items() if names)


class _Scope:
    """What names mean at the top level of a cell, as far as can be told without running it."""

    def __init__(self, tree: ast.Module, variables: Mapping[str, Any]) -> None:
        self.variables = variables
        self.classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
        self.imported: dict[str, tuple[str, str | None]] = {}
        for node in tree.body:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    module = alias.name if alias.asname else alias.name.partition(".")[0]
                    self.imported[alias.asname or module] = module, None
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    self.imported[alias.asname or alias.name] = node.module, alias.name

    def is_remote_decorator(self, decorator: ast.expr) -> bool:
        """Tell whether this is ``ray.remote``, under any name, with or without arguments."""
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        remote = getattr(sys.modules["ray_jupyter"], "remote", None)
        return self.last_name(target) == "remote" or self.value_of(target) is remote is not None

    def value_of(self, expression: ast.expr) -> Any:
        """Return the object that a (dotted) name means now, or ``None`` if that is not known."""
        if isinstance(expression, ast.Attribute):
            owner = self.value_of(expression.value)
            # Attributes of other objects may run the user's code.
            safe = isinstance(owner, ModuleType | type)
            return getattr(owner, expression.attr, None) if safe else None
        if not isinstance(expression, ast.Name):
            return None
        if expression.id in self.imported:
            module_name, attribute = self.imported[expression.id]
            module = sys.modules.get(module_name)
            return module if attribute is None else getattr(module, attribute, None)
        known = self.variables.get(expression.id)
        return getattr(builtins, expression.id, None) if known is None else known

    def last_name(self, expression: ast.expr) -> str:
        """Return ``c`` of ``a.b.c``, with names imported by the cell under their own name."""
        if isinstance(expression, ast.Attribute):
            return expression.attr
        if isinstance(expression, ast.Name):
            return self.imported.get(expression.id, ("", None))[1] or expression.id
        return ""


def _stays_plain(node: _DefinitionNode, scope: _Scope) -> bool:
    if node.name.startswith("_"):
        return True
    return isinstance(node, ast.ClassDef) and _is_plain_class(node, scope, frozenset())


def _is_plain_class(node: ast.ClassDef, scope: _Scope, seen: frozenset[str]) -> bool:
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if scope.last_name(target) == "dataclass":
            return True
    return any(_is_plain_base(base, scope, seen | {node.name}) for base in node.bases)


def _is_plain_base(base: ast.expr, scope: _Scope, seen: frozenset[str]) -> bool:
    if isinstance(base, ast.Name) and base.id in scope.classes and base.id not in seen:
        return _is_plain_class(scope.classes[base.id], scope, seen)
    name, value = scope.last_name(base), scope.value_of(base)
    if isinstance(value, type):
        is_record = dataclasses.is_dataclass(value) or hasattr(value, "_fields")
        return is_record or issubclass(value, BaseException | enum.Enum)
    return name in _RECORD_BASES or (value is None and name.endswith(_PLAIN_SUFFIXES))


def _nothing_to_do(tree: ast.Module, definitions: Sequence[Definition]) -> UsageError:
    if definitions:
        plain = ", ".join(dict.fromkeys(d.name for d in definitions))
        return UsageError(
            f"nothing to make remote here ({plain}: private names, data classes, enums and "
            f"exceptions stay plain).\n  To make one remote all the same, name it:  "
            f"%%remote {definitions[0].name}"
        )
    assigned = [
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    name = assigned[-1] if assigned else "x"
    return UsageError(
        "nothing to make remote here (no top-level def or class).\n"
        f"  To run this cell in a worker:  %%remote -o {name}     ({name} becomes a ref)   or   "
        "%%remote --run"
    )
