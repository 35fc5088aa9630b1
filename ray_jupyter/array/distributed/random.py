"""Random arrays in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from ray_jupyter.array import remote as ra
from ray_jupyter.array.calling import array_function
from ray_jupyter.array.distributed.distarray import DistArray
from ray_jupyter.array.remote.random import as_size


@array_function()
def normal(loc: Any = 0.0, scale: Any = 1.0, size: Any = None, *, block_size: int) -> Any:
    """Return an array of normally distributed numbers.

    As in 2016, a list or tuple of integers as the only argument is the size.

    Raises:
        ValueError: no size, or a ``loc`` or ``scale`` that is not one number.
    """
    loc, size = as_size(loc, scale, size)
    if size is None:
        raise ValueError("normal() needs a size, such as normal(size=[300, 20])")
    if np.ndim(loc) or np.ndim(scale):
        raise ValueError(f"normal() needs numbers as loc and scale, got {loc!r} and {scale!r}")
    result = DistArray(size, float, block_size)
    for index in result.indices():
        result.refs[index] = ra.random.normal(loc, scale, result.block_shape(index))
    return result
