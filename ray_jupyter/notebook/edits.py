"""When modules of the user's have been loaded again: remote functions imported from them follow.

``%autoreload`` gives functions and classes that were imported with ``from module import f`` their new
code, wherever they are. It does not know remote ones: here they get theirs. That workers follow is
``runtime.client.modules``'.
"""

from __future__ import annotations

import sys
from functools import reduce
from typing import Any

from ray_jupyter.actors import ActorClass
from ray_jupyter.notebook import Shell
from ray_jupyter.remote import RemoteFunction
from ray_jupyter.runtime.client.modules import WATCH


class EditedModules:
    """Those of a shell."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._known = dict(WATCH.look())

    def before_cell(self) -> set[str]:
        """A cell begins; return the modules of which other versions are loaded than before."""
        noticed = dict(WATCH.look())
        names = {name for name, at_ns in noticed.items() if self._known.get(name) != at_ns}
        self._known = noticed
        for value in list(self._shell.user_ns.values()) if names else ():
            if type(value) in (RemoteFunction, ActorClass) and value.__module__ in names:
                _follow(value)
        return names


def _follow(old: Any) -> None:
    """Give what was imported from a module the definition that the module has now."""
    try:
        new = reduce(getattr, old.__qualname__.split("."), sys.modules[old.__module__])
    except AttributeError:  # it is not defined there any more: it stays what it was
        return
    if type(new) is type(old) and new is not old:
        # Its options may have been given later, with ``.options``: those are not in the file.
        old.__setstate__({**new.__getstate__(), "options": old._options})
