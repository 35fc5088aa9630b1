"""The command line: ``python -m ray_jupyter status|stop|memory|list|summary|doctor``.

Lives here: the parser, and finding the sessions that a command is for. Each command is a
module: it takes the parsed arguments, prints, and returns the exit code: 0 for done, 1 for
what stands in the message, 2 for a mistake in the command line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ray_jupyter._version import __version__
from ray_jupyter.cli import doctor, memory, status, stop, tables


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    asked = _parser().parse_args(arguments)
    try:
        code: int = asked.run(asked)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads our output has had enough
        sys.stderr.close()
        return 1
    except (OSError, ValueError) as error:
        print(f"ray_jupyter: {error}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ray_jupyter", allow_abbrev=False,
        description="Look at, measure and end the ray_jupyter sessions of this user.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"ray_jupyter {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, module, text in (
        ("status", status, "what the running sessions are doing"),
        ("stop", stop, "end a session: its workers, queued tasks and objects"),
        ("memory", memory, "which objects there are, how large, and who keeps them"),
        ("list", tables, "tasks, actors, objects, workers or nodes, one a line"),
        ("summary", tables, "how many tasks, actors or objects there are of which kind"),
        ("doctor", doctor, "whether sessions can run here, and what dead ones have left"),
    ):
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        command.add_argument("--json", action="store_true", help="print JSON")
        if module is not doctor:
            command.add_argument(
                "--session", metavar="ID", default=None,
                help="the session's id, how it begins (4 letters), or its socket",
            )  # fmt: skip
        add_options = getattr(module, f"add_{name}_options", None)
        if add_options is not None:
            add_options(command)
        command.set_defaults(run=getattr(module, f"run_{name}"))
    return parser
