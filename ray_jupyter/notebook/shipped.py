"""The body of a cell as a task: what ``%%remote -o`` and ``%remote`` send, and what runs it there.

Imported in workers: nothing of IPython here.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import sys
import traceback
from typing import Any, NamedTuple


class Program(NamedTuple):
    """A cell's source, and what is wanted of it.

    Attributes:
        source: Python, with the line numbers of the cell.
        filename: what tracebacks call it; the notebook knows the source by it.
        names: the variables that are wanted.
        shows: display the value of the last expression, and print what is raised: nobody
            waits for either.
    """

    source: str
    filename: str
    names: tuple[str, ...] = ()
    shows: bool = False


def run(program: Program, /, **variables: Any) -> Any:
    """Run it with these variables.

    Returns:
        The value of the last expression; with ``names``, that and theirs.

    Raises:
        NameError: a wanted variable was not assigned.
    """
    __tracebackhide__ = True
    lines = [f"{line}\n" for line in program.source.splitlines()]
    linecache.cache[program.filename] = len(program.source), None, lines, program.filename
    # As in the notebook: what is defined here is pickled by value.
    namespace = {"__name__": "__main__", "__builtins__": builtins, **variables}
    try:
        value = _execute(program, namespace)
        for name in program.names:
            if name not in namespace:
                raise NameError(f"the cell has ended, and {name} was not assigned")
    except BaseException as error:
        if program.shows:
            _print(error)
        raise
    if program.shows and value is not None:
        getattr(builtins, "display", print)(value)
    return (value, *(namespace[name] for name in program.names)) if program.names else value


def _execute(program: Program, namespace: dict[str, Any]) -> Any:
    __tracebackhide__ = True
    tree = ast.parse(program.source, program.filename)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        _evaluate(tree, "exec", program, namespace)
        return None
    del tree.body[-1]
    _evaluate(tree, "exec", program, namespace)
    return _evaluate(ast.Expression(last.value), "eval", program, namespace)


def _evaluate(
    tree: ast.Module | ast.Expression, mode: str, program: Program, namespace: dict[str, Any]
) -> Any:
    __tracebackhide__ = True
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(tree, program.filename, mode, flags, dont_inherit=True)
    value = eval(code, namespace)
    if code.co_flags & inspect.CO_COROUTINE:
        import asyncio  # slow, and few cells await

        return asyncio.run(value)
    return value


def _print(error: BaseException) -> None:
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames, file=sys.stderr)
