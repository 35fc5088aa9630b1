"""``display`` inside tasks: figures, HTML and the like on their way to the cell.

Imported in every worker, where there is no IPython until a task imports it: then its functions are
replaced by those here. A task that calls ``display`` without importing it, as cells may, finds one too.
"""

from __future__ import annotations

import base64
import builtins
import importlib.abc
import importlib.util
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

_MODULE = "IPython.core.display_functions"


def install() -> None:
    """Have ``display`` reach the notebook from now on in this process."""
    builtins.display = _display_when_called  # type: ignore[attr-defined]
    if _MODULE in sys.modules:
        _replace(sys.modules[_MODULE])
    else:
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Notices when IPython's functions are imported."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        """See ``MetaPathFinder``."""
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: Any) -> Any:
        """See ``Loader``."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """See ``Loader``."""
        self._loader.exec_module(module)
        _replace(module)


def _replace(module: ModuleType) -> None:
    for function in (display, publish_display_data, clear_output):
        setattr(module, function.__name__, function)


def _display_when_called(*objects: Any, **options: Any) -> Any:
    """Display objects in the cell that this task belongs to; see ``IPython.display.display``."""
    try:
        importlib.import_module(_MODULE)
    except ImportError:  # no IPython here: as in plain Python
        print(*objects)
        return None
    return display(*objects, **options)


def display(
    *objects: Any, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None,
    metadata: dict[str, Any] | None = None, transient: dict[str, Any] | None = None,
    display_id: str | bool | None = None, raw: bool = False, clear: bool = False,
    update: bool = False, **options: Any,
) -> Any:  # fmt: skip
    """Do in the cell of this task as ``IPython.display.display`` does."""
    from IPython.core.display_functions import DisplayHandle

    if clear:
        clear_output(wait=True)
    handle = None
    transient = dict(transient or {})
    if display_id is not None:
        handle = DisplayHandle() if display_id is True else DisplayHandle(str(display_id))  # type: ignore[no-untyped-call]
        transient["display_id"] = handle.display_id
    elif update:
        raise TypeError("display_id required for update=True")
    for value in objects:
        if raw:
            data, described = value, {}
        else:
            data, described = _formatter().format(value, include=include, exclude=exclude)
            if not data:  # it has displayed itself
                continue
        described = {**described, **(metadata or {})}
        publish_display_data(data, described, transient=transient, update=update)
    return handle


def publish_display_data(
    data: dict[str, Any], metadata: dict[str, Any] | None = None, *,
    transient: dict[str, Any] | None = None, update: bool = False, **options: Any,
) -> None:  # fmt: skip
    """Send a bundle to the cell of this task; see ``IPython.display.publish_display_data``."""
    bundle = {kind: _as_text(value) for kind, value in data.items()}
    content = {"data": bundle, "metadata": metadata or {}, "transient": transient or {}}
    _publish("update_display_data" if update else "display_data", content)


def clear_output(wait: bool = False) -> None:
    """Clear the cell of this task; see ``IPython.display.clear_output``."""
    _publish("clear_output", {"wait": wait})


def _publish(kind: str, content: dict[str, Any]) -> None:
    stream = sys.__stdout__
    assert stream is not None
    stream.publish(kind, content)  # type: ignore[attr-defined]


def _as_text(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


_the_formatter: Any = None


def _formatter() -> Any:
    """Return what turns objects into bundles; figures as PNG, as in a notebook."""
    global _the_formatter
    if _the_formatter is None:
        from IPython.core.formatters import DisplayFormatter

        _the_formatter = DisplayFormatter()
        _the_formatter.formatters["image/png"].for_type_by_name(
            "matplotlib.figure", "Figure", _png_of
        )
        _the_formatter.active_types = _the_formatter.format_types
    return _the_formatter


def _png_of(figure: Any) -> Any:
    from IPython.core.pylabtools import print_figure

    return print_figure(figure, "png", base64=True)  # type: ignore[no-untyped-call]
