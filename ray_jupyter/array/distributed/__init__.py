"""Arrays in blocks, each an object of its own: ``import ray_jupyter.array.distributed as da``.

Every function submits one task, which submits tasks for the blocks, and returns a reference
of a ``DistArray`` at once; ``da.linalg`` has QR decompositions.

Attributes:
    BLOCK_SIZE: how long a block is along each axis, at most. Assign to it, or give
        ``block_size=``.
"""

from ray_jupyter.array.distributed import linalg, random
from ray_jupyter.array.distributed.core import (
    add,
    assemble,
    blockwise_dot,
    copy,
    dot,
    eye,
    numpy_to_dist,
    ones,
    subblocks,
    subtract,
    transpose,
    tril,
    triu,
    zeros,
)
from ray_jupyter.array.distributed.distarray import DistArray

BLOCK_SIZE = 1000

__all__ = [
    "BLOCK_SIZE",
    "DistArray",
    "add",
    "assemble",
    "blockwise_dot",
    "copy",
    "dot",
    "eye",
    "linalg",
    "numpy_to_dist",
    "ones",
    "random",
    "subblocks",
    "subtract",
    "transpose",
    "tril",
    "triu",
    "zeros",
]
