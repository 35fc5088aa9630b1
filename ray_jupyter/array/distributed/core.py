"""Making and combining arrays in blocks. The tasks of blocks are those of ``array.remote``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ray_jupyter import api
from ray_jupyter.array import remote as ra
from ray_jupyter.array.calling import array_function
from ray_jupyter.array.distributed.distarray import DistArray, Index, checked


@array_function()
def assemble(a: Any) -> Any:
    """Return the whole array: ``a.assemble()`` in a worker."""
    return checked("assemble", a).assemble()


@array_function()
def numpy_to_dist(a: Any, *, block_size: int) -> Any:
    """Return an array cut into blocks."""
    a = np.asarray(a)
    result = DistArray(a.shape, a.dtype, block_size)
    for index in result.indices():
        result.refs[index] = api.put(np.array(a[result.slices(index)], order="C"))
    return result


@array_function()
def zeros(shape: Any, dtype: Any = float, order: Any = "C", *, block_size: int) -> Any:
    """Return an array of zeros."""
    return _filled(ra.zeros, shape, dtype, order, block_size)


@array_function()
def ones(shape: Any, dtype: Any = None, order: Any = "C", *, block_size: int) -> Any:
    """Return an array of ones."""
    return _filled(ra.ones, shape, float if dtype is None else dtype, order, block_size)


def _filled(make: Any, shape: Any, dtype: Any, order: Any, block_size: int) -> DistArray:
    result = DistArray(shape, dtype, block_size)
    for index in result.indices():
        result.refs[index] = make(result.block_shape(index), dtype, order)
    return result


@array_function()
def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = float, *, block_size: int) -> Any:  # noqa: N803 - numpy's names
    """Return a matrix with ones on a diagonal."""
    return make_eye(N, N if M is None else M, k, dtype, block_size)


def make_eye(rows: int, columns: int, k: int, dtype: Any, block_size: int) -> DistArray:
    """Return a matrix with ones on a diagonal, in this process."""
    result = DistArray((rows, columns), dtype, block_size)
    for index in result.indices():
        shape = result.block_shape(index)
        result.refs[index] = ra.eye(*shape, k + _offset(result, index), dtype)
    return result


def _offset(a: DistArray, index: Index) -> int:
    """Return which diagonal of a block is the main one of the whole matrix."""
    return (index[0] - index[1]) * a.block_size


@array_function()
def copy(a: Any) -> Any:
    """Return a copy. Blocks never change, so it shares them."""
    a = checked("copy", a)
    result = _like(a)
    result.refs[...] = a.refs
    return result


@array_function()
def triu(m: Any, k: int = 0) -> Any:
    """Return the upper triangle of a matrix, zeros below."""
    return _triangle(checked("triu", m, 2), k, ra.triu)


@array_function()
def tril(m: Any, k: int = 0) -> Any:
    """Return the lower triangle of a matrix, zeros above."""
    return _triangle(checked("tril", m, 2), k, ra.tril)


def _triangle(a: DistArray, k: int, cut: Any) -> DistArray:
    result = _like(a)
    for index in a.indices():
        result.refs[index] = cut(a.refs[index], k + _offset(a, index))
    return result


@array_function()
def blockwise_dot(*matrices: Any) -> Any:
    """Return the sum of the products of the first half with the second, one by one.

    Raises:
        ValueError: an odd number, or none.
    """
    half = len(matrices) // 2
    if not half or len(matrices) % 2:
        raise ValueError(f"blockwise_dot() needs an even number of matrices, got {len(matrices)}")
    total = np.dot(matrices[0], matrices[half])
    for left, right in zip(matrices[1:half], matrices[half + 1 :], strict=True):
        total = total + np.dot(left, right)
    return total


@array_function()
def dot(a: Any, b: Any) -> Any:
    """Return the product of two matrices.

    Raises:
        ValueError: they do not fit, or have blocks of different sizes.
    """
    a, b = checked("dot", a, 2), checked("dot", b, 2)
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"dot() cannot multiply {a.shape} by {b.shape}")
    _check_block_size("dot", a, b)
    result = DistArray((a.shape[0], b.shape[1]), np.result_type(a.dtype, b.dtype), a.block_size)
    for i, j in result.indices():
        if a.shape[1]:
            result.refs[i, j] = blockwise_dot(*a.refs[i, :], *b.refs[:, j])
        else:  # an empty sum
            result.refs[i, j] = ra.zeros(result.block_shape((i, j)), result.dtype)
    return result


@array_function()
def subblocks(a: Any, *ranges: Sequence[int]) -> Any:
    """Return the array made of some blocks.

    Args:
        a: the array.
        ranges: for each axis the places of the blocks, rising; an empty list takes all.

    Raises:
        ValueError: not one list per axis, or places that do not rise or do not exist.
    """
    return take_blocks(checked("subblocks", a), ranges)


def take_blocks(a: DistArray, ranges: Sequence[Sequence[int]]) -> DistArray:
    """Return the array made of some blocks: see ``subblocks``.

    Raises:
        ValueError: not one list for each axis, or places that do not rise or are not there.
    """
    if len(ranges) != a.ndim:
        raise ValueError(f"subblocks() needs {a.ndim} lists of places, got {len(ranges)}")
    places: list[list[int]] = []
    lengths: list[int] = []
    for axis, (given, count) in enumerate(zip(ranges, a.num_blocks, strict=True)):
        taken = list(given) or list(range(count))
        if taken != sorted(set(taken)) or not set(taken) <= set(range(count)):
            raise ValueError(
                f"subblocks(): the places along axis {axis} must rise and be from 0 to "
                f"{count - 1}, got {taken!r}"
            )
        places.append(taken)
        length = len(taken) * a.block_size
        if taken[-1:] == [count - 1]:  # the last block may be shorter
            length -= count * a.block_size - a.shape[axis]
        lengths.append(length)
    result = DistArray(lengths, a.dtype, a.block_size)
    result.refs[...] = a.refs[np.ix_(*places)] if places else a.refs
    return result


@array_function()
def transpose(a: Any) -> Any:
    """Return the array with its axes reversed."""
    a = checked("transpose", a)
    result = DistArray(a.shape[::-1], a.dtype, a.block_size)
    for index in a.indices():
        result.refs[index[::-1]] = ra.transpose(a.refs[index])
    return result


@array_function()
def add(x1: Any, x2: Any) -> Any:
    """Return the sum of two arrays of one shape."""
    return _combined("add", x1, x2, ra.add)


@array_function()
def subtract(x1: Any, x2: Any) -> Any:
    """Return the difference of two arrays of one shape."""
    return _combined("subtract", x1, x2, ra.subtract)


def _combined(name: str, x1: Any, x2: Any, combine: Callable[[Any, Any], Any]) -> DistArray:
    x1, x2 = checked(name, x1), checked(name, x2)
    if x1.shape != x2.shape:
        raise ValueError(f"{name}() needs arrays of one shape, got {x1.shape} and {x2.shape}")
    _check_block_size(name, x1, x2)
    result = DistArray(x1.shape, np.result_type(x1.dtype, x2.dtype), x1.block_size)
    for index in result.indices():
        result.refs[index] = combine(x1.refs[index], x2.refs[index])
    return result


def _like(a: DistArray) -> DistArray:
    return DistArray(a.shape, a.dtype, a.block_size)


def _check_block_size(name: str, a: DistArray, b: DistArray) -> None:
    if a.block_size != b.block_size:
        raise ValueError(
            f"{name}() needs blocks of one size, got {a.block_size} and {b.block_size}; make one "
            "of them again: numpy_to_dist(assemble(a), block_size=...)"
        )
