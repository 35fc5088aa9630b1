"""Refs that cells have shown: the newest stay in ``Out``, older ones are let go and say so.

IPython keeps whatever a cell shows in ``Out[n]``, ``_n``, and the last three in ``_``, ``__`` and ``___``,
for as long as the kernel lives. Of a ref that means its object, whatever its size.

Rules
    * Only refs go, and lists, tuples, sets and dicts that hold nothing else: what else a cell has
      shown is the user's. So are actors, which would end, and generators, whose task would.
    * What has another name stays in ``Out``: it is kept alive anyhow.
    * The newest ``RayMagics.out_refs`` stay.
"""

from __future__ import annotations

import sys
from typing import Any

from ray_jupyter.notebook import Shell
from ray_jupyter.notebook.settings import RayMagics
from ray_jupyter.refs import ObjectRef
from ray_jupyter.status import counted

_DEPTH_MAX = 3
_LAST = ("_", "__", "___")


class LetGo:
    """Stands where a ref was that nothing else kept alive."""

    def __init__(self, number: int, value: Any) -> None:
        self._text = (
            f"<Out[{number}] was let go, because no name kept it; it was {_described(value)}; "
            "%config RayMagics.out_refs says how many such results stay>"
        )

    def __repr__(self) -> str:
        return self._text


class Results:
    """The results of a shell's cells."""

    def __init__(self, shell: Shell, settings: RayMagics) -> None:
        self._shell = shell
        self._settings = settings

    def after_cell(self) -> None:
        """Let go of refs that only results older than the newest ones keep."""
        results: dict[int, Any] = self._shell.user_ns.get("_oh") or {}
        with_refs = [number for number, value in results.items() if is_refs(value)]
        for number in sorted(with_refs)[: -self._settings.out_refs or None]:
            if not self._has_another_name(number, results):
                self._let_go(number, results)

    def _has_another_name(self, number: int, results: dict[int, Any]) -> bool:
        """Return whether anything but the results of cells refers to a value."""
        value = results[number]
        own = sum(holder is value for holder in results.values())
        names = [f"_{n}" for n, result in results.items() if result is value] + [*_LAST]
        own += sum(self._shell.user_ns.get(name) is value for name in names)
        own += sum(self._shell.user_ns_hidden.get(name) is value for name in names)
        own += sum(getattr(self._shell.displayhook, name, None) is value for name in _LAST)
        return _references(results, number) > own + _OURS + 1  # ``value``

    def _let_go(self, number: int, results: dict[int, Any]) -> None:
        value = results[number]
        instead = LetGo(number, value)
        for space in (self._shell.user_ns, self._shell.user_ns_hidden):
            for name in (f"_{number}", *_LAST):
                if space.get(name) is value:
                    space[name] = instead
        for name in _LAST:
            if getattr(self._shell.displayhook, name, None) is value:
                setattr(self._shell.displayhook, name, instead)
        results[number] = instead


def is_refs(value: Any) -> bool:
    """Return whether a value is a ref, or a container of nothing but refs."""
    return _count(value, _DEPTH_MAX) > 0


def _count(value: Any, depth: int) -> int:
    """Return how many refs a value is made of; 0 if of anything else, too."""
    if type(value) is ObjectRef:
        return 1
    if type(value) is dict:
        value = list(value.values())
    elif type(value) not in (list, tuple, set, frozenset):
        return 0
    counts = [_count(item, depth - 1) for item in value] if depth else [0]
    return sum(counts) if all(counts) else 0


def _described(value: Any) -> str:
    if type(value) is ObjectRef:
        return repr(value)
    return f"{type(value).__name__} of {counted(_count(value, _DEPTH_MAX), 'ref')}"


def _references(results: dict[int, Any], number: int) -> int:
    value = results[number]
    return sys.getrefcount(value)


_OURS = _references({0: object()}, 0) - 1
"""So many references to a value are those of who counts them: it depends on the Python."""
