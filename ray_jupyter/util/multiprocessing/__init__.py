"""``multiprocessing.Pool`` on actors: change the import and keep the program."""

from __future__ import annotations

from multiprocessing import TimeoutError  # noqa: A004 - the standard library's own

from ray_jupyter.util.multiprocessing.pool import Pool
from ray_jupyter.util.multiprocessing.results import AsyncResult, IMapIterator

__all__ = ["AsyncResult", "IMapIterator", "Pool", "TimeoutError"]
