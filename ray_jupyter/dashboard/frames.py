"""Snapshots and deltas of a ``Model``, as JSON-ready dicts of at most 64 kB. Pure.

A *delta* has the rows that changed since the frame before, in full, so that applying one
twice does no harm. A *snapshot* has everything but the older tasks. Whoever misses a frame (the
numbers have a gap) waits for the next snapshot; there is one every few seconds.
"""

from __future__ import annotations

import json
from collections import deque
from itertools import islice
from typing import Any

from ray_jupyter.dashboard.model import COLUMNS, Model

FRAME_BYTES = 64_000
TASKS_BYTES = 24_000
"""So much of a frame is single tasks at most, so much errors; more is left for the next."""
ERRORS_BYTES = 8_000
VERSION = 1

Frame = dict[str, Any]


def snapshot(model: Model, seq: int, now_us: int) -> Frame:
    """Return the whole state, with the newest tasks as far as they fit."""
    frame = _frame(model, "snapshot", seq, now_us)
    frame["columns"] = COLUMNS
    for table in ("cells", "nodes", "edges", "lanes"):
        frame[table] = [[place, *row] for place, row in enumerate(getattr(model, table))]
    frame["bins"] = {"width_us": model.bins.width_us, "lanes": model.bins.rows(), "all": True}
    frame["errors"] = _newest(model.errors.values(), ERRORS_BYTES)
    room = FRAME_BYTES - size_bytes(frame) - 1_000
    frame["tasks"] = _newest(model.tasks, min(TASKS_BYTES, room))
    if room < 0:  # thousands of edges: the picture is a tangle anyway
        frame["edges"] = frame["edges"][:200]
        frame["errors"] = []
    return frame


def delta(model: Model, seq: int, now_us: int, width_us: int) -> Frame:
    """Return what changed since the last call, and forget that it did.

    Args:
        model: to describe.
        seq: number of the frame.
        now_us: the time, as the model counts it.
        width_us: of the bins in the frame before; when it changed, all bins are told.
    """
    frame = _frame(model, "delta", seq, now_us)
    for table, places in model.changed.items():
        rows = getattr(model, table)
        frame[table] = [[place, *rows[place]] for place in sorted(places)]
        places.clear()
    bins, all_of_them = model.bins, model.bins.width_us != width_us
    cells = None if all_of_them else bins.changed
    frame["bins"] = {"width_us": bins.width_us, "lanes": bins.rows(cells), "all": all_of_them}
    bins.changed.clear()
    frame["errors"] = _taken(model.new_errors, ERRORS_BYTES)
    frame["tasks"] = _taken(model.new_tasks, TASKS_BYTES)
    return frame


def is_empty(frame: Frame) -> bool:
    """Return whether a delta says nothing new."""
    tables = ("cells", "nodes", "edges", "lanes", "errors", "tasks")
    return not any(frame[table] for table in tables) and not frame["bins"]["lanes"]


def size_bytes(value: object) -> int:
    """Return how long a value is as JSON."""
    return len(json.dumps(value, separators=(",", ":")))


def _frame(model: Model, kind: str, seq: int, now_us: int) -> Frame:
    return {
        "version": VERSION, "session": model.session_id, "kind": kind, "seq": seq,
        "now_us": now_us, "totals": model.totals,
    }  # fmt: skip


def _taken(rows: deque[list[Any]], most_bytes: int) -> list[list[Any]]:
    taken: list[list[Any]] = []
    while rows and (most_bytes := most_bytes - size_bytes(rows[0]) - 1) >= 0:
        taken.append(rows.popleft())
    if rows and not taken:  # one row larger than the limit would block all others
        rows.popleft()
    return taken


def _newest(rows: Any, most_bytes: int) -> list[list[Any]]:
    kept: list[list[Any]] = []
    for row in islice(reversed(rows), 2_000):
        most_bytes -= size_bytes(row) + 1
        if most_bytes < 0:
            break
        kept.append(row)
    return kept[::-1]
