"""Random arrays, made in a worker. Each worker has a seed of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from ray_jupyter.array.calling import array_function


@array_function()
def normal(loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
    """Return normally distributed numbers.

    As in 2016, a list or tuple of integers as the only argument is the size.
    """
    loc, size = as_size(loc, scale, size)
    return np.random.normal(loc, scale, size)


def as_size(loc: Any, scale: Any, size: Any) -> tuple[Any, Any]:
    """Return (loc, size), where 2016's only argument was the size."""
    is_size = isinstance(loc, (list, tuple)) and all(isinstance(n, (int, np.integer)) for n in loc)
    if is_size and size is None and type(scale) is float and scale == 1.0:
        return 0.0, tuple(loc)
    return loc, size
