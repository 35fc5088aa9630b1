"""``%load_ext ray_jupyter``: which magics there are; loading and unloading them.

What they do is in ``ray_jupyter.notebook``; how to add one, in ``notebook.extension``.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from ray_jupyter import session
from ray_jupyter.notebook import Shell
from ray_jupyter.notebook.dashboard_magics import DashboardMagics
from ray_jupyter.notebook.debug_magics import DebugMagics
from ray_jupyter.notebook.extension import Extension, MagicGroup
from ray_jupyter.notebook.remote_magics import RemoteMagics
from ray_jupyter.notebook.session_magics import SessionMagics
from ray_jupyter.notebook.starting import description
from ray_jupyter.notebook.task_magics import TaskMagics

GROUPS: list[type[MagicGroup]] = [
    DebugMagics,
    RemoteMagics,
    SessionMagics,
    DashboardMagics,
    TaskMagics,
]

_loaded: WeakKeyDictionary[Shell, Extension] = WeakKeyDictionary()


def load(shell: Shell) -> None:
    """Register the magics and their hooks; print nothing, start nothing."""
    _detach(shell)
    extension = _loaded[shell] = Extension(shell, GROUPS)
    extension.attach()


def unload(shell: Shell) -> None:
    """Remove what ``load`` registered; leave a running session alone and say how to end it."""
    _detach(shell)
    if session.current is not None:
        print(f"still running: {description()} · ray_jupyter.shutdown() ends it")


def _detach(shell: Shell) -> None:
    extension = _loaded.pop(shell, None)
    if extension is not None:
        extension.detach()
