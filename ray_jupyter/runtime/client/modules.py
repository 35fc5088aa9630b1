"""The user's own modules: which they are, whether they were edited, and forgetting old versions.

A process imports a module once. When its file is edited, and the kernel loads it again (``%autoreload``,
``importlib.reload``), workers that have imported it must do so, too, before they run what is
submitted from then on.

Rules
    * What the process that submits has loaded says when: an edit on disk alone makes no worker
      import anything again. What is imported then is what is on disk.
    * An *edit* is the name of a module and when its change was noticed, on the clock that all
      processes of the machine share. What a worker has imported before that is old.
    * Edits go with the functions that are registered from then on. Who runs what was submitted
      earlier is not touched, an actor never.
    * Modules of Python, of this package and of what is installed are nobody's to edit. A folder
      that is installed so that it can be edited (``pip install -e``) is the user's.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from importlib import invalidate_caches
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

Edits = tuple[tuple[str, int], ...]
"""(module, when its change was noticed), in the order of names."""

_INSTALLED = ("site-packages", "dist-packages")
_NOT_HERS = (os.path.dirname(os.__file__) + os.sep, str(Path(__file__).parents[2]) + os.sep)
_MAIN = ("__main__", "__mp_main__")
_PACKAGE = __name__.partition(".")[0]


def is_of_user(file: object) -> bool:
    """Return whether a source file is the user's own."""
    if not isinstance(file, str) or not file.endswith(".py"):
        return False
    return not file.startswith(_NOT_HERS) and not any(
        folder in file.split(os.sep) for folder in _INSTALLED
    )


def own_modules() -> dict[str, ModuleType]:
    """Return the modules of this process that are the user's own, by name."""
    return {
        name: module
        for name, module in list(sys.modules.items())
        if type(module) is ModuleType and name not in _MAIN and is_of_user(_file_of(module))
    }


def _file_of(module: ModuleType) -> object:
    return vars(module).get("__file__")


class _Version:
    """What was loaded of a module when it was looked at."""

    __slots__ = ("content", "module", "signature", "spec")

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.spec = vars(module).get("__spec__")  # a new one with every ``reload``
        self.signature = _signature(_file_of(module))
        self.content = _content(module)

    def is_old(self, module: ModuleType | None) -> bool:
        """Return whether another version has been loaded since."""
        if type(module) is not ModuleType:  # it is not loaded now
            return False
        if module is not self.module or vars(module).get("__spec__") is not self.spec:
            return True
        if _signature(_file_of(module)) == self.signature:
            return False
        # Edited; but is it loaded? IPython replaces code in place.
        return _content(module) != self.content


def _signature(file: Any) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except (OSError, TypeError):
        return None
    return found.st_mtime_ns, found.st_size


def _content(module: ModuleType) -> dict[str, Any]:
    """Return what changes when a part of a module is loaded again; keeps nothing alive but code."""
    return {name: _mark(value, module) for name, value in list(vars(module).items())}


def _mark(value: Any, module: ModuleType) -> Any:
    value = _plain(value)
    if type(value) is FunctionType:
        return value.__code__
    if isinstance(value, type) and value.__module__ == module.__name__:
        return {name: _mark_of_member(member) for name, member in list(vars(value).items())}
    return value if type(value) in (int, float, str, bool) else id(value)


def _mark_of_member(member: Any) -> CodeType | int:
    plain = getattr(member, "__func__", getattr(member, "fget", member))
    return plain.__code__ if type(plain) is FunctionType else id(member)


class Watch:
    """Notices when other versions of the user's modules have been loaded in this process.

    Attributes:
        edits: all that were noticed.
    """

    def __init__(self) -> None:
        self.edits: Edits = ()
        self._versions: dict[str, _Version] = {}
        self._known = 0
        self._seen: set[str] = set()

    def look(self) -> Edits:
        """Return all edits, after a look at the modules there are: a microsecond or two for each."""
        stale = [name for name, v in self._versions.items() if v.is_old(sys.modules.get(name))]
        for name in stale:
            self._versions[name] = _Version(sys.modules[name])
        if stale:
            noticed = dict(self.edits) | dict.fromkeys(stale, time.monotonic_ns())
            self.edits = tuple(sorted(noticed.items()))
        if len(sys.modules) != self._known:
            self._take_in_new()
        return self.edits

    def _take_in_new(self) -> None:
        self._known = len(sys.modules)
        new = {name for name in list(sys.modules) if name not in self._seen}
        self._seen |= new
        for name, module in own_modules().items() if new else ():
            if name in new:
                self._versions[name] = _Version(module)


WATCH = Watch()
"""That of this process."""


class Imported:
    """What one worker has imported of the user's modules, and since when.

    Attributes:
        edits: the newest that it has heard of: it goes with what is submitted here.
    """

    def __init__(self) -> None:
        self.edits: Edits = ()
        self._since_ns = time.monotonic_ns()
        self._fresh_ns: dict[str, int] = {}

    def hear(self, edits: Edits) -> None:
        """Forget what is old, so that it is imported again when it is needed."""
        old = [name for name, at_ns in edits if at_ns > self._fresh_ns.get(name, self._since_ns)]
        if old:
            forget(old)
            self._fresh_ns.update(edits)
            self.edits = tuple(sorted(self._fresh_ns.items()))


def forget(names: Iterable[str]) -> set[str]:
    """Take modules out of ``sys.modules``, and the user's own that have something of them.

    Return the names of all. What runs goes on with the modules that it has.
    """
    own = own_modules()
    forgotten = {name for name in names if name in own}
    count = -1
    while count != len(forgotten):
        count = len(forgotten)
        forgotten |= {name for name, module in own.items() if _has_something_of(module, forgotten)}
    for name in forgotten:
        del sys.modules[name]
    invalidate_caches()
    return forgotten


def _has_something_of(module: ModuleType, names: set[str]) -> bool:
    return any(_origin(value) in names for value in list(vars(module).values()))


def _origin(value: Any) -> Any:
    """Return the module that a value is of: itself, a function, a class, or an instance of one."""
    value = _plain(value)
    kind = type(value)
    if kind is ModuleType:
        return value.__name__
    return value.__module__ if kind is FunctionType or issubclass(kind, type) else kind.__module__


def _plain(value: Any) -> Any:
    """Return the function or class that a remote function or an actor class is made of."""
    is_ours = type(value).__module__.partition(".")[0] == _PACKAGE
    return getattr(value, "__wrapped__", value) if is_ours else value
