"""``%%remote -o``, ``%%remote --run`` and ``%remote``: a cell runs in a worker.

Lives here: what it takes along, what becomes of its results. Does not: running it there (``shipped``).
"""

from __future__ import annotations

import argparse
import ast
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.error import UsageError

from ray_jupyter import api
from ray_jupyter.errors import LargeArgumentWarning
from ray_jupyter.notebook import Shell, captures, shipped
from ray_jupyter.notebook.arguments import number
from ray_jupyter.notebook.remote_cell import RemoteCell, cell_number
from ray_jupyter.options import did_you_mean
from ray_jupyter.remote import RemoteFunction
from ray_jupyter.runtime.protocol.messages import SHOWS_ERRORS


class Shipment:
    """A cell on its way to a worker.

    Args:
        shell: the notebook.
        variables: its variables, or those where the magic was called.
        body: the cell.
        arguments: what ``remote_parser`` read.

    Raises:
        UsageError: a name is not assigned by the cell, or not there to be taken along.
    """

    def __init__(
        self, shell: Shell, variables: Mapping[str, Any], body: RemoteCell,
        arguments: argparse.Namespace,
    ) -> None:  # fmt: skip
        self._shell = shell
        self._body = body
        self._waits = bool(arguments.wait)
        self._timeout_s = None
        if arguments.timeout is not None:
            self._timeout_s = number("--timeout", arguments.timeout, variables)
        read, assigned = captures.names_of(body.tree)
        self.names = _listed(arguments.out)
        _check_names("-o", self.names, sorted(assigned), "the cell does not assign it")
        self.inputs = takes(shell, variables, read, arguments.inputs)
        self.label = arguments.label or f"In[{cell_number(shell)}]"
        self.has_value = bool(body.tree.body) and isinstance(body.tree.body[-1], ast.Expr)

    def as_plain_code(self, options_source: str) -> str:
        """Return the cell as one would write it without ``%%remote``."""
        options = [f"num_returns={len(self.names) + 1}"] if self.names else []
        options += [options_source] if options_source else []
        decorator = f"@ray.remote({', '.join(options)})" if options else "@ray.remote"
        lines = self._body.body.strip("\n").split("\n")
        results = list(self.names)
        value = "None"
        if self.has_value:
            first = self._body.tree.body[-1].lineno - 1 - self._body.head_lines
            last = self._body.body.split("\n")[first:]
            lines = self._body.body.split("\n")[:first]
            value = "\n".join(last).strip().rstrip(";")
        lines += [f"return {', '.join([value, *results])}"]
        code = textwrap.indent("\n".join(lines).strip("\n"), "    ")
        targets = ", ".join(["value", *results])
        inputs = ", ".join(self.inputs)
        return f"{decorator}\ndef cell({inputs}):\n{code}\n\n{targets} = cell.remote({inputs})"

    def send(self, keywords: Mapping[str, Any]) -> Any:
        """Submit it; bind the names; return the ref of the last expression, or its value."""
        __tracebackhide__ = True
        shows = not self._waits and not is_silenced(self._body.body)
        program = shipped.Program(self._body.source, self._body.filename, self.names, shows)
        if line := captures.large_ones(self.inputs):
            print(line)
        refs = submit(program, self.inputs, {**keywords, "name": self.label})
        value, *results = refs if self.names else [refs]
        if self._waits:
            value, *results = api.get([value, *results], timeout=self._timeout_s)
        self._shell.user_ns.update(zip(self.names, results, strict=True))
        return value if self.has_value else None


def is_silenced(cell: str) -> bool:
    """Return whether a cell ends with a semicolon."""
    silenced: bool = DisplayHook.semicolon_at_end_of_expression(cell)  # type: ignore[no-untyped-call]
    return silenced


def send_expression(
    shell: Shell, variables: Mapping[str, Any], expression: str, *, shows: bool
) -> Any:
    """Submit one expression; return the ref of its value.

    Raises:
        UsageError: it is none.
    """
    filename = shell.compile.cache(expression, cell_number(shell))
    try:
        value = ast.parse(expression, filename, mode="eval").body
    except SyntaxError as problem:
        raise UsageError(f"%remote: expected an expression ({problem.msg}): {expression}") from None
    read, _ = captures.names_of(ast.Module([ast.copy_location(ast.Expr(value), value)], []))
    inputs = takes(shell, variables, read, None)
    if line := captures.large_ones(inputs):
        print(line)
    return submit(shipped.Program(expression, filename, (), shows), inputs, {"name": "%remote"})


def submit(program: shipped.Program, inputs: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """Start the task."""
    __tracebackhide__ = True
    given = {name: value for name, value in options.items() if value is not None}
    given |= {"num_returns": len(program.names) + 1, SHOWS_ERRORS: program.shows}
    function: Any = RemoteFunction(shipped.run, given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LargeArgumentWarning)  # said already, in one line
        return function.remote(program, **inputs)


def takes(
    shell: Shell, variables: Mapping[str, Any], read: Sequence[str], only: str | None
) -> dict[str, Any]:
    """Return the variables to take along.

    Raises:
        UsageError: ``only`` names what is not there; or the cell needs the notebook itself.
    """
    if "get_ipython" in read:
        raise UsageError(
            "%remote: magics and shell commands (%…, !…) run in the notebook only. Use "
            "subprocess in this cell, or run them in a cell of their own"
        )
    hidden = shell.user_ns_hidden
    there = [n for n in variables if n not in hidden and not n.startswith("__")]
    if only is not None:
        wanted = _listed(only)
        _check_names("-i", wanted, there, "there is no such variable")
        return {name: variables[name] for name in wanted}
    known = set(there)
    return {name: variables[name] for name in read if name in known}


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _check_names(option: str, names: Sequence[str], known: Sequence[str], why: str) -> None:
    for name in names:
        if name not in known:
            raise UsageError(f"%%remote {option} {name}: {why}{did_you_mean(name, known)}")
