"""numpy as remote functions, with numpy's names and signatures: ``import ... as ra``.

Each call submits one task and returns a reference; ``ray.get`` returns the array. What a
function does is numpy's documentation.
"""

from ray_jupyter.array.remote import linalg, random
from ray_jupyter.array.remote.core import (
    add,
    copy,
    diag,
    dot,
    eye,
    hstack,
    ones,
    shape,
    subarray,
    subtract,
    sum,  # noqa: A004 - numpy's name
    sum_list,
    transpose,
    tril,
    triu,
    vstack,
    zeros,
    zeros_like,
)

__all__ = [
    "add",
    "copy",
    "diag",
    "dot",
    "eye",
    "hstack",
    "linalg",
    "ones",
    "random",
    "shape",
    "subarray",
    "subtract",
    "sum",
    "sum_list",
    "transpose",
    "tril",
    "triu",
    "vstack",
    "zeros",
    "zeros_like",
]
