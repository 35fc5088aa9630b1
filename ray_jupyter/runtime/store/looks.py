"""What a value looks like, in a few words: ``ndarray (1000, 3) float64``, ``list of 20``.

Lives here: telling it from the value while it is written (``look_of``), and from the bytes of a
small one without loading it (``glance``, and ``preview`` for the arguments of a call).

Rules
    * No code of the user's runs: of a value only what types of known libraries say of themselves
      is asked, and a pickle is read with stand-ins for everything that it names.
    * A look has at most ``LOOK_MAX`` characters, whatever it is of.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ray_jupyter.runtime.store.layout import pickle_in

LOOK_MAX = 80
_ARRAYS = frozenset({
    "cupy", "jax", "jaxlib", "numpy", "pandas", "polars", "pyarrow", "scipy", "tensorflow", "torch",
    "xarray",
})  # fmt: skip
"""Libraries whose types tell their shape and dtype for nothing."""
_ITEMS_MAX = 6
_TEXT_MAX = 60
_SHOWN = (int, float, bool, complex, type(None))


def look_of(value: object) -> str:
    """Return what a value looks like."""
    kind = type(value)
    if kind.__module__ == "builtins":
        return _builtin(value)
    if kind.__module__.partition(".")[0] in _ARRAYS:
        try:
            return _look(kind.__name__, getattr(value, "shape", None), getattr(value, "dtype", ""))
        except Exception:  # not as it is known: a name is better than a value that cannot be stored
            return kind.__name__[:LOOK_MAX]
    return kind.__name__[:LOOK_MAX]


def told(look: str | bytes) -> str:
    """Return in words what a backend told: words, or the beginning of a small value."""
    return look if isinstance(look, str) else glance(look)


def glance(data: bytes) -> str:
    """Return what a value looks like whose bytes (see ``layout``) begin so; empty if untold."""
    found = _read(data)
    return _look_of_stand_in(found[0]) if found else ""


def preview(data: bytes) -> tuple[list[str], dict[str, str], list[int | str]] | None:
    """Return the arguments of a packed call as short texts; ``None`` if it cannot be told.

    The last are the places at which results of other tasks go (see ``client.arguments``).
    """
    found = _read(data)
    if not found or not isinstance(found[0], tuple) or len(found[0]) not in (2, 3):
        return None
    args, kwargs, *rest = found[0]
    return [_short(value) for value in args], {k: _short(v) for k, v in kwargs.items()}, list(*rest)


def _builtin(value: Any) -> str:
    name = type(value).__name__
    return f"{name} of {len(value):,}" if hasattr(value, "__len__") else name[:LOOK_MAX]


def _look(name: str, shape: Any, dtype: object) -> str:
    sizes = f" {tuple(shape)}" if isinstance(shape, Sequence) else ""
    return f"{name}{sizes} {str(dtype).removeprefix('torch.')}".rstrip()[:LOOK_MAX]


class _StandIn:
    """Stands for whatever a pickle makes of something that has a name."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = object.__new__(cls)
        made.given, made.state = args, None
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.given: tuple[Any, ...]
        self.state: Any

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _StandIn(*args)

    def append(self, item: Any) -> None:
        """Be filled like a list."""

    def add(self, item: Any) -> None:
        """Be filled like a set."""

    def extend(self, items: Any) -> None:
        """Be filled like a list."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Be filled like a mapping."""

    def __hash__(self) -> int:
        return id(self)


def _stand_in(name: str) -> type[_StandIn]:
    return type(name, (_StandIn,), {})


class _Reader(pickle.Unpickler):
    """Loads no class and calls no function."""

    def find_class(self, module: str, name: str) -> Any:
        if name in ("_make_skeleton_class", "_make_skeleton_enum"):  # one that is defined in a cell
            return lambda _, name, *rest: _stand_in(name)
        return _stand_in(name.rpartition(".")[2])

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("not one of ours")


def _no_buffers() -> Iterator[bytes]:
    while True:
        yield b""


def _read(data: bytes) -> list[Any]:
    """Return the value, with stand-ins in it, in a list; an empty one if it cannot be read."""
    try:
        return [_Reader(io.BytesIO(pickle_in(data)), buffers=_no_buffers()).load()]
    except Exception:  # cut off, or made by a __reduce__ that stand-ins cannot follow
        return []


def _look_of_stand_in(value: Any) -> str:
    if not isinstance(value, _StandIn):
        return _builtin(value)
    name, given, state = type(value).__name__, value.given, value.state
    if name == "_frombuffer" and len(given) > 2:  # numpy's, with the bytes beside the pickle
        return _look("ndarray", given[2], _dtype(given[1]))
    if name == "_reconstruct" and isinstance(state, tuple) and len(state) > 2:
        return _look("ndarray", state[1], _dtype(state[2]))
    if name.startswith("_rebuild_tensor") and len(given) > 2:
        return _look("Tensor", given[2], "")
    if name == "scalar" and given:
        return _dtype(given[0])
    if name == "_make_function":
        return "function"
    return "" if name.startswith("_") else name[:LOOK_MAX]


def _dtype(dtype: Any) -> str:
    code = str(dtype.given[0]) if isinstance(dtype, _StandIn) and dtype.given else ""
    numpy = sys.modules.get("numpy")
    return str(numpy.dtype(code)) if numpy is not None and code else code


def _short(value: Any) -> str:
    """Return a short text for an argument."""
    if isinstance(value, _SHOWN):
        return repr(value)[:_TEXT_MAX]
    if isinstance(value, (str, bytes)):
        text = repr(value[:_TEXT_MAX])
        return text if len(value) <= _TEXT_MAX else f"{text}… ({len(value):,})"
    if isinstance(value, (list, tuple, set, frozenset)) and len(value) <= _ITEMS_MAX:
        items = ", ".join(_short(item) for item in value)
        ends = {list: "[]", tuple: "()"}.get(type(value), "{}")
        return f"{ends[0]}{items}{ends[1]}" if len(items) <= _TEXT_MAX else _builtin(value)
    if isinstance(value, Mapping) and len(value) <= _ITEMS_MAX:
        items = ", ".join(f"{_short(k)}: {_short(v)}" for k, v in value.items())
        return f"{{{items}}}" if len(items) <= _TEXT_MAX else _builtin(value)
    return f"<{_look_of_stand_in(value) or 'object'}>"
