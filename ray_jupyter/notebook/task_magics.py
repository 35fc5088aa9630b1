"""``%ray_cancel``, ``%ray_logs`` and ``%ray_trace``: what tasks do, printed and did."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand

from ray_jupyter import api, session, status
from ray_jupyter.backends.base import Backend
from ray_jupyter.generators import ObjectRefGenerator
from ray_jupyter.notebook.arguments import MagicParser, explained_by, whole_number
from ray_jupyter.notebook.extension import MagicGroup
from ray_jupyter.notebook.logs import Line
from ray_jupyter.notebook.stopping import cancel_cell, cancel_tasks
from ray_jupyter.options import did_you_mean
from ray_jupyter.refs import ObjectRef

_NEWEST = ""


def _cancel_parser() -> MagicParser:
    parser = MagicParser("%ray_cancel")
    add = parser.add_argument
    add("refs", nargs="*", metavar="REF", help="variables that hold refs, or lists of them")
    add("--cell", nargs="?", const=_NEWEST, metavar="N",
        help="what In[N] submitted (default: the last cell with something to cancel)")  # fmt: skip
    add("--all", action="store_true", help="everything that this notebook submitted")
    add("--force", action="store_true", help="end the workers of what runs; not of actors")
    return parser


def _logs_parser() -> MagicParser:
    parser = MagicParser("%ray_logs")
    parser.add_argument("whose", nargs="?", metavar="REF|NAME", help="a ref, or a function's name")
    parser.add_argument("-n", metavar="LINES", default="50", help="the last so many (default: 50)")
    return parser


def _trace_parser() -> MagicParser:
    parser = MagicParser("%ray_trace")
    parser.add_argument("file", metavar="FILE", help="where to write it, such as trace.json")
    return parser


_CANCEL = _cancel_parser()
_LOGS = _logs_parser()
_TRACE = _trace_parser()


@magics_class
class TaskMagics(MagicGroup):
    """What tasks do, printed and did."""

    parsers = (_CANCEL, _LOGS, _TRACE)

    @explained_by(_CANCEL)
    @no_var_expand
    @line_magic
    def ray_cancel(self, line: str) -> None:
        """Cancel tasks, with what they submitted; their refs then raise TaskCancelledError."""
        __tracebackhide__ = True
        arguments = _CANCEL.parse_line(line)
        if bool(arguments.refs) + (arguments.cell is not None) + arguments.all != 1:
            raise UsageError("%ray_cancel: expected one of: refs, --cell, --all")
        if session.current is None:
            print(status.NO_SESSION)
            return
        count = self._cancel(session.current, arguments)
        print(f"cancelled {status.counted(count, 'task')}" if count else "nothing to cancel")

    @explained_by(_LOGS)
    @no_var_expand
    @line_magic
    def ray_logs(self, line: str) -> None:
        """Print the last lines that tasks printed, also those that their cell did not show."""
        __tracebackhide__ = True
        arguments = _LOGS.parse_line(line)
        count = whole_number("-n", arguments.n, self.shell.user_ns)
        if count < 1:
            raise UsageError(f"%ray_logs: -n must be at least 1, got {count}")
        lines = self.extension.output.logs.lines(self._wanted(arguments.whose))
        if len(lines) > count:
            print(f"… {len(lines) - count:,} lines before these; -n {len(lines)} shows them")
        elif self.extension.output.logs.forgot:
            print("… what was printed long before is forgotten")
        for found in lines[-count:]:
            print(f"({found.name or 'worker'} pid={found.pid}) {found.text}")

    @explained_by(_TRACE)
    @no_var_expand
    @line_magic
    def ray_trace(self, line: str) -> None:
        """Write what ran where and when, for Perfetto (ui.perfetto.dev) and chrome://tracing."""
        __tracebackhide__ = True
        path = Path(_TRACE.parse_line(line).file).expanduser()
        if session.current is None:
            print(status.NO_SESSION)
            return
        try:
            api.timeline(path)
        except OSError as error:
            raise UsageError(f"%ray_trace: the file cannot be written: {error}") from None
        print(f"{path} · open it in Perfetto or chrome://tracing")

    def _cancel(self, backend: Backend, arguments: argparse.Namespace) -> int:
        if arguments.all:
            rows = backend.query("unfinished")
            tasks = [(r[0], False) for r in rows if not r[1] and backend.cell_of(r[0]) is not None]
        elif arguments.cell is None:
            tasks = [(i, False) for text in arguments.refs for i in _ids(text, self.shell.user_ns)]
            unfinished = {
                row[0] + n for row in backend.query("unfinished") for n in range(max(1, row[8]))
            }
            tasks = [task for task in tasks if task[0] in unfinished]
        else:
            return self._cancel_cell(arguments)
        return cancel_tasks(backend, tasks, force=arguments.force)

    def _cancel_cell(self, arguments: argparse.Namespace) -> int:
        cells = self.extension.cells
        if arguments.cell == _NEWEST:
            counts = (cancel_cell(cell, force=arguments.force) for cell in cells.newest_first())
            return next(filter(None, counts), 0)
        number = whole_number("--cell", arguments.cell, self.shell.user_ns)
        cell = cells.numbered(number)
        if cell is None:
            raise UsageError(f"%ray_cancel: In[{number}] has not run in this session")
        return cancel_cell(cell, force=arguments.force)

    def _wanted(self, whose: str | None) -> Callable[[Line], bool]:
        if whose is None:
            return lambda line: True
        if whose in self.shell.user_ns and not isinstance(self.shell.user_ns[whose], type):
            value = self.shell.user_ns[whose]
            if isinstance(value, (ObjectRef, ObjectRefGenerator, list, tuple)):
                ids = set(_ids(whose, self.shell.user_ns))
                return lambda line: bool(ids & {line.root, line.task_id})
        names = self.extension.output.logs.names()
        if whose not in names:
            raise UsageError(
                f"%ray_logs: no ref and no task with output has the name {whose!r}"
                f"{did_you_mean(whose, names)}"
            )
        return lambda line: line.name == whose


def _ids(text: str, variables: dict[str, Any]) -> list[int]:
    """Return the ids of the tasks behind a variable's refs."""
    value = variables.get(text)
    found = value if isinstance(value, (list, tuple)) else [value]
    ids = []
    for ref in found:
        if isinstance(ref, ObjectRef):
            session.owner_of(ref)
            ids.append(int(ref.task_id()[-16:], 16))
        elif isinstance(ref, ObjectRefGenerator):
            ids.append(ref.completed().id)
        else:
            raise UsageError(
                f"expected the name of a variable that holds refs, got {text}"
                f"{did_you_mean(text, variables) if text not in variables else f' = {value!r}'}"
            )
    return ids
