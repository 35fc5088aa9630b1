"""``memory``: the objects of a session by size and by who keeps them."""

from __future__ import annotations

import argparse
from typing import Any

from ray_jupyter.backends.attaching import Asking
from ray_jupyter.cli.output import print_columns, print_json
from ray_jupyter.config import format_size
from ray_jupyter.runtime.protocol.tables import OF_PROCESSES


def add_memory_options(command: argparse.ArgumentParser) -> None:
    """Add ``--limit``."""
    command.add_argument("--limit", type=int, default=20, help="so many objects, largest first")


def run_memory(asked: argparse.Namespace) -> int:
    """Print holders and objects of one session."""
    with Asking(asked.session or "auto") as session:
        found = session.query("memory", max(asked.limit, 0))
        statistics = session.query("statistics")
        for row in found["objects"]:
            row["object_id"] = f"{session.session_id}{row['object_id']:016x}"
    if asked.json:
        print_json(found)
        return 0
    print(
        f"{format_size(statistics['store_used_bytes'])} of "
        f"{format_size(statistics['store_limit_bytes'])} of shared memory in use · "
        f"{format_size(statistics['inline_bytes'])} in messages · "
        f"{format_size(statistics['spilled_bytes'])} on disk\n"
    )
    print_columns([_holder(row) for row in found["holders"]], ("pid", "type", "objects", "size"))
    print()
    print_columns(
        [_object(row) for row in found["objects"]],
        ("object", "size", "where", "made_by", "held_by"),
    )
    return 0


def _holder(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"size": format_size(row["bytes"]), "type": row["type"].lower()}


def _object(row: dict[str, Any]) -> dict[str, Any]:
    size = row["object_size"]
    return {
        "object": row["object_id"],
        "size": format_size(size) if size >= 0 else "-",
        "where": (row["location"] or row["task_status"]).lower(),
        "made_by": row["made_by"],
        "held_by": ", ".join(
            dict.fromkeys(
                (f"{who} looks at it" if kind == "PINNED_IN_MEMORY" else who)
                + (f" ({pid})" if kind in OF_PROCESSES else "")
                for kind, _, pid, who in row["references"]
            )
        ),
    }
