"""The lines that ``%ray_start``, ``%ray_status`` and ``status`` on the command line print.

Lives here: words, units, columns. Does not: asking the backend, printing.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from ray_jupyter.config import Config, format_size

NO_SESSION = "no runtime is running · %ray_start starts one"
_WAITING = ("PENDING_ARGS_AVAIL", "PENDING_NODE_ASSIGNMENT", "SUBMITTED_TO_WORKER")


def description(config: Config) -> str:
    """Return ``local runtime · 4 workers · 7.8 GB store``, also while workers are starting."""
    if config.mode == "inline":
        return "inline runtime · tasks run in this process, one at a time"
    if config.mode == "ray_cluster":
        return (
            f"Ray cluster · {counted(config.num_cpus, 'CPU')} · "
            f"{format_size(config.object_store_memory_bytes)} store"
        )
    return (
        f"{config.mode} runtime · {counted(config.num_cpus, 'worker')} · "
        f"{format_size(config.object_store_memory_bytes)} store"
    )


def report(
    config: Config, session_id: str, statistics: Mapping[str, Any], *, note: str = "",
    older: str = "",
) -> str:  # fmt: skip
    """Return what ``%ray_status`` shows: one line per subject, numbers first.

    Args:
        config: of the session.
        session_id: its name.
        statistics: see ``Backend.statistics``.
        note: goes behind what the session is.
        older: what still runs a definition that has been replaced.
    """
    rows = {
        "runtime": f"{description(config)}{note} · session {session_id[:8]}",
        "workers": _workers(statistics),
        "tasks": _tasks(statistics),
        "older": older,
        "objects": _objects(statistics),
        "time": _time(statistics),
        "pids": " ".join(map(str, statistics["pids"])),
    }
    return "\n".join(f"{subject:8} {text}" for subject, text in rows.items() if text)


def counted(count: int, noun: str) -> str:
    """Return ``1 worker`` or ``4 workers``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def aligned(rows: Sequence[Sequence[str]], right: Container[int] = ()) -> list[str]:
    """Return rows as lines whose columns stand below one another, those in ``right`` to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if place in right else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _workers(statistics: Mapping[str, Any]) -> str:
    busy, blocked = statistics["workers_busy"], statistics["workers_blocked"]
    idle = statistics["workers"] - busy
    starting = statistics.get("workers_starting", 0)
    return _joined(
        [(busy - blocked, "busy"), (blocked, "waiting for results"), (idle, "idle")]
        + [(starting, "starting")] * bool(starting)
    )


def _tasks(statistics: Mapping[str, Any]) -> str:
    states = statistics["tasks"]
    return _joined(
        [
            (states.get("RUNNING", 0), "running"),
            (sum(states.get(state, 0) for state in _WAITING), "waiting"),
            (states.get("FINISHED", 0), "finished"),
            (states.get("FAILED", 0), "failed"),
            (statistics["retries"], "repeated"),
        ]
    )


def _objects(statistics: Mapping[str, Any]) -> str:
    return " · ".join(
        [
            f"{statistics['objects']:,} alive",
            f"{format_size(statistics['store_used_bytes'])} in the store",
            f"{format_size(statistics['inline_bytes'])} in messages",
            f"{format_size(statistics['spilled_bytes'])} on disk",
        ]
    )


def _time(statistics: Mapping[str, Any]) -> str:
    cpu_s, wall_s = statistics["task_cpu_ns"] / 1e9, statistics["task_wall_ns"] / 1e9
    return f"{cpu_s:.1f} s of processor time in {wall_s:.1f} s of tasks"


def _joined(counts: Sequence[tuple[int, str]]) -> str:
    return " · ".join(f"{count:,} {word}" for count, word in counts)
