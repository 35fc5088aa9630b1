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
_INSTEAD = "To run work elsewhere now, put it in a function and write @ray.remote above it"


@dataclass(frozen=True)
class RemoteOptions:
    """What the line asks for.

    Attributes:
        keywords: arguments for ``ray.remote``.
        source: the same as source code, with variables by name: ``num_cpus=k``.
    """

    keywords: dict[str, Any]
    source: str

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
    for names in (("-o", "--out"), ("--run",), ("-w", "--wait"), ("-i", "--inputs"), ("--label",)):
        parser.add_later(*names, instead=_INSTEAD)
    parser.add_later("--timeout", instead="To wait for a limited time, use ray.get(ref, timeout=…)")
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


def _dashed(keyword: str) -> str:
    return "--" + keyword.replace("_", "-")
