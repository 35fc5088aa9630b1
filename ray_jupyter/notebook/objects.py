"""``%ray_status --objects``: which objects there are, who made them, and who keeps them.

Lives here: the names that a notebook has, and the table. Does not: looking through values
(``util.holders``), which processes and tasks hold what (the backend).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from ray_jupyter.config import format_size
from ray_jupyter.notebook import Shell
from ray_jupyter.notebook.cells import Cells
from ray_jupyter.runtime.protocol.tables import OF_PROCESSES
from ray_jupyter.status import aligned, counted
from ray_jupyter.util.holders import last_error, variables, who_holds

if TYPE_CHECKING:
    from ray_jupyter.backends.base import Backend

SHOWN = 20
_NAMES_SHOWN = 4
_HEAD = ("object", "size", "where", "made by", "held by")
_WHERE = {"MEMORY": "in memory", "DISK": "on disk", "MESSAGE": "in a message", "ERROR": "an error"}


def table(backend: Backend, shell: Shell, cells: Cells, most: int) -> str:
    """Return the ``most`` largest objects of the session as lines of text."""
    answer = backend.query("memory", most)
    held = backend.held_here()
    mine = who_holds(chain(variables(shell.user_ns), last_error()), held, backend.session_id)
    rows = [
        (
            f"{found['object_id']:x}", _size(found), _where(found), _made_by(found, cells),
            ", ".join(_holders(found, mine.get(found["object_id"], []))),
        )
        for found in answer["objects"]
    ]  # fmt: skip
    if not rows:
        return "no objects"
    lines = aligned([_HEAD, *rows])
    count = sum(place["objects"] for place in answer["locations"].values()) - len(rows)
    if count:
        size = sum(place["bytes"] for place in answer["locations"].values())
        size -= sum(max(0, found["object_size"]) for found in answer["objects"])
        lines.append(f"… and {counted(count, 'smaller one')} ({format_size(size)})")
    return "\n".join(lines)


def _size(found: Mapping[str, Any]) -> str:
    return format_size(found["object_size"]) if found["object_size"] >= 0 else "-"


def _where(found: Mapping[str, Any]) -> str:
    if found["location"] is not None:
        return _WHERE[found["location"]]
    return "being made" if found["task_status"] == "RUNNING" else "to be made"


def _made_by(found: Mapping[str, Any], cells: Cells) -> str:
    cell = cells.which(found["object_id"])
    if cell is None:
        return str(found["made_by"])
    where = f"In{cell.label}"
    return f"{found['made_by']}, {where}" if found["made_by"] else where


def _holders(found: Mapping[str, Any], names: list[str]) -> Iterator[str]:
    """Yield words for who keeps an object, this process first."""
    more = len(names) - _NAMES_SHOWN
    yield from names[:_NAMES_SHOWN] if more > 1 else names
    if more > 1:
        yield f"{more} more names"
    others: Counter[str] = Counter()
    for kind, _, pid, who in found["references"]:
        if kind not in OF_PROCESSES:
            others[who] += 1
        elif pid != os.getpid():
            others[f"{who} {pid}" + (" (a view)" if kind == "PINNED_IN_MEMORY" else "")] += 1
    for who, count in others.items():
        yield who if count == 1 else f"{who} ×{count}"
