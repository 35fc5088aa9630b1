"""``%%remote``."""

from __future__ import annotations

import sys
from typing import Any

from IPython.core.magic import cell_magic, magics_class, no_var_expand, output_can_be_silenced

from ray_jupyter import session
from ray_jupyter.notebook.arguments import explained_by
from ray_jupyter.notebook.definitions import read_definitions, summary
from ray_jupyter.notebook.extension import MagicGroup
from ray_jupyter.notebook.remote_cell import RemoteCell
from ray_jupyter.notebook.remote_options import read_options, remote_parser
from ray_jupyter.notebook.starting import start
from ray_jupyter.remote import remote

_REMOTE = remote_parser()


@magics_class
class RemoteMagics(MagicGroup):
    """Work elsewhere: a cell's definitions."""

    parsers = (_REMOTE,)

    @explained_by(_REMOTE)
    @output_can_be_silenced
    @no_var_expand
    @cell_magic
    def remote(self, line: str, cell: str) -> Any:
        """Make the functions and classes of this cell remote.

        %%remote OPTIONS writes @ray.remote(OPTIONS) above every function and class at the
        top level of the cell. Everything else runs here, in order, as usual. Then
        f.remote(x) starts a task, and f(x) runs here.

        With names, only those become remote. Without, private names, data classes, enums
        and exceptions stay plain. An option's value is a literal or a variable's name.
        """
        __tracebackhide__ = True
        arguments = _REMOTE.parse_line(line)
        options = read_options(arguments, self.shell.user_ns)
        body = RemoteCell(self.shell, self.extension.raw_cell, line, cell)
        definitions = read_definitions(body.tree, arguments.names, self.shell.user_ns)
        options.check(definitions)
        if arguments.show:
            imported = self.shell.user_ns.get("ray") is sys.modules["ray_jupyter"]
            print(body.as_plain_code(definitions, options.source, with_import=not imported))
            return None
        if self.settings.autostart and session.current is None:
            print(f"{start({})} (by %%remote; %ray_start sets the size)")
        print(summary(definitions))
        keywords = options.keywords
        return body.run(definitions, remote(**keywords) if keywords else remote)
