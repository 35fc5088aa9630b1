"""``%%remote``: a cell in which definitions carry ``@ray.remote`` that nobody wrote.

Lives here: the cell's source, the decorated syntax tree, running it, and the plain code
that does the same. Does not: which definitions (``definitions``), options (``arguments``).

The cell is compiled and executed here rather than handed to the shell's ``run_cell``,
because that prints an error and lets the cell succeed. Its source is registered under the
number of the cell, with the lines above it as comments, so that a traceback counts lines
as the user does.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Any

from IPython.core.error import UsageError

from ray_jupyter.notebook import Shell
from ray_jupyter.notebook.definitions import Definition

_DECORATOR = "__ray_remote__"
_BLANK_LINES = re.compile(r"(?:[ \t]*\n)*")


class RemoteCell:
    """The body of a ``%%remote`` cell, parsed.

    Attributes:
        body: what the user wrote below the magic.
        tree: the syntax tree of the body, with the line numbers of the whole cell.
        source: Python, with the lines above as comments.
        filename: what tracebacks call it.
        head_lines: how many lines stand above the body.
    """

    def __init__(
        self, shell: Shell, raw_cell: str, line: str, body: str, *, may_await: bool = False
    ) -> None:
        """Parse the cell.

        Args:
            shell: where it will run.
            raw_cell: all that the user ran, or whatever ran last: it counts if it ends with
                ``body``. There may be more magics above, such as ``%%time``.
            line: the rest of the magic's own line.
            body: the text below that line.
            may_await: whether it may await outside of functions.

        Raises:
            SyntaxError: the body is not Python, with the line as the user counts.
            UsageError: it starts with another magic, or awaits at the top level.
        """
        if body.lstrip().startswith("%%"):
            other = body.split()[0]
            raise UsageError(
                f"%%remote: expected definitions, got {other}. Put {other} above %%remote"
            )
        if not raw_cell.rstrip("\n").endswith(body.rstrip("\n")):
            raw_cell = f"%%remote {line}\n{body}"
        head = raw_cell.rstrip("\n").removesuffix(body.rstrip("\n"))
        self.body = body
        self.head_lines = head.count("\n")
        self._shell = shell
        # The shell drops empty lines at the start, and later lines would be counted wrong.
        dropped = _BLANK_LINES.match(body)
        blank_lines = dropped[0] if dropped else ""
        source = _as_comments(head) + blank_lines + shell.transform_cell(body)
        # The name is the outer cell's in a kernel, so breakpoints of the debugger hold here.
        self.filename = shell.compile.cache(source, cell_number(shell), raw_code=raw_cell)
        self.tree: ast.Module = shell.compile.ast_parse(source, self.filename)
        self.source = source
        if not may_await and _awaits(self.tree):
            raise UsageError(
                "%%remote: expected no await outside of functions. Remove %%remote and write "
                "the decorator @ray.remote above the definitions of this cell"
            )

    def as_plain_code(self, definitions: Sequence[Definition], options_source: str) -> str:
        """Return the cell as one would write it without ``%%remote``."""
        lines = self.body.split("\n")
        decorator = f"@ray.remote({options_source})" if options_source else "@ray.remote"
        for definition in sorted(definitions, key=lambda d: d.first_line, reverse=True):
            if definition.decorate:
                lines.insert(definition.first_line - 1 - self.head_lines, decorator)
        return "\n".join(lines).strip("\n")

    def run(self, definitions: Sequence[Definition], decorator: Callable[[Any], Any]) -> Any:
        """Run the cell in the notebook; return the value of a trailing expression.

        Args:
            definitions: those of ``tree``; the marked ones are decorated.
            decorator: what makes a function or class remote.
        """
        __tracebackhide__ = True
        for definition in definitions:
            if definition.decorate:
                _decorate(definition.node)
        tree = self._shell.transform_ast(self.tree)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        shell, variables = self._shell, self._shell.user_ns
        variables[_DECORATOR] = decorator
        try:
            exec(shell.compile(tree, self.filename, "exec"), shell.user_global_ns, variables)
            if last is None:
                return None
            code = shell.compile(ast.Expression(last.value), self.filename, "eval")
            return eval(code, shell.user_global_ns, variables)
        finally:
            variables.pop(_DECORATOR, None)


def cell_number(shell: Shell) -> int:
    """Return the ``n`` of the ``In[n]`` that is running."""
    # When the shell's own counter grows, before the cell runs or after, depends on its version.
    result = getattr(shell.displayhook, "exec_result", None)
    number: int = getattr(result, "execution_count", None) or shell.execution_count
    return number


def _as_comments(head: str) -> str:
    return "".join(f"# {line}" for line in head.splitlines(keepends=True))


def _decorate(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
    place = node.decorator_list[0] if node.decorator_list else node
    node.decorator_list.insert(0, ast.copy_location(ast.Name(_DECORATOR, ast.Load()), place))


def _awaits(node: ast.AST) -> bool:
    if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
        return True
    if isinstance(node, ast.comprehension) and node.is_async:
        return True
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return False
    return any(_awaits(child) for child in ast.iter_child_nodes(node))
