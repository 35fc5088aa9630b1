"""Making and combining arrays: numpy's functions of the same names, and three of 2016's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ray_jupyter.array.calling import array_function


@array_function()
def zeros(shape: Any, dtype: Any = float, order: Any = "C") -> Any:
    """Return an array of zeros."""
    return np.zeros(shape, dtype, order)


@array_function()
def zeros_like(
    a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None
) -> Any:
    """Return an array of zeros that is otherwise like ``a``."""
    return np.zeros_like(a, dtype, order, subok, shape)


@array_function()
def ones(shape: Any, dtype: Any = None, order: Any = "C") -> Any:
    """Return an array of ones."""
    return np.ones(shape, dtype, order)


@array_function()
def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = float, order: Any = "C") -> Any:  # noqa: N803 - numpy's names
    """Return an array with ones on a diagonal."""
    return np.eye(N, M, k, dtype, order)


@array_function()
def dot(a: Any, b: Any) -> Any:
    """Return the product of two arrays."""
    return np.dot(a, b)


@array_function()
def vstack(*arrays: Any, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """Return arrays stacked row-wise: one list of them, or (as in 2016) each by itself."""
    return _joined(np.vstack, arrays, dtype, casting)


@array_function()
def hstack(*arrays: Any, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """Return arrays stacked column-wise: one list of them, or (as in 2016) each by itself."""
    return _joined(np.hstack, arrays, dtype, casting)


def _joined(join: Any, arrays: Sequence[Any], dtype: Any, casting: Any) -> Any:
    if len(arrays) == 1 and isinstance(arrays[0], (list, tuple)):
        arrays = _values(arrays[0])
    elif len(arrays) == 1:
        arrays = arrays[0]  # numpy takes an array apart, along its first axis
    if dtype is None and casting == "same_kind":
        return join(list(arrays))  # numpy 1.23 has no other arguments
    return join(list(arrays), dtype=dtype, casting=casting)


def _values(items: Sequence[Any]) -> list[Any]:
    """Return items of a list, the values of those that are references."""
    from ray_jupyter import api
    from ray_jupyter.refs import ObjectRef

    return [api.get(item) if isinstance(item, ObjectRef) else item for item in items]


@array_function()
def subarray(a: Any, lower_indices: Sequence[int], upper_indices: Sequence[int]) -> Any:
    """Return the part of ``a`` from the lower indices up to the upper ones, those not included.

    Raises:
        ValueError: not one index per axis.
    """
    a = np.asarray(a)
    if not len(lower_indices) == len(upper_indices) == a.ndim:
        raise ValueError(
            f"subarray() needs {a.ndim} indices for an array of shape {a.shape}, got "
            f"{list(lower_indices)!r} and {list(upper_indices)!r}"
        )
    return a[tuple(map(slice, lower_indices, upper_indices))].copy()


@array_function()
def copy(a: Any, order: Any = "K", subok: bool = False) -> Any:
    """Return a copy."""
    return np.array(a, order=order, subok=subok, copy=True)


@array_function()
def tril(m: Any, k: int = 0) -> Any:
    """Return the lower triangle, zeros above."""
    return np.tril(m, k)


@array_function()
def triu(m: Any, k: int = 0) -> Any:
    """Return the upper triangle, zeros below."""
    return np.triu(m, k)


@array_function()
def diag(v: Any, k: int = 0) -> Any:
    """Return a diagonal, or a matrix with this diagonal."""
    return np.diag(v, k)


@array_function()
def transpose(a: Any, axes: Any = None) -> Any:
    """Return the array with its axes in another order, reversed by default."""
    return np.transpose(a, axes)


@array_function()
def add(x1: Any, x2: Any, dtype: Any = None) -> Any:
    """Return the sum of two arrays."""
    return np.add(x1, x2, dtype=dtype)


@array_function()
def subtract(x1: Any, x2: Any, dtype: Any = None) -> Any:
    """Return the difference of two arrays."""
    return np.subtract(x1, x2, dtype=dtype)


@array_function()
def sum(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:  # noqa: A001 - numpy's name
    """Return the sum of an array's elements."""
    return np.sum(a, axis, dtype, keepdims=keepdims)


@array_function()
def shape(a: Any) -> Any:
    """Return the shape."""
    return np.shape(a)


@array_function()
def sum_list(*xs: Any) -> Any:
    """Return the sum of arrays of one shape.

    Raises:
        ValueError: there is none.
    """
    if not xs:
        raise ValueError("sum_list() needs at least one array")
    total = np.array(xs[0])
    for x in xs[1:]:
        total = total + x
    return total
