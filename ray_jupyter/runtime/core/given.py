"""What a single task was given, as far as it is remembered, and whether it can run again.

Lives here: the answer for whoever looks at one task. Nothing changes, and no argument is loaded.
"""

from __future__ import annotations

from typing import Any

from ray_jupyter.runtime.core import resuming
from ray_jupyter.runtime.core.state import ClusterState

GIVEN_BYTES = 16_000
"""So much of packed arguments is told."""


def task(state: ClusterState, task_id: int) -> dict[str, Any]:
    """Return what is known of a task; nothing if it is forgotten, or never was.

    Keys: ``arguments`` (the beginning of the packed call, see ``client.arguments``), ``deps``
    (objects whose values are arguments, in order), ``num_returns``, ``obstacle`` (why it cannot be
    resumed; empty if it can).
    """
    known: Any = (
        state.tasks.get(task_id) or state.remains.get(task_id) or state.lineage.get(task_id)
    )
    if known is None:
        return {}
    found = resuming.find(state, task_id)
    return {
        "arguments": known.args[:GIVEN_BYTES], "deps": list(known.deps),
        "num_returns": getattr(known, "num_returns", 0), "obstacle": found if isinstance(found, str) else "",
    }  # fmt: skip
