"""Snapshots and deltas of a ``Model``, as JSON-ready dicts of at most 64 kB. Pure.

A *delta* has the rows that changed since the frame before, in full, so that applying one
twice does no harm. A *snapshot* has everything but the older tasks. Whoever misses a frame (the
numbers have a gap) waits for the next snapshot; there is one every few seconds.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Reversible
from itertools import takewhile
from typing import Any

from ray_jupyter.dashboard.model import COLUMNS, Model

FRAME_BYTES = 64_000
SHARES = {"tasks": 24_000, "errors": 8_000, "logs": 8_000, "objects": 12_000}
"""So much of a frame these may take at most; more of them is left for the next, or left out."""
VERSION = 1

Frame = dict[str, Any]
_TABLES = ("cells", "nodes", "edges", "lanes")


def snapshot(model: Model, seq: int, now_us: int, extras: Frame) -> Frame:
    """Return the whole state, with the newest tasks, errors and ``extras`` as far as they fit.

    Where even the tables leave no room for the bins, they are left out (``bins_left_out``):
    the next delta has to tell all of them.
    """
    frame = _frame(model, "snapshot", seq, now_us)
    frame["columns"] = COLUMNS
    for table in _TABLES:
        frame[table] = [[place, *row] for place, row in enumerate(getattr(model, table))]
    room = _Room(FRAME_BYTES - size_bytes(frame))
    bins = {"width_us": model.bins.width_us, "lanes": model.bins.rows(), "all": True}
    if not room.has(bins):
        bins = {"width_us": model.bins.width_us, "lanes": {}, "all": False}
        frame["bins_left_out"] = True
    frame["bins"] = bins
    frame["hints"] = extras["hints"] if room.has(extras["hints"]) else []
    frame["errors"] = room.newest(model.errors.values(), SHARES["errors"])
    frame["logs"] = room.newest(extras["logs"], SHARES["logs"])
    frame["objects"] = room.first(extras["objects"], SHARES["objects"])
    frame["tasks"] = room.newest(model.tasks, SHARES["tasks"])
    return frame


def delta(
    model: Model, seq: int, now_us: int, width_us: int, logs: deque[list[Any]] | None = None
) -> Frame:
    """Return what changed since the last call and fits, and forget that it did.

    Args:
        model: to describe.
        seq: number of the frame.
        now_us: the time, as the model counts it.
        width_us: of the bins in the frame before; when it changed, all bins are told.
        logs: what was printed; what is told is taken away.
    """
    frame = _frame(model, "delta", seq, now_us)
    room = _Room(FRAME_BYTES - size_bytes(frame) - SHARES["objects"])
    bins, all_of_them = model.bins, model.bins.width_us != width_us
    told = {
        "width_us": bins.width_us, "all": all_of_them,
        "lanes": bins.rows(None if all_of_them else bins.changed),
    }  # fmt: skip
    room.has(told)
    bins.changed.clear()
    frame["bins"] = told
    for table in _TABLES:
        frame[table] = []
        for place in sorted(model.changed[table]):
            row = [place, *getattr(model, table)[place]]
            if not room.has(row):
                break  # the others stay noted as changed
            frame[table].append(row)
            model.changed[table].discard(place)
    frame["errors"] = room.taken(model.new_errors, SHARES["errors"])
    frame["logs"] = room.taken(logs if logs is not None else deque(), SHARES["logs"])
    frame["tasks"] = room.taken(model.new_tasks, SHARES["tasks"])
    return frame


def fitting(objects: list[list[Any]]) -> list[list[Any]]:
    """Return the objects that a delta has room for, the largest first."""
    return _Room(SHARES["objects"] + 500).first(objects, SHARES["objects"])


def is_empty(frame: Frame) -> bool:
    """Return whether a delta says nothing new."""
    tables = (*_TABLES, "errors", "logs", "tasks")
    return not any(frame[table] for table in tables) and not frame["bins"]["lanes"]


def size_bytes(value: object) -> int:
    """Return how long a value is as JSON on the wire."""
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def _frame(model: Model, kind: str, seq: int, now_us: int) -> Frame:
    return {
        "version": VERSION, "session": model.session_id, "kind": kind, "seq": seq,
        "now_us": now_us, "totals": model.totals,
    }  # fmt: skip


class _Room:
    """What is left of a frame."""

    def __init__(self, left_bytes: int) -> None:
        self._left_bytes = left_bytes - 500  # for the names of the parts

    def has(self, value: object) -> bool:
        """Take room for a value, if there is so much."""
        needed_bytes = size_bytes(value) + 1
        if needed_bytes > self._left_bytes:
            return False
        self._left_bytes -= needed_bytes
        return True

    def first(self, rows: Iterable[list[Any]], share_bytes: int) -> list[list[Any]]:
        """Return the first rows that fit into a share of what is left."""
        share = _Room(min(share_bytes, self._left_bytes) + 500)
        kept = list(takewhile(share.has, rows))
        self._left_bytes -= size_bytes(kept)
        return kept

    def newest(self, rows: Reversible[list[Any]], share_bytes: int) -> list[list[Any]]:
        """Return the last rows that fit."""
        return self.first(reversed(rows), share_bytes)[::-1]

    def taken(self, rows: deque[list[Any]], share_bytes: int) -> list[list[Any]]:
        """Return the first rows that fit, and take them away."""
        kept = self.first(rows, share_bytes)
        for _ in kept:
            rows.popleft()
        if rows and not kept and size_bytes(rows[0]) > share_bytes:
            rows.popleft()  # it never will fit, and would block all others
        return kept
