"""The variables of a frame that failed, small enough to travel with the error.

Lives here: what is kept of a value, and ``RemoteValue``, which stands for one that did not come
along. Does not: frames (``task_errors``, which takes them apart; ``tracebacks``, which builds
them again).

Rules
    * Runs only when something has failed, and must not fail itself: whatever goes wrong with a
      value leaves its type.
    * Plain small values come along as they are. Of everything else there is a text, at most
      ``TEXT_MAX`` characters; ``repr`` of the user's classes runs in a thread of its own and is
      left alone when ``DEADLINE_S`` has passed.
    * Nothing is kept alive here: a value ends with its task. An argument of the task can be
      fetched for as long as the scheduler remembers the task.
"""

from __future__ import annotations

import pickle
import reprlib
import sys
import threading
import time
import types
from collections.abc import Callable, Mapping
from typing import Any

LOCALS_MAX = 50
ATTRIBUTES_MAX = 30
TEXT_MAX = 300
ARRAY_BYTES_MAX = 2_000
DEADLINE_S = 0.5
_ITEMS_MAX, _DEPTH_MAX, _LETTERS_MAX, _BITS_MAX = 100, 6, 500, 1_000
_SCALARS = (bool, float, complex, types.NoneType)
_LETTERS = (str, bytes)
_MANY = (list, tuple, set, frozenset)

Place = int | str
"""Which argument of a call: by position or by name."""
Captured = tuple[Any, ...]
"""``("value", it)``, ``("array", its pickle)`` or ``("text", type, text, place, attributes)``."""

settings = {"locals": True}
"""Whether variables are captured in this process."""

fetch: Callable[[int, Place], Any] | None = None
"""Returns an argument of a failed task; set where somebody can ask."""


class RemoteValue:
    """Stands for a value of a task that has ended; its ``repr`` is a summary of it.

    Attributes of an object are there if they were captured with it, as they were.
    """

    def __init__(
        self, type_name: str, text: str, place: Place | None, attributes: dict[str, Any], task: int
    ) -> None:
        self.__dict__.update(attributes)
        self._remote = type_name, text, place, task

    def fetch(self) -> Any:
        """Return the value itself, if it was an argument of the task.

        Raises:
            LookupError: it cannot be had any more; says what to do.
        """
        type_name, _, place, task = self._remote
        if place is None or fetch is None:
            raise LookupError(
                f"this {type_name} was made by the task and ended with it; %ray_rerun runs the "
                "task again here, where every value can be looked at"
            )
        return fetch(task, place)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"{name!r} of {self!r} was not captured: the value ended with its task"
            + ("; .fetch() returns the value" if self._remote[2] is not None else "")
        )

    def __repr__(self) -> str:
        type_name, text, place, _ = self._remote
        more = "" if place is None else ", .fetch() returns it"
        return f"<{type_name}{more}: {text}>" if text else f"<{type_name}{more}>"


class Capture:
    """Captures what belongs to one failure: it has one deadline.

    Args:
        arguments: of the task, by place.
    """

    def __init__(self, arguments: Mapping[Place, Any]) -> None:
        self._places = {id(value): place for place, value in arguments.items()}
        self._deadline_s = time.monotonic() + DEADLINE_S

    def variables(self, variables: Mapping[str, Any]) -> dict[str, Captured]:
        """Return what is kept of the local variables of a frame."""
        chosen = [
            (name, value) for name, value in variables.items()
            if name.isidentifier() and not name.startswith("__")
            and not isinstance(value, types.ModuleType)
        ]  # fmt: skip
        return {
            name: self.value(value, with_attributes=name == "self")
            for name, value in chosen[:LOCALS_MAX]
        }

    def value(self, value: Any, *, with_attributes: bool = False) -> Captured:
        """Return what is kept of a value; never raises."""
        try:
            return self._value(value, with_attributes=with_attributes)
        except BaseException as problem:  # the user's classes may do anything: keep the type
            return "text", type(value).__name__, f"({type(problem).__name__})", None, {}

    def _value(self, value: Any, *, with_attributes: bool) -> Captured:
        if is_plain(value, [_ITEMS_MAX]):
            return "value", value
        cls = type(value)
        if cls is RemoteValue:  # of a task that this one waited for
            type_name, text, _, _ = value._remote
            attributes = {n: ("value", v) for n, v in vars(value).items() if is_plain(v, [10])}
            return "text", type_name, text, None, attributes
        attributes = {}
        if with_attributes or cls.__module__ == "__main__":
            attributes = self._attributes(value)
        place = self._places.get(id(value))
        array = _array(value)
        if array is not None:
            if value.nbytes <= ARRAY_BYTES_MAX and not value.dtype.hasobject:
                return "array", pickle.dumps(value, 5)
            return "text", cls.__name__, array, place, attributes
        return "text", cls.__qualname__, self._text(value), place, attributes

    def _attributes(self, value: Any) -> dict[str, Captured]:
        try:
            own = object.__getattribute__(value, "__dict__")
        except AttributeError:
            return {}
        if type(own) is not dict or isinstance(value, (type, types.FunctionType)):
            return {}
        chosen = list(own.items())[:ATTRIBUTES_MAX]
        return {
            name: ("value", inner) if is_plain(inner, [_ITEMS_MAX])
            else ("text", type(inner).__qualname__, self._text(inner), None, {})
            for name, inner in chosen if type(name) is str
        }  # fmt: skip

    def _text(self, value: Any) -> str:
        """Return the beginning of a value's ``repr``, or why there is none."""
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            return ""
        found: list[str] = []

        def describe() -> None:
            try:
                found.append(_shortened(_REPR.repr(value)))
            except BaseException as problem:  # whatever a user's ``__repr__`` raises
                found.append(f"its repr raises {type(problem).__name__}")

        thread = threading.Thread(target=describe, daemon=True, name="ray_jupyter-repr")
        thread.start()
        thread.join(left_s)
        return found[0] if found else "its repr takes too long"


class _Repr(reprlib.Repr):
    """Long containers are cut before their items are looked at; other values by their own."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 10
        self.maxstring = self.maxlong = self.maxother = TEXT_MAX

    def repr_instance(self, x: Any, level: int) -> str:
        return _shortened(repr(x))


_REPR = _Repr()


def _shortened(text: str) -> str:
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}…"


def is_plain(value: Any, budget: list[int], depth: int = _DEPTH_MAX) -> bool:
    """Return whether a value is small and made of Python's own types alone.

    Args:
        value: looked at.
        budget: how many values it may consist of; counted down.
        depth: how deep it may be nested.
    """
    budget[0] -= 1
    cls = type(value)
    if budget[0] < 0 or not depth:
        return False
    if cls in _SCALARS:
        return True
    if cls is int:
        return bool(value.bit_length() <= _BITS_MAX)
    if cls in _LETTERS:
        return len(value) <= _LETTERS_MAX
    if cls in _MANY:
        return len(value) <= budget[0] and all(is_plain(v, budget, depth - 1) for v in value)
    if cls is dict:
        return 2 * len(value) <= budget[0] and all(
            is_plain(item, budget, depth - 1) for pair in value.items() for item in pair
        )
    return False


def _array(value: Any) -> str | None:
    """Return what an array is, without its numbers; ``None`` if it is none."""
    numpy = sys.modules.get("numpy")
    if numpy is None or type(value) is not numpy.ndarray:
        return None
    size = f"{value.nbytes / 1e6:.1f} MB" if value.nbytes >= 100_000 else f"{value.nbytes} bytes"
    text = f"{value.dtype} {value.shape}, {size}"
    if value.dtype.hasobject:
        return text
    few = ", ".join(str(item) for item in value.flat[:5])
    return f"{text}, begins [{few}{', …' if value.size > 5 else ''}]"


def restored(captured: Captured, task: int) -> Any:
    """Return the value, or what stands for it."""
    if captured[0] == "value":
        return captured[1]
    if captured[0] == "array":
        try:
            return pickle.loads(captured[1])
        except Exception as problem:  # another numpy, say: the frame is still worth looking at
            return RemoteValue("ndarray", f"cannot be unpickled: {problem}", None, {}, task)
    _, type_name, text, place, attributes = captured
    own = {name: restored(inner, task) for name, inner in attributes.items()}
    return RemoteValue(type_name, text, place, own, task)
