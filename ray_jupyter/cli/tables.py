"""``list`` and ``summary``: the state API on the command line."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ray_jupyter.cli.output import print_columns, print_json
from ray_jupyter.util import state

_LISTS: dict[str, Any] = {
    "tasks": (state.list_tasks, ("task_id", "name", "state", "attempt_number", "type",
                                 "worker_pid", "error_type")),
    "actors": (state.list_actors, ("actor_id", "class_name", "name", "state", "pid")),
    "objects": (state.list_objects, ("object_id", "object_size", "location", "task_status",
                                     "reference_type", "type", "pid")),
    "workers": (state.list_workers, ("worker_id", "worker_type", "pid", "activity", "actor_id")),
    "nodes": (state.list_nodes, ("node_id", "node_name", "node_ip", "state")),
}  # fmt: skip
_SUMMARIES: dict[str, Any] = {
    "tasks": state.summarize_tasks,
    "actors": state.summarize_actors,
    "objects": state.summarize_objects,
}


def add_list_options(command: argparse.ArgumentParser) -> None:
    """Add the table and what to show of it."""
    command.add_argument("table", choices=_LISTS)
    command.add_argument(
        "-f", "--filter", action="append", default=[], metavar="FIELD=VALUE",
        help="only these (also FIELD!=VALUE); may be repeated",
    )  # fmt: skip
    command.add_argument("--limit", type=int, default=100, help="at most so many (100)")
    command.add_argument("--detail", action="store_true", help="every field, as JSON")


def add_summary_options(command: argparse.ArgumentParser) -> None:
    """Add the table."""
    command.add_argument("table", choices=_SUMMARIES)


def run_list(asked: argparse.Namespace) -> int:
    """Print the rows of one table."""
    function, columns = _LISTS[asked.table]
    records = function(
        asked.session or "auto", [_filter(text) for text in asked.filter], asked.limit,
        detail=asked.detail,
    )  # fmt: skip
    rows = [record.asdict() for record in records]
    if asked.json or asked.detail:
        print_json(rows)
        return 0
    print_columns(rows, columns)
    if len(rows) == asked.limit:
        print(f"there may be more than {asked.limit}: --limit", file=sys.stderr)
    return 0


def run_summary(asked: argparse.Namespace) -> int:
    """Print the counts of one table."""
    counts = _SUMMARIES[asked.table](asked.session or "auto")["cluster"]
    if asked.json:
        print_json(counts)
        return 0
    rows = [_flat(name, group) for name, group in counts["summary"].items()]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    print_columns(rows, columns)
    return 0


def _flat(name: str, group: dict[str, Any]) -> dict[str, Any]:
    """Return one line for a group, with its counts by state as columns."""
    if "total_size_mb" in group:
        return {
            "objects": group["total_objects"],
            "size_mb": round(group["total_size_mb"], 3),
            **group["ref_type_counts"],
        }
    kind = {"type": group["type"]} if "type" in group else {}
    return {"name": name, **kind, **group["state_counts"]}


def _filter(text: str) -> tuple[str, str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise ValueError(f"--filter needs FIELD=VALUE or FIELD!=VALUE, got {text!r}")
    if name.endswith("!"):
        return name[:-1], "!=", value
    return name, "=", value
