"""The options of ``%%remote``: the keywords of ``@ray.remote``, with dashes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from IPython.core.error import UsageError

from ray_jupyter.notebook.arguments import (
    MagicParser,
    amounts,
    number,
    size_bytes,
    whole_number,
)
from ray_jupyter.notebook.definitions import Definition
from ray_jupyter.options import check_options

_READERS = {
    "num_cpus": number,
    "num_gpus": number,
    "memory": size_bytes,
    "resources": amounts,
    "num_returns": whole_number,
    "max_retries": whole_number,
}
_FUNCTIONS_ONLY = ("num_returns", "max_retries")


@dataclass(frozen=True)
class RemoteOptions:
    """What the line asks for.

    Attributes:
        keywords: arguments for ``ray.remote``.
        source: the same as source code, with variables by name: ``num_cpus=k``.
    """

    keywords: dict[str, Any]
    source: str

    def check_shipping(self, arguments: argparse.Namespace) -> None:
        """Refuse what means nothing for a cell that runs in a worker.

        Raises:
            UsageError: such an option is given.
        """
        if arguments.names:
            raise UsageError(
                f"%%remote: {arguments.names[0]} names a definition to make remote, and -o or "
                "--run runs the whole cell in a worker; leave one of both out"
            )
        if "num_returns" in self.keywords:
            raise UsageError("%%remote: --num-returns is for functions; -o A,B says what returns")
        if arguments.timeout is not None and not arguments.wait:
            raise UsageError(
                "%%remote: --timeout limits -w; without it, use ray.get(ref, timeout=…)"
            )

    def check(self, definitions: Sequence[Definition]) -> None:
        """Refuse options that mean nothing for an actor.

        Raises:
            UsageError: such an option is given and a class is to be decorated.
        """
        classes = [d.name for d in definitions if d.decorate and d.is_class]
        given = [name for name in _FUNCTIONS_ONLY if name in self.keywords]
        if classes and given:
            functions = " ".join(d.name for d in definitions if d.decorate and not d.is_class)
            raise UsageError(
                f"%%remote: {_dashed(given[0])} is for functions, and {classes[0]} is a class. "
                f"Name the functions (%%remote {functions or 'NAME'} …) or put the class in a "
                "cell of its own"
            )


def remote_parser() -> MagicParser:
    """Return the parser of the line of ``%%remote``."""
    parser = MagicParser("%%remote")
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="make only these remote")
    add("--num-cpus", metavar="X", help="CPUs that one call takes (may be a fraction)")
    add("--num-gpus", metavar="X", help="GPUs that one call takes")
    add("--memory", metavar="SIZE", help="memory that one call takes, such as 2GB")
    add("--resources", metavar="K=V,K=V", help="custom resources that one call takes")
    add("--num-returns", metavar="N", help="how many refs one call returns (functions)")
    add("--max-retries", metavar="N", help="repeat a call whose worker died (functions)")
    add("--show", action="store_true", help="print the cell with decorators; do not run it")
    add("-o", "--out", metavar="A,B", help="run the cell in a worker; A and B become refs")
    add("--run", action="store_true", help="run the cell in a worker, for what it does")
    add("-w", "--wait", action="store_true", help="wait; A and B become values (with -o, --run)")
    add("-i", "--inputs", metavar="C,D", help="take only these variables along (with -o, --run)")
    add("--label", metavar="TEXT", help="what progress and errors call it (with -o, --run)")
    add("--timeout", metavar="S", help="wait no longer than this many seconds (with -w)")
    return parser


def read_options(arguments: argparse.Namespace, variables: Mapping[str, Any]) -> RemoteOptions:
    """Return the decorator's arguments.

    Args:
        arguments: what ``remote_parser`` read.
        variables: the notebook's variables, where names among the values are looked up.

    Raises:
        UsageError: a value is neither of the kind wanted nor a variable that holds it.
    """
    keywords, sources = {}, []
    for name, read in _READERS.items():
        text = getattr(arguments, name)
        if text is not None:
            keywords[name] = read(_dashed(name), text, variables)
            sources.append(f"{name}={text if text in variables else repr(keywords[name])}")
    try:
        check_options(keywords)
    except (TypeError, ValueError) as error:
        raise UsageError(f"%%remote: {error}") from None
    return RemoteOptions(keywords, ", ".join(sources))


def check_definitions_only(arguments: argparse.Namespace) -> None:
    """Refuse what only a cell that runs in a worker can have.

    Raises:
        UsageError: such an option is given without ``-o`` or ``--run``.
    """
    given = {
        "-w": arguments.wait, "-i": arguments.inputs, "--label": arguments.label,
        "--timeout": arguments.timeout,
    }  # fmt: skip
    for option, value in given.items():
        if value:
            raise UsageError(
                f"%%remote: {option} is for cells that run in a worker: add -o NAME or --run"
            )


def _dashed(keyword: str) -> str:
    return "--" + keyword.replace("_", "-")
