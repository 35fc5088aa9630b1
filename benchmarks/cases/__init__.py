"""The cases, in the order in which one process runs them."""

from __future__ import annotations

import importlib

from benchmarks.cases.base import Case

NAMES = (
    "startup",
    "idle_memory",
    "sync_calls",
    "burst",
    "over_ray",
    "dashboard",
    "actor_calls",
    "wait_all",
    "tree_reduce",
    "short_tasks",
    "nested",
    "fib",
    "small_objects",
    "put_array",
    "get_array",
    "pass_array",
    "return_array",
    "limits",
    "core",
)


def case(name: str) -> Case:
    """The case of this name, from the module of this name."""
    found: Case = importlib.import_module(f"{__name__}.{name}").CASE
    return found
