"""Rows of what is there (tasks, actors, objects, workers): selected, counted.

A row is a dict of plain values. Column names are those of Ray's state API where it has one,
times are ``*_ns`` of the session's clock, ids are ints. Pure: both backends make rows, and
whoever shows them makes them readable (``ray_jupyter.util.state``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

Row = dict[str, Any]
Filter = tuple[str, str, Any]
"""(column, "=" or "!=", value)."""

NORMAL_TASK, ACTOR_CREATION_TASK, ACTOR_TASK = "NORMAL_TASK", "ACTOR_CREATION_TASK", "ACTOR_TASK"
TASK_TYPES = {"task": NORMAL_TASK, "actor": ACTOR_CREATION_TASK, "method": ACTOR_TASK}
"""Ray's name for each kind of a ``Definition``."""
OF_PROCESSES = ("LOCAL_REFERENCE", "ACTOR_HANDLE", "PINNED_IN_MEMORY")
"""References of these types are those of a process."""
MEGABYTE = 1024 * 1024


def select(rows: Iterable[Row], filters: Iterable[Filter], limit: int) -> list[Row]:
    """Return the first ``limit`` rows that pass every filter."""
    checks = [tuple(check) for check in filters]
    return list(islice((row for row in rows if all(passes(row, *c) for c in checks)), limit))


def passes(row: Row, column: str, predicate: str, value: Any) -> bool:
    """Return whether a row passes one filter. Text is compared without regard to case."""
    found = row.get(column)
    if isinstance(found, str) and isinstance(value, str):
        equal = found.lower() == value.lower()
    else:
        equal = found == value
    return equal if predicate == "=" else not equal


def summarize_tasks(rows: Iterable[Row]) -> Row:
    """Return how many tasks of each function are in each state."""
    groups: dict[str, Row] = {}
    totals: Counter[str] = Counter()
    for row in rows:
        name, kind = row["func_or_class_name"], row["type"]
        group = groups.setdefault(
            name, {"func_or_class_name": name, "type": kind, "state_counts": {}}
        )
        _count(group["state_counts"], row["state"])
        totals[kind] += 1
    return {
        "summary": groups,
        "total_tasks": totals[NORMAL_TASK],
        "total_actor_tasks": totals[ACTOR_TASK],
        "total_actor_scheduled": totals[ACTOR_CREATION_TASK],
        "summary_by": "func_name",
    }


def summarize_actors(rows: Iterable[Row]) -> Row:
    """Return how many actors of each class are in each state."""
    groups: dict[str, Row] = {}
    total = 0
    for row in rows:
        name = row["class_name"]
        group = groups.setdefault(name, {"class_name": name, "state_counts": {}})
        _count(group["state_counts"], row["state"])
        total += 1
    return {"summary": groups, "total_actors": total, "summary_by": "class"}


def summarize_objects(rows: Iterable[Row]) -> Row:
    """Return how many objects there are, how large, and what refers to them.

    There is one group, named as in Ray when it does not record where objects are made.
    """
    sizes: dict[int, int] = {}
    states: dict[int, str] = {}
    kinds: Counter[str] = Counter()
    holders: set[int] = set()
    for row in rows:
        sizes[row["object_id"]] = max(row["object_size"], 0)
        states[row["object_id"]] = row["task_status"]
        kinds[row["reference_type"]] += 1
        holders.add(row["pid"])
    holders.discard(0)
    total_mb = sum(sizes.values()) / MEGABYTE
    group = {
        "total_objects": len(sizes),
        "total_size_mb": total_mb,
        "total_num_workers": len(holders),
        "total_num_nodes": 1,
        "task_state_counts": dict(Counter(states.values())),
        "ref_type_counts": dict(kinds),
    }
    return {
        "summary": {"disabled": group} if sizes else {},
        "total_objects": len(sizes),
        "total_size_mb": total_mb,
        "callsite_enabled": False,
        "summary_by": "callsite",
    }


def memory(rows: Iterable[Row], most: int) -> Row:
    """Return who keeps how much alive, from the rows of objects.

    Returns:
        ``objects``: the ``most`` largest, each with its ``references``: (type, whether a driver
            or a worker, pid, who in words).
        ``holders``: by process, how many objects it refers to or looks at, and their size.
        ``locations``: by location, how many objects and bytes are there.
    """
    objects: dict[int, Row] = {}
    for row in rows:
        found = objects.get(row["object_id"])
        if found is None:
            names = ("object_id", "object_size", "location", "task_status")
            found = objects[row["object_id"]] = {name: row[name] for name in names}
            found["references"] = []
        found["references"].append((
            row["reference_type"], row["type"], row["pid"], row["held_by"],
        ))  # fmt: skip
    holders: dict[int, Row] = {}
    locations: dict[str, Row] = {}
    for found in objects.values():
        size = max(found["object_size"], 0)
        for pid, kind in {(pid, kind) for _, kind, pid, _ in found["references"] if pid}:
            holder = holders.setdefault(pid, {"pid": pid, "type": kind, "objects": 0, "bytes": 0})
            holder["objects"] += 1
            holder["bytes"] += size
        place = locations.setdefault(found["location"] or "PENDING", {"objects": 0, "bytes": 0})
        place["objects"] += 1
        place["bytes"] += size
    return {
        "objects": sorted(objects.values(), key=lambda o: -o["object_size"])[:most],
        "holders": sorted(holders.values(), key=lambda holder: -holder["bytes"]),
        "locations": locations,
    }


def _count(counts: dict[str, int], key: str) -> None:
    counts[key] = counts.get(key, 0) + 1


SUMMARIES: dict[str, Callable[[Iterable[Row]], Row]] = {
    "tasks": summarize_tasks,
    "actors": summarize_actors,
    "objects": summarize_objects,
}
