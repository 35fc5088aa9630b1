"""``%ray_start``, ``%ray_stop`` and ``%ray_status``."""

from __future__ import annotations

import argparse
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand

from ray_jupyter import api, session, status
from ray_jupyter.config import make_config
from ray_jupyter.notebook import objects
from ray_jupyter.notebook.arguments import MagicParser, explained_by, size_bytes, whole_number
from ray_jupyter.notebook.extension import MagicGroup
from ray_jupyter.notebook.starting import attached, description, running_config, start


def _start_parser() -> MagicParser:
    parser = MagicParser("%ray_start")
    add = parser.add_argument
    add("-n", "--num-cpus", metavar="N", help="how many workers (default: one per CPU)")
    add("--memory", metavar="SIZE", help="limit of the object store, such as 2GB")
    add("--inline", action="store_true", help="no workers: run tasks here, serially, to debug")
    add(
        "--address",
        metavar="ID",
        help="attach to a session of yours (its id, or auto), or to a Ray cluster (host:port); "
        "or a variable that holds one",
    )
    add("--restart", action="store_true", help="end the running session first; its refs die")
    add("--quiet", action="store_true", help="print nothing")
    return parser


def _status_parser() -> MagicParser:
    parser = MagicParser("%ray_status")
    add = parser.add_argument
    add("--objects", action="store_true", help="which objects there are, and who keeps them")
    add("-n", metavar="N", default=str(objects.SHOWN),
        help=f"with --objects: the largest N (default: {objects.SHOWN})")  # fmt: skip
    return parser


_START = _start_parser()
_STOP = MagicParser("%ray_stop")
_STATUS = _status_parser()
_SETTINGS = {"num_cpus": "-n", "object_store_memory_bytes": "--memory", "mode": "--inline"}


@magics_class
class SessionMagics(MagicGroup):
    """The runtime as a whole: start it, end it, look at it."""

    parsers = (_START, _STOP, _STATUS)

    @explained_by(_START)
    @no_var_expand
    @line_magic
    def ray_start(self, line: str) -> None:
        """Start the runtime: worker processes on this machine.

        Running it again is harmless. With another number of workers, objects and tasks stay; to
        change anything else, add --restart.
        """
        __tracebackhide__ = True
        options = _START.parse_line(line)
        wanted = self._settings(options)
        if options.address is not None:
            text = _attach(options, wanted, self.shell.user_ns)
        elif session.current is not None and not options.restart:
            text = self._go_on(wanted)
        else:
            api.shutdown()
            text = start(wanted)
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
        elif (ended := session.start({})).config.mode == "ray_cluster":
            text = "left; the cluster goes on, what was started there from here has ended"
        elif ended.is_attached:
            text = "left; the session goes on in the process that started it"
        else:
            text = "stopped"
        api.shutdown()
        print(text)

    @explained_by(_STATUS)
    @no_var_expand
    @line_magic
    def ray_status(self, line: str) -> None:
        """Print what the runtime is doing: workers, tasks, objects.

        With --objects: every object, largest first, with who made it and who keeps it: variables,
        results of cells, closures, tracebacks; other processes, tasks, functions, objects. What
        is "(a view)" is no reference: an array that looks at the memory.
        """
        __tracebackhide__ = True
        options = _STATUS.parse_line(line)
        count = whole_number("-n", options.n, self.shell.user_ns)
        if count < 1:
            raise UsageError(f"%ray_status: -n must be at least 1, got {count}")
        backend = session.current
        if backend is None:
            print(status.NO_SESSION)
        elif options.objects:
            try:
                print(objects.table(backend, self.shell, self.extension.cells, count))
            except NotImplementedError as problem:
                raise UsageError(f"%ray_status --objects: {problem}") from None
        else:
            config, statistics = running_config(), backend.statistics()
            older = self.extension.redefined.now()
            print(status.report(
                config, backend.session_id, statistics, note=attached(), older=older
            ))  # fmt: skip

    def _settings(self, options: argparse.Namespace) -> dict[str, Any]:
        """Return what the line asks for, checked, as fields of ``config.Config``."""
        variables = self.shell.user_ns
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

    def _go_on(self, wanted: dict[str, Any]) -> str:
        """Keep what runs, perhaps with more or fewer workers; return the line that says so."""
        running = session.start({})
        size = wanted.get("num_cpus", running.config.num_cpus)
        is_ours = running.config.mode == "local" and not running.is_attached
        is_other = is_ours and size != running.config.num_cpus
        self._check_agrees({k: v for k, v in wanted.items() if k != "num_cpus" or not is_other})
        if not is_other:
            return f"already running: {description()}"
        try:
            running.resize(size)
        except ValueError as error:
            raise UsageError(f"%ray_start -n {size}: {error}") from None
        return f"resized: {description()}"

    def _check_agrees(self, wanted: dict[str, Any]) -> None:
        running = running_config()
        for name, value in wanted.items():
            if getattr(running, name) != value:
                raise UsageError(
                    f"%ray_start: {_SETTINGS[name]} asks for {value} and {getattr(running, name)} "
                    f"is running ({description()}). To end it and start anew, which loses "
                    "its objects, add --restart"
                )


def _attach(options: argparse.Namespace, wanted: dict[str, Any], variables: dict[str, Any]) -> str:
    """Attach to a running session; return the line that says so."""
    address = options.address
    if address not in ("auto", "local") and isinstance(variables.get(address), str):
        address = variables[address]
    for name in wanted:
        raise UsageError(
            f"%ray_start: {_SETTINGS[name]} is settled by the session that runs; leave it out, "
            "or leave --address out to start another"
        )
    if options.restart:
        raise UsageError("%ray_start: --restart starts a session here; %ray_stop, then attach")
    try:
        found = api.init(address=address)
    except (ImportError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"%ray_start: {error}") from None
    return f"{description()} · session {found.session_id[:8]}"
