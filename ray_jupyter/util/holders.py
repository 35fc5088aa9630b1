"""Under which names this process holds objects: variables, what is in them, what looks at memory.

Lives here: looking through namespaces, when somebody asks. Does not: what is in a value (``parts``),
who else holds an object (``state``), what a notebook adds (``notebook.objects``).

Rules
    * Only names that a user has are followed, a few levels deep. Nothing is asked of the collector,
      and the number of values looked at is bounded.
    * What is not found is said: a reference that no name leads to is "elsewhere".
"""

from __future__ import annotations

import itertools
import re
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from types import FrameType
from typing import Any

from ray_jupyter.runtime.client.holding import Held
from ray_jupyter.runtime.client.modules import is_of_user
from ray_jupyter.runtime.protocol.ids import Reference
from ray_jupyter.util.parts import LEAVES, Parts, Place, parts_of

VALUES_MAX = 200_000
"""So many values are looked at."""
DEPTH_MAX = 4
_ITEMS_MAX = 10_000
_BASES_MAX = 8
ELSEWHERE = "elsewhere in this process"
NOT_ALL = f"{ELSEWHERE} (only {VALUES_MAX:,} values were looked at)"
VIEW = " (a view)"
"""Ends the words for what is no reference, and looks at the memory."""
KEPT_COPY = "kept for a moment, should the same argument come again"

_OF_IPYTHON = frozenset({"In", "Out", "_ih", "_oh", "_dh", "exit", "quit", "get_ipython"})
_RESULT = re.compile(r"_{1,3}|_\d+")
"""The further names of what a cell has shown."""


class _Search:
    """One look through a process.

    Attributes:
        names: by object, the places of references to it.
        views: by object, the places of what looks at its memory.
        seen: by object, the references that have been found.
    """

    def __init__(self, held: Held, session_id: str) -> None:
        self.names: dict[int, list[str]] = {}
        self.views: dict[int, list[str]] = {}
        self.seen: dict[int, set[int]] = {}
        self._held = held
        self._session_id = session_id
        self._left = VALUES_MAX

    @property
    def elsewhere(self) -> str:
        """Words for what was not found."""
        return ELSEWHERE if self._left > 0 else NOT_ALL

    def look(self, root: Place, value: Any) -> None:
        """Follow one name."""
        known: set[int] = set()  # of this root: every name that leads to a value is told
        waiting = deque([(root, value, 0)])
        while waiting and self._left > 0:
            place, value, depth = waiting.popleft()
            if type(value) in LEAVES or id(value) in known:
                continue
            known.add(id(value))
            self._left -= 1
            if issubclass(type(value), Reference):
                self._note(place, value)
            elif (object_id := self._looks_at(value)) is not None:
                _add(self.views, object_id, place)
            elif depth < DEPTH_MAX:
                inner = itertools.islice(parts_of(place, value), _ITEMS_MAX)
                waiting.extend((part, found, depth + 1) for part, found in inner)

    def _note(self, place: Place, ref: Reference) -> None:
        if ref.session_id == self._session_id:
            _add(self.names, ref.id, place)
            self.seen.setdefault(ref.id, set()).add(id(ref))

    def _looks_at(self, value: Any) -> int | None:
        """Return the object whose memory an array is a view of."""
        numpy = sys.modules.get("numpy")
        if numpy is None or not self._held.views:
            return None
        for _ in range(_BASES_MAX):  # numpy keeps this chain short
            found = self._held.views.get(id(value))
            if found is not None:
                return found
            if type(value) is memoryview:
                value = value.obj
            elif issubclass(type(value), numpy.ndarray):
                value = value.base
            else:
                return None
        return None


def _add(places: dict[int, list[str]], object_id: int, place: Place) -> None:
    found = places.setdefault(object_id, [])
    if str(place) not in found:
        found.append(str(place))


def who_holds(
    roots: Iterable[tuple[Place, Any]], held: Held, session_id: str
) -> dict[int, list[str]]:
    """Return, by object, in words what of this process holds it or looks at its memory.

    Args:
        roots: where to look: ``variables``, ``running``, ``last_error``.
        held: what the process has; see ``Backend.held_here``.
        session_id: references of others do not count.
    """
    search = _Search(held, session_id)
    for place, value in roots:
        search.look(place, value)
    found: dict[int, list[str]] = {}
    for object_id, count in held.references.items():
        words = list(search.names.get(object_id, ()))
        missing = count - len(search.seen.get(object_id, ()))
        if object_id in held.copies:
            words.append(KEPT_COPY)
            missing -= 1
        if missing > 0:
            words.append(search.elsewhere)
        if words:
            found[object_id] = words
    for object_id in sorted(set(held.views.values())):
        places = search.views.get(object_id) or [f"something {search.elsewhere}"]
        found.setdefault(object_id, []).extend(place + VIEW for place in places)
    return found


def variables(namespace: Mapping[str, Any]) -> Parts:
    """Yield the variables of a namespace; in a notebook, those of its user, and what cells showed."""
    results = namespace.get("_oh")
    if type(results) is not dict:
        results = {}
    shown = {id(value) for value in results.values()}
    for name, value in list(namespace.items()):
        if name not in _OF_IPYTHON and not (_RESULT.fullmatch(name) and id(value) in shown):
            yield Place(name), value
    for number, value in list(results.items()):
        yield Place(f"Out[{number}]"), value


def running() -> Parts:
    """Yield the variables of the user's functions that run in this thread."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        name = frame.f_code.co_name
        if name != "<module>" and is_of_user(frame.f_code.co_filename):
            for variable, value in list(frame.f_locals.items()):
                yield Place(variable, f"in {name}"), value
        frame = frame.f_back


def last_error() -> Parts:
    """Yield the last error that nobody caught: its traceback keeps the variables of its frames."""
    error = getattr(sys, "last_value", None)
    if isinstance(error, BaseException):
        yield Place(f"the last {type(error).__name__}"), error
