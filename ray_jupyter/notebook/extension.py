"""What ``%load_ext ray_jupyter`` puts into a shell, and how it is taken out again.

To add a magic: a module of its own here with a ``MagicGroup``, and its name in
``ray_jupyter.magics.GROUPS``. Lives here: the hooks that all groups share, and what one group needs
of the others' surroundings. Does not: any magic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, ClassVar

from IPython.core.magic import Magics

from ray_jupyter import session
from ray_jupyter.notebook import Shell, completion, refs_shown
from ray_jupyter.notebook.arguments import MagicParser
from ray_jupyter.notebook.cells import Cells
from ray_jupyter.notebook.edits import EditedModules
from ray_jupyter.notebook.output import TaskOutput
from ray_jupyter.notebook.redefined import Redefined
from ray_jupyter.notebook.results import Results
from ray_jupyter.notebook.settings import RayMagics
from ray_jupyter.notebook.stopping import stop_cell
from ray_jupyter.notebook.strips import Strips
from ray_jupyter.runtime.client.printing import LinePrinter


class MagicGroup(Magics):
    """Magics that belong together. A subclass carries ``@magics_class``.

    Attributes:
        extension: what they share with the other groups of the shell.
        settings: what the user has configured.
    """

    parsers: ClassVar[tuple[MagicParser, ...]] = ()
    """Those of its magics: their options are completed."""

    def __init__(self, extension: Extension) -> None:
        self.shell: Shell
        self.extension = extension
        self.settings = extension.settings
        super().__init__(extension.shell)

    def before_cell(self) -> None:
        """A cell begins."""

    def after_cell(self) -> None:
        """A cell has ended, in whatever way."""

    def detach(self) -> None:
        """Take out what ``__init__`` put anywhere but into the shell's magics."""


class Extension:
    """The extension in one shell.

    Args:
        shell: where it is loaded.
        groups: the classes of the magics.

    Attributes:
        raw_cell: the source of the cell that runs, or ran last.
        cells: which runs, and which ones there were.
        output: where what tasks print is shown.
        redefined: which functions and classes have another definition by now.
    """

    def __init__(self, shell: Shell, groups: Iterable[type[MagicGroup]]) -> None:
        self.shell = shell
        self.settings = RayMagics(parent=shell)
        self.raw_cell = ""
        self.cells = Cells(shell)
        self.output = TaskOutput(shell, self.cells, self.settings)
        self.redefined = Redefined(shell, self.cells)
        self.strips = Strips(shell, self.cells, self.output, self.settings, self.redefined)
        self.edited = EditedModules(shell)
        self.results = Results(shell, self.settings)
        self._hooks = {"pre_run_cell": self._before_cell, "post_run_cell": self._after_cell}
        self._forget_completers: Callable[[], None] = lambda: None
        self._show_refs_as_before: Callable[[], None] = lambda: None
        self._groups = [group(self) for group in groups]

    def attach(self) -> None:
        """Become part of the shell: magics, hooks, completion."""
        self.shell.configurables.append(self.settings)
        for group in self._groups:
            self.shell.register_magics(group)
        for event, hook in self._hooks.items():
            self.shell.events.register(event, hook)
        parsers = {parser.prog: parser for group in self._groups for parser in group.parsers}
        self._forget_completers = completion.install(self.shell, parsers)
        self._show_refs_as_before = refs_shown.install(self.shell, self.cells, self.redefined)
        session.show_output = self.output
        session.on_attach.append(self.cells.attach)
        session.on_end.append(self.strips.before_end)
        self.cells.begin()

    def detach(self) -> None:
        """Leave the shell as it was; a running session goes on."""
        self._forget_completers()
        self._show_refs_as_before()
        self.strips.stop()
        session.on_attach.remove(self.cells.attach)
        session.on_end.remove(self.strips.before_end)
        if session.show_output is self.output:
            session.show_output = LinePrinter()
        for event, hook in self._hooks.items():
            self.shell.events.unregister(event, hook)
        self.shell.configurables.remove(self.settings)
        manager = self.shell.magics_manager
        for group in self._groups:
            group.detach()
            self.shell.configurables.remove(group)
            manager.registry.pop(type(group).__name__, None)
            for kind, names in group.magics.items():
                for name in names:
                    manager.magics[kind].pop(name, None)

    def _before_cell(self, info: Any) -> None:
        # Helpers and globals may have been edited: remote functions are sent anew.
        session.new_generation()
        self.edited.before_cell()
        self.raw_cell = info.raw_cell or ""
        self.cells.begin()
        self.strips.before_cell()
        for group in self._groups:
            group.before_cell()

    def _after_cell(self, result: Any) -> None:
        self.cells.end(result.execution_count or 0)
        if isinstance(result.error_in_exec, KeyboardInterrupt):
            with suppress(KeyboardInterrupt):  # once more than there is to do
                if line := stop_cell(self.cells.current):
                    print(line)
        if line := self.redefined.after_cell():
            print(line)
        self.strips.after_cell()
        for group in self._groups:
            group.after_cell()
        self.results.after_cell()
        self._be_last()

    def _be_last(self) -> None:
        """Have what %autoreload does before a cell done before we look, if it came after us."""
        hook = self._before_cell
        if self.shell.events.callbacks["pre_run_cell"][-1] != hook:
            self.shell.events.unregister("pre_run_cell", hook)
            self.shell.events.register("pre_run_cell", hook)
