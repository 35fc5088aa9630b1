"""A Sphinx extension: the magics and the command line, from the texts that users get there.

``magics`` and ``commands`` are directives: they list what there is when the pages are built. Also
cuts the docstrings of modules to what users need.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ray_jupyter import cli
from ray_jupyter.magics import GROUPS

_TYPED = re.compile(r"((?<!\S)(?:--?[a-z][\w-]*|%%?\w+|@[\w.]+(?:\([^)]*\))?|\w[\w.]*\([^)]*\)))")
"""What stands in the texts of magics and commands as it is typed."""


class _Entries(SphinxDirective):
    """A section for each thing: its name, what it does, its options."""

    def run(self) -> list[nodes.Node]:
        """Return the sections, in the order of the names."""
        return [self._section(*entry) for entry in sorted(self.entries())]

    def entries(self) -> Iterator[tuple[str, str, str]]:
        """Yield (name, prose, usage)."""
        raise NotImplementedError

    def _section(self, name: str, prose: str, usage: str) -> nodes.section:
        section = nodes.section(ids=[nodes.make_id(name)], names=[name])
        section += nodes.title("", "", nodes.literal(name, name))
        section += [nodes.paragraph("", "", *_words(text)) for text in prose.split("\n\n") if text]
        section += nodes.literal_block(usage, usage, language="text")
        return section


def _words(text: str) -> Iterator[nodes.Node]:
    """Yield the prose, with what is typed set apart: options, magics, calls."""
    for place, piece in enumerate(_TYPED.split(text)):
        if piece:
            yield nodes.literal(piece, piece) if place % 2 else nodes.Text(piece)


class Magics(_Entries):
    """Every magic, as ``%magic?`` explains it."""

    def entries(self) -> Iterator[tuple[str, str, str]]:
        """See ``_Entries``."""
        for group in GROUPS:
            for kind, signs in (("line", "%"), ("cell", "%%")):
                for name, method in group.magics[kind].items():
                    if kind == "line" and name in group.magics["cell"]:
                        continue  # one text explains both
                    text = inspect.getdoc(getattr(group, method)) or ""
                    prose, usage, options = text.partition("usage: ")
                    yield f"{signs}{name}", prose.strip(), f"{usage}{options}".strip()


class Commands(_Entries):
    """Every command of ``python -m ray_jupyter``, as ``--help`` explains it."""

    def entries(self) -> Iterator[tuple[str, str, str]]:
        """See ``_Entries``."""
        actions = cli._parser()._actions
        [commands] = [a for a in actions if isinstance(a, argparse._SubParsersAction)]
        for name, parser in commands.choices.items():
            prose = f"{parser.description}."
            usage = parser.format_help().replace(f"{parser.description}\n\n", "")
            yield f"python -m ray_jupyter {name}", prose[0].upper() + prose[1:], usage.strip()


def _cut(app: Sphinx, what: str, name: str, thing: object, options: Any, lines: list[str]) -> None:
    """Leave of a module's docstring what concerns its users: not what lives where."""
    if what == "module":
        for number, line in enumerate(lines):
            if line.startswith(("Lives here", "Rules")):
                del lines[number:]
                return


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives."""
    app.add_directive("magics", Magics)
    app.add_directive("commands", Commands)
    app.setup_extension("sphinx.ext.autodoc")  # it brings the event
    app.connect("autodoc-process-docstring", _cut)
    return {"parallel_read_safe": True}
