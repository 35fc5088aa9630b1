"""``%%remote`` and ``%remote``."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import (
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
    output_can_be_silenced,
)

from ray_jupyter import session
from ray_jupyter.notebook.arguments import explained_by
from ray_jupyter.notebook.definitions import read_definitions, summary
from ray_jupyter.notebook.extension import MagicGroup
from ray_jupyter.notebook.remote_cell import RemoteCell
from ray_jupyter.notebook.remote_options import (
    RemoteOptions,
    check_definitions_only,
    read_options,
    remote_parser,
)
from ray_jupyter.notebook.shipping import Shipment, send_expression
from ray_jupyter.notebook.starting import start
from ray_jupyter.remote import remote

_REMOTE = remote_parser()


@magics_class
class RemoteMagics(MagicGroup):
    """Work elsewhere: a cell's definitions, or the cell."""

    parsers = (_REMOTE,)

    @explained_by(_REMOTE)
    @output_can_be_silenced
    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def remote(self, line: str, cell: str | None = None, local_ns: Any = None) -> Any:
        """Make the functions and classes of this cell remote, or run the cell in a worker.

        %%remote OPTIONS writes @ray.remote(OPTIONS) above every function and class at the
        top level of the cell. Everything else runs here, in order, as usual. Then
        f.remote(x) starts a task, and f(x) runs here. With names, only those become remote.
        Without, private names, data classes, enums and exceptions stay plain.

        %%remote -o A,B and %%remote --run run the whole cell as one task. It takes the
        variables along that it reads; those that are refs it sees as their values. A and B
        become refs at once (values with -w). What it prints, displays or raises appears
        here. Returns the ref of the last expression.

        REF = %remote EXPRESSION does that for one expression.

        An option's value is a literal or a variable's name.
        """
        __tracebackhide__ = True
        if cell is None:
            return self._expression(line, local_ns)
        arguments = _REMOTE.parse_line(line)
        options = read_options(arguments, self.shell.user_ns)
        ships = arguments.run or arguments.out is not None
        if arguments.run and arguments.out is not None:
            raise UsageError("%%remote: -o A,B runs the cell in a worker as --run does; give one")
        body = RemoteCell(self.shell, self.extension.raw_cell, line, cell, may_await=ships)
        if ships:
            return self._ship(arguments, options, body)
        check_definitions_only(arguments)
        definitions = read_definitions(body.tree, arguments.names, self.shell.user_ns)
        options.check(definitions)
        if arguments.show:
            self._show(body.as_plain_code(definitions, options.source))
            return None
        self._start_if_needed("%%remote")
        print(summary(definitions))
        keywords = options.keywords
        return body.run(definitions, remote(**keywords) if keywords else remote)

    def _ship(self, arguments: argparse.Namespace, options: RemoteOptions, body: RemoteCell) -> Any:
        __tracebackhide__ = True
        options.check_shipping(arguments)
        shipment = Shipment(self.shell, self.shell.user_ns, body, arguments)
        if arguments.show:
            self._show(shipment.as_plain_code(options.source))
            return None
        self._start_if_needed("%%remote")
        return shipment.send(options.keywords)

    def _expression(self, line: str, local_ns: dict[str, Any] | None) -> Any:
        __tracebackhide__ = True
        if not line.strip():
            raise UsageError("%remote: expected an expression, such as  ref = %remote f(x)")
        self._start_if_needed("%remote")
        # Whoever keeps the ref will look when he likes; alone on its line, it is to be seen.
        shows = line.strip() in re.findall(r"(?m)^\s*%remote\s+(.*?)\s*$", self.extension.raw_cell)
        variables = {**self.shell.user_ns, **(local_ns or {})}
        return send_expression(self.shell, variables, line.strip(), shows=shows)

    def _start_if_needed(self, magic: str) -> None:
        if self.settings.autostart and session.current is None:
            print(f"{start({})} (by {magic}; %ray_start sets the size)")

    def _show(self, code: str) -> None:
        has_import = self.shell.user_ns.get("ray") is sys.modules["ray_jupyter"]
        print(code if has_import else f"import ray_jupyter as ray\n\n{code}")
