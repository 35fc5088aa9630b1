"""A cell that defines remote functions or actor classes is edited and run again: what runs the old ones?

Lives here: which definition each name has now, which cell made it, and words for what goes on with
another one. Does not: what tells two definitions apart (``runtime.client.versions``, which travels with
tasks and actors), what runs (the backend).

Rules
    * The same code again is no other definition.
    * A task that has been submitted, and an actor that has been made, keep their definition. They are
      marked for as long as they live.
    * What another driver of the session defines, and what the user has under another name
      (``old = f``), is its own affair.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary, ref

from ray_jupyter import session
from ray_jupyter.actors import ActorClass
from ray_jupyter.backends.base import Backend, Capability
from ray_jupyter.errors import RaySystemError
from ray_jupyter.notebook import Shell
from ray_jupyter.notebook.cells import Cell, Cells
from ray_jupyter.remote import RemoteFunction
from ray_jupyter.runtime.client.versions import name_of, version_of
from ray_jupyter.runtime.protocol.specs import TaskTemplate
from ray_jupyter.status import counted
from ray_jupyter.typed import TypedFunction

_ANSWER_S = 5.0
_KINDS = (RemoteFunction, ActorClass, TypedFunction)
_CELLS_SHOWN = 4


class Redefined:
    """The definitions of a shell's remote functions and actor classes, as they change."""

    def __init__(self, shell: Shell, cells: Cells) -> None:
        self._shell = shell
        self._cells = cells
        self._current: dict[str, str] = {}
        """By name (with its module), the version that it has now."""
        self._made_in: dict[str, Cell] = {}
        """By version, the cell that defined it last."""
        self._seen: dict[str, tuple[ref[TaskTemplate], str]] = {}
        """By variable, what it was when looked at last: its version is not computed again."""
        self._counts: WeakKeyDictionary[Cell, dict[tuple[str, str], int]] = WeakKeyDictionary()
        """By cell, (function, older version) and how many of its tasks were not done then."""
        self._is_any = False

    def after_cell(self) -> str:
        """A cell has ended; if it gave something another definition, return words for what runs the old."""
        changed = self._look()
        backend = session.current
        if backend is None or not changed:
            return ""
        found = self._older(backend)
        return _sentence([one for one in found if name_of(one.version) in changed])

    def now(self) -> str:
        """Return in a few words what runs older definitions now; empty if nothing does."""
        backend = session.current
        found = self._older(backend) if backend is not None and self._is_any else []
        return " · ".join(one.words() for one in found)

    def is_older(self, version: str) -> bool:
        """Return whether the notebook has another definition by now of what this is a version of."""
        return bool(version) and self._current.get(name_of(version), version) != version

    def in_cell(self, cell: Cell) -> dict[str, int]:
        """Return, by function, how many tasks of a cell were not done when it got another definition."""
        counts: Counter[str] = Counter()
        for (name, _), count in list(self._counts.get(cell, {}).items()):
            counts[name] += count
        return dict(counts)

    def _look(self) -> set[str]:
        """Take in what variables mean now; return the names that have got another definition."""
        variables = self._shell.user_ns
        found: dict[str, set[str]] = {}
        by_name: dict[str, str] = {}
        for variable, value in list(variables.items()):
            if type(value) not in _KINDS:
                continue
            version, is_new = self._version(variable, value)
            name = name_of(version)
            found.setdefault(name, set()).add(version)
            if variable == value.__qualname__:
                by_name[name] = version
                if is_new:  # the same code again: but the cell has another number by now
                    self._made_in[version] = self._cells.current
        changed = set()
        for name, versions in found.items():
            if name not in by_name and len(versions) > 1:
                self._current.pop(name, None)  # nobody can tell which of them is meant
                continue
            version = by_name.get(name) or versions.pop()
            if self._current.get(name) == version:
                continue
            if name in self._current:
                changed.add(name)
            self._current[name] = version
            self._made_in[version] = self._cells.current
        self._is_any = self._is_any or bool(changed)
        return changed

    def _version(self, variable: str, value: Any) -> tuple[str, bool]:
        """Return the version of what a variable is, and whether it has just been defined."""
        known = self._seen.get(variable)
        if known is not None and known[0]() is value._template:
            return known[1], False
        version = version_of(value.__wrapped__)
        self._seen[variable] = ref(value._template), version
        return version, True

    def _older(self, backend: Backend) -> list[_Older]:
        """Return what runs older definitions, and note it for the strips of its cells."""
        if Capability.VERSIONS in backend.lacks:
            return []
        try:
            live = backend.query("versions", timeout_s=_ANSWER_S)
        except (RaySystemError, TimeoutError):  # it ends, or is too busy: this can wait
            return []
        cells = {cell.id: cell for cell in self._cells.newest_first()}
        found: dict[str, _Older] = {}
        for version, name, cell_id, count in live["tasks"]:
            if cell_id in cells and self.is_older(version):
                known = self._counts.setdefault(cells[cell_id], {})
                known[name, version] = max(count, known.get((name, version), 0))
                one = found.setdefault(version, _Older(version, self._made_in.get(version)))
                one.tasks += count
                one.cells.add(cells[cell_id].number)
        for version, actor_id in live["actors"]:
            is_ours = version in self._made_in or self._cells.which(actor_id) is not None
            if is_ours and self.is_older(version):
                found.setdefault(version, _Older(version, self._made_in.get(version))).actors += 1
        return sorted(found.values(), key=lambda one: one.version)


class _Older:
    """What runs one older version."""

    def __init__(self, version: str, made_in: Cell | None) -> None:
        self.version = version
        self.name = name_of(version).rpartition(".")[2]
        self.where = f"In[{made_in.number}]" if made_in is not None else "an earlier one"
        self.tasks = self.actors = 0
        self.cells: set[int] = set()

    def words(self) -> str:
        """Return ``2 tasks of f as of In[3]``."""
        who = counted(self.tasks, "task") if self.tasks else counted(self.actors, "actor")
        return f"{who} of {self.name} as of {self.where}"


def _sentence(found: list[_Older]) -> str:
    """Return the line that a cell says when it has replaced something that still runs."""
    tasks = _counted(found, "task", [one.tasks for one in found])
    actors = _counted(found, "actor", [one.actors for one in found])
    if not (tasks or actors):
        return ""
    where = list(dict.fromkeys(one.where for one in found))
    several = sum(one.tasks + one.actors for one in found) > 1
    parts = [
        f"{' and '.join(filter(None, (tasks, actors)))} still {'run' if several else 'runs'} the "
        f"definition{'s' if len(where) > 1 else ''} of {' and '.join(where)}"
    ]
    if tasks:
        parts.append(_how_to_cancel(set().union(*(one.cells for one in found))))
    if actors:
        names = ", ".join(f"{one.name}.remote(…)" for one in found if one.actors)
        parts.append(f"{names} makes one of the new class")
    return " · ".join(parts)


def _counted(found: Iterable[_Older], noun: str, counts: list[int]) -> str:
    """Return ``3 tasks (f, g)``; empty for none."""
    names = list(dict.fromkeys(o.name for o, count in zip(found, counts, strict=True) if count))
    return f"{counted(sum(counts), noun)} ({', '.join(names)})" if names else ""


def _how_to_cancel(cells: set[int]) -> str:
    first, *others = sorted(cells)
    if not others:
        return f"%ray_cancel --cell {first} ends what that cell submitted"
    numbers = ", ".join(map(str, others[:_CELLS_SHOWN]))
    return f"%ray_cancel --cell {first} (and {numbers}{', …' if len(others) > _CELLS_SHOWN else ''}) ends them"
