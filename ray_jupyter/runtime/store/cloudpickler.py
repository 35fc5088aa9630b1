"""cloudpickle, with the file names of code kept.

cloudpickle 3.1.3 and later write ``<dynamic-code>`` in place of the file a function was defined
in. That makes pickles reproducible, and tracebacks blind: without the name of the notebook cell
nobody finds the source line. Imported on first use, because cloudpickle takes 15 ms to import.
"""

from __future__ import annotations

import io
from collections import ChainMap
from collections.abc import Callable
from pickle import PickleBuffer
from types import CodeType
from typing import Any, ClassVar

import cloudpickle  # type: ignore[import-untyped]

_reduce_without_file = cloudpickle.Pickler.dispatch_table[CodeType]


def _reduce_code(code: CodeType) -> tuple[Any, ...]:
    constructor, arguments = _reduce_without_file(code)
    return _make_code, (constructor, arguments, code.co_filename)


def _make_code(constructor: Callable[..., CodeType], arguments: Any, filename: str) -> CodeType:
    return constructor(*arguments).replace(co_filename=filename)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    dispatch_table: ClassVar[Any] = ChainMap(
        {CodeType: _reduce_code}, cloudpickle.Pickler.dispatch_table
    )


def dumps(value: object, protocol: int, buffer_callback: Callable[[PickleBuffer], Any]) -> bytes:
    """Return the pickle of any value, functions and classes of ``__main__`` included."""
    with io.BytesIO() as file:
        _Pickler(file, protocol=protocol, buffer_callback=buffer_callback).dump(value)
        return file.getvalue()
