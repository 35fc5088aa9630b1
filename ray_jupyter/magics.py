"""``%load_ext ray_jupyter``: ``%ray_start``, ``%ray_stop``, ``%ray_status`` and ``%%remote``.

Lives here: the magics, and what loading and unloading the extension does. Does not: how
options are read, cells transformed and lines worded (``ray_jupyter.notebook``).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import (
    Magics,
    cell_magic,
    line_magic,
    magics_class,
    no_var_expand,
    output_can_be_silenced,
)
from traitlets import Bool

import ray_jupyter as ray
from ray_jupyter import session, status
from ray_jupyter.config import Config, make_config
from ray_jupyter.notebook import Shell, completion, dashboard_magics
from ray_jupyter.notebook.arguments import MagicParser, explained_by, size_bytes, whole_number
from ray_jupyter.notebook.definitions import read_definitions, summary
from ray_jupyter.notebook.remote_cell import RemoteCell
from ray_jupyter.notebook.remote_options import read_options, remote_parser


def _start_parser() -> MagicParser:
    parser = MagicParser("%ray_start")
    add = parser.add_argument
    add("-n", "--num-cpus", metavar="N", help="how many workers (default: one per CPU)")
    add("--memory", metavar="SIZE", help="limit of the object store, such as 2GB")
    add("--inline", action="store_true", help="no workers: run tasks here, serially, to debug")
    add("--address", metavar="ID", help="attach to a session of yours: its id, or auto")
    add("--restart", action="store_true", help="end the running session first; its refs die")
    add("--quiet", action="store_true", help="print nothing")
    return parser


_START = _start_parser()
_STOP = MagicParser("%ray_stop")
_STATUS = MagicParser("%ray_status")
_REMOTE = remote_parser()
_SETTINGS = {"num_cpus": "-n", "object_store_memory_bytes": "--memory", "mode": "--inline"}


@magics_class
class RayMagics(Magics):
    """Parallel Python from the notebook. Settings: ``%config RayMagics``."""

    autostart = Bool(True, help="Start the runtime with defaults at the first %%remote.").tag(
        config=True
    )

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._shell = shell
        self._raw_cell = ""
        self._forget_completers: Callable[[], None] = lambda: None

    def attach(self) -> None:
        """Become part of the shell: magics, hook, completion."""
        self._shell.register_magics(self)
        self._shell.events.register("pre_run_cell", self.before_cell)
        parsers = {parser.prog: parser for parser in (_START, _STOP, _STATUS, _REMOTE)}
        parsers |= dashboard_magics.PARSERS
        self._forget_completers = completion.install(self._shell, parsers)

    def detach(self) -> None:
        """Leave the shell as it was; a running session goes on."""
        self._forget_completers()
        self._shell.events.unregister("pre_run_cell", self.before_cell)
        self._shell.configurables.remove(self)
        manager = self._shell.magics_manager
        manager.registry.pop(type(self).__name__, None)
        for kind, names in self.magics.items():
            for name in names:
                manager.magics[kind].pop(name, None)

    @explained_by(_START)
    @no_var_expand
    @line_magic
    def ray_start(self, line: str) -> None:
        """Start the runtime: worker processes on this machine.

        Running it again is harmless; to change what runs, add --restart.
        """
        __tracebackhide__ = True
        options = _START.parse_line(line)
        wanted = self._settings(options)
        if options.address is not None:
            text = _attach(options, wanted)
        elif session.current is not None and not options.restart:
            self._check_agrees(wanted)
            text = f"already running: {_description()}"
        else:
            ray.shutdown()
            text = _start(wanted)
        if not options.quiet:
            print(text)

    @explained_by(_STOP)
    @no_var_expand
    @line_magic
    def ray_stop(self, line: str) -> None:
        """End the runtime: its workers, queued tasks and objects."""
        __tracebackhide__ = True
        _STOP.parse_line(line)
        if session.current is None:
            text = status.NO_SESSION
        elif session.start({}).is_attached:
            text = "left; the session goes on in the process that started it"
        else:
            text = "stopped"
        ray.shutdown()
        print(text)

    @explained_by(_STATUS)
    @no_var_expand
    @line_magic
    def ray_status(self, line: str) -> None:
        """Print what the runtime is doing: workers, tasks, objects."""
        __tracebackhide__ = True
        _STATUS.parse_line(line)
        backend = session.current
        if backend is None:
            print(status.NO_SESSION)
        else:
            config, statistics = _config(), backend.statistics()
            print(status.report(config, backend.session_id, statistics, note=_attached()))

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
        options = read_options(arguments, self._shell.user_ns)
        body = RemoteCell(self._shell, self._raw_cell, line, cell)
        definitions = read_definitions(body.tree, arguments.names, self._shell.user_ns)
        options.check(definitions)
        if arguments.show:
            imported = self._shell.user_ns.get("ray") is ray
            print(body.as_plain_code(definitions, options.source, with_import=not imported))
            return None
        if self.autostart and session.current is None:
            print(f"{_start({})} (by %%remote; %ray_start sets the size)")
        print(summary(definitions))
        keywords = options.keywords
        return body.run(definitions, ray.remote(**keywords) if keywords else ray.remote)

    def before_cell(self, info: Any) -> None:
        """Let remote functions be sent anew: helpers and globals may have been edited."""
        session.new_generation()
        self._raw_cell = info.raw_cell or ""

    def _settings(self, options: argparse.Namespace) -> dict[str, Any]:
        """Return what the line asks for, checked, as fields of ``config.Config``."""
        variables = self._shell.user_ns
        settings: dict[str, Any] = {}
        if options.num_cpus is not None:
            settings["num_cpus"] = whole_number("-n", options.num_cpus, variables)
        if options.memory is not None:
            memory_bytes = size_bytes("--memory", options.memory, variables)
            settings["object_store_memory_bytes"] = memory_bytes
        if options.inline:
            settings["mode"] = "inline"
        try:
            make_config(**settings)
        except ValueError as error:
            raise UsageError(f"%ray_start: {error}") from None
        return settings

    def _check_agrees(self, wanted: dict[str, Any]) -> None:
        running = _config()
        for name, value in wanted.items():
            if getattr(running, name) != value:
                raise UsageError(
                    f"%ray_start: {_SETTINGS[name]} asks for {value} and {getattr(running, name)} "
                    f"is running ({_description()}). To end it and start anew, which loses "
                    "its objects, add --restart"
                )


def load(shell: Shell) -> None:
    """Register the magics and their hook; print nothing, start nothing."""
    _detach(shell)
    RayMagics(shell).attach()
    dashboard_magics.load(shell)


def unload(shell: Shell) -> None:
    """Remove what ``load`` registered; leave a running session alone and say how to end it."""
    _detach(shell)
    if session.current is not None:
        print(f"still running: {_description()} · ray_jupyter.shutdown() ends it")


def _detach(shell: Shell) -> None:
    dashboard_magics.unload(shell)
    magics = shell.magics_manager.registry.get(RayMagics.__name__)
    if isinstance(magics, RayMagics):
        magics.detach()


def _start(settings: dict[str, Any]) -> str:
    """Start the runtime; return the line that says so."""
    began_s = time.perf_counter()
    ray.init(
        num_cpus=settings.get("num_cpus"),
        object_store_memory=settings.get("object_store_memory_bytes"),
        mode=settings.get("mode"),
    )
    return f"{_description()} · started in {time.perf_counter() - began_s:.1f} s"


def _attach(options: argparse.Namespace, wanted: dict[str, Any]) -> str:
    """Attach to a running session; return the line that says so."""
    for name in wanted:
        raise UsageError(
            f"%ray_start: {_SETTINGS[name]} is settled by the session that runs; leave it out, "
            "or leave --address out to start another"
        )
    if options.restart:
        raise UsageError("%ray_start: --restart starts a session here; %ray_stop, then attach")
    try:
        found = ray.init(address=options.address)
    except (OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"%ray_start: {error}") from None
    return f"{_description()} · session {found.session_id[:8]}"


def _description() -> str:
    return status.description(_config()) + _attached()


def _attached() -> str:
    return " · attached" if session.start({}).is_attached else ""


def _config() -> Config:
    """Return what the running session was started with."""
    return session.start({}).config
