"""The arrays of 2016: numpy as remote functions, and arrays in blocks.

::

    import ray_jupyter.array.remote as ra
    import ray_jupyter.array.distributed as da

    x = ra.ones([3, 4])                          # a ref of an array
    y = da.dot(da.eye(300), da.zeros([300, 5]))  # a ref of a DistArray
"""

from ray_jupyter.array import distributed, remote

__all__ = ["distributed", "remote"]
