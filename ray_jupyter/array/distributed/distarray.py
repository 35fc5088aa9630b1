"""``DistArray``: an array in blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ray_jupyter import api

Index = tuple[int, ...]


class DistArray:
    """An array whose blocks are objects of their own.

    Attributes:
        shape: of the whole array.
        dtype: of its elements.
        block_size: how long a block is along each axis; the last one may be shorter.
        num_blocks: how many blocks there are along each axis.
        refs: an array of that shape, of the blocks' references.
    """

    def __init__(self, shape: Sequence[int] | int, dtype: Any, block_size: int) -> None:
        """Make an array without blocks; whoever makes it sets ``refs``.

        Raises:
            TypeError, ValueError: not a shape, not a size of blocks.
        """
        self.shape = checked_shape(shape)
        if isinstance(block_size, bool) or not isinstance(block_size, (int, np.integer)):
            raise TypeError(f"block_size must be a whole number, got {block_size!r}")
        if block_size < 1:
            raise ValueError(f"block_size must be at least 1, got {block_size!r}")
        self.block_size = int(block_size)
        self.dtype = np.dtype(dtype)
        self.num_blocks = tuple(-(-length // self.block_size) for length in self.shape)
        self.refs = np.empty(self.num_blocks, dtype=object)

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    @property
    def objectids(self) -> Any:
        """The references of the blocks, under the name of 2016."""
        return self.refs

    def indices(self) -> Iterator[Index]:
        """Yield the index of each block."""
        return iter(np.ndindex(*self.num_blocks))

    def slices(self, index: Index) -> tuple[slice, ...]:
        """Return what the block is of the whole array."""
        size = self.block_size
        return tuple(
            slice(place * size, min((place + 1) * size, length))
            for place, length in zip(index, self.shape, strict=True)
        )

    def block_shape(self, index: Index) -> Index:
        """Return the shape of a block."""
        return tuple(part.stop - part.start for part in self.slices(index))

    def assemble(self) -> Any:
        """Return the whole array; waits for its blocks."""
        whole = np.zeros(self.shape, self.dtype)
        indices = list(self.indices())
        values = api.get([self.refs[index] for index in indices])
        for index, value in zip(indices, values, strict=True):
            whole[self.slices(index)] = value
        return whole

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.shape)) or "scalar"
        blocks = " x ".join(map(str, self.num_blocks)) or "1"
        return (
            f"<DistArray {shape} {self.dtype}: {blocks} blocks of at most {self.block_size} "
            "along an axis>"
        )


def checked_shape(shape: Sequence[int] | int) -> Index:
    """Return a shape as a tuple of ints.

    Raises:
        TypeError, ValueError: it is none.
    """
    lengths = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    for length in lengths:
        if isinstance(length, bool) or not isinstance(length, (int, np.integer)):
            raise TypeError(f"a shape is a whole number or a list of them, got {shape!r}")
        if length < 0:
            raise ValueError(f"a shape has no negative lengths, got {shape!r}")
    return tuple(map(int, lengths))


def checked(name: str, a: Any, ndim: int | None = None) -> DistArray:
    """Return ``a`` if it is a ``DistArray`` with as many axes as are needed.

    Raises:
        TypeError: it is something else.
        ValueError: it has another number of axes.
    """
    if not isinstance(a, DistArray):
        raise TypeError(
            f"{name}() needs a DistArray, got {type(a).__name__}; make one with numpy_to_dist()"
        )
    if ndim is not None and a.ndim != ndim:
        raise ValueError(f"{name}() needs {ndim} axes, got an array of shape {a.shape}")
    return a
