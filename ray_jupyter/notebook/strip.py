"""The strip: what one cell's tasks are doing, as lines of text; and how they ended, as one line.

Pure: from the answer to ``Backend.query("cell")`` to text, and to HTML that needs no script and
survives sanitizers. Does not: when to show it (``strips``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any

from ray_jupyter.config import format_size
from ray_jupyter.status import counted

BAR_CHARS = 20
FUNCTIONS_MAX = 8
BARS_MAX = 8
_BAR_LINE_CHARS = 100
_NAME_CHARS = 30
_STYLE = (
    "white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.3; padding-left: var(--jp-code-padding, 0); "
    "font-family: var(--jp-code-font-family, monospace); font-size: var(--jp-code-font-size, 13px)"
)

Report = Mapping[str, Any]
"""See ``runtime.core.cells.report``."""
_NONE: Mapping[str, int] = MappingProxyType({})
_Row = tuple[str, int, int, int, int]


def html(text: str) -> str:
    """Return the same text as markup; nothing in it is."""
    return f'<div style="{_STYLE}">{escape(text)}</div>'


def progress(
    report: Report, now_ns: int, bars: Sequence[str] = (), *, older: Mapping[str, int] = _NONE
) -> str:
    """Return a line per function, what its tasks show as progress of their own, and the time.

    Args:
        report: of the cell.
        now_ns: of the same clock.
        bars: lines that tasks write over and over.
        older: see ``summary``.
    """
    rows: list[_Row] = sorted(report["functions"], key=lambda row: row[1] == row[3] + row[4])
    shown = rows[:FUNCTIONS_MAX]
    width = max(len(_short(row[0])) for row in shown)
    lines = [
        _function(row, width) + (" · older definition" if row[0] in older else "") for row in shown
    ]
    if len(rows) > len(shown):
        lines.append(f"… {len(rows) - len(shown)} more functions")
    lines += [f"  {bar.strip()[:_BAR_LINE_CHARS]}" for bar in bars[:BARS_MAX]]
    elapsed_ns = max(0, now_ns - report["first_ns"])
    workers = len(report["pids"])  # none where they may be on other machines
    lines.append(_seconds(elapsed_ns) + (f" · {counted(workers, 'worker')}" if workers else ""))
    if report["lacking"]:
        lines.append(f"hint: {report['lacking']}")
    return "\n".join(lines)


def summary(
    report: Report, *, peak_bytes: int = 0, why: str = "", older: Mapping[str, int] = _NONE
) -> str:
    """Return the line that stays, with a second one when the numbers say something.

    Args:
        report: of the cell.
        peak_bytes: most memory that was seen in use by workers and their objects; 0 if unknown.
        why: what the first failure says.
        older: by function, how many tasks were not done when it got another definition.
    """
    tasks = sum(row[1] for row in report["functions"])
    cancelled = report["cancelled"]
    failed = sum(row[4] for row in report["functions"]) - cancelled
    span_ns = _span_ns(report)
    parts = [counted(tasks, "task"), _seconds(span_ns)]
    cpu_ns = report["cpu_ns"]
    if cpu_ns is not None:  # a Ray cluster does not tell
        parts.append(f"{_seconds(cpu_ns)} CPU")
        if cpu_ns * 10 >= span_ns:
            parts.append(f"{cpu_ns / span_ns:.1f}×")
    if peak_bytes:
        parts.append(f"peak {format_size(peak_bytes)}")
    if report["retries"]:
        parts.append(f"{report['retries']:,} repeated")
    if cancelled:
        parts.append(f"{cancelled:,} cancelled")
    parts.append(f"{failed:,} failed{f': {why}' if why and failed else ''}")
    if older:
        counts = " and ".join(f"{count:,} of {_short(name)}" for name, count in older.items())
        parts.append(f"{counts} with an older definition")
    return "\n".join([" · ".join(parts), *_hints(report, span_ns)])


def _hints(report: Report, span_ns: int) -> list[str]:
    """Return at most one thing to do about it."""
    if report["spilled_bytes"]:
        size = format_size(report["spilled_bytes"])
        return [f"hint: {size} went to disk: a larger --memory, or fewer objects kept, is faster"]
    tasks = sum(row[1] for row in report["functions"])
    mean_ns = report["wall_ns"] / tasks
    if tasks >= 200 and mean_ns < 1_000_000:
        return [f"hint: a task takes {mean_ns / 1e3:,.0f} µs: give each more to do"]
    if share := _share_of_pickling(report, span_ns):
        return [
            f"hint: {share}: arrays travel without; ray.put what several tasks need; give back less"
        ]
    longest_ns = report["longest_ns"]
    if tasks >= 4 and longest_ns > 0.5 * span_ns > 5e8 and longest_ns > 4 * mean_ns:
        return [
            f"hint: one task took {_seconds(longest_ns)} of {_seconds(span_ns)}, the others "
            f"{_seconds((report['wall_ns'] - longest_ns) / (tasks - 1))} each: split it, or "
            "start it first"
        ]
    workers = report["cpus"]  # not those of actors, which wait to be called
    idle = 1 - report["busy_ns"] / (span_ns * workers) if workers else 0.0
    if span_ns > 2e9 and idle > 0.5 and workers > 1 and tasks > 1:
        if tasks < workers:
            return [f"hint: {tasks} of {workers} workers had something to do"]
        return [f"hint: workers were idle {idle:.0%} of the time: tasks waited for something"]
    return []


def _share_of_pickling(report: Report, span_ns: int) -> str:
    """Return how much of the time went into pickling, if it was most of it."""
    for pickling_ns, all_ns, whose in (
        (report["packed_ns"], span_ns, "the cell's time"),
        (report["moved_ns"], report["wall_ns"], "the tasks' time"),
    ):
        if pickling_ns > 0.5 * all_ns > 1e8:
            return f"{min(1, pickling_ns / all_ns):.0%} of {whose} went into pickling"
    return ""


def _span_ns(report: Report) -> int:
    span_ns: int = report["last_ns"] - report["first_ns"]
    return max(1, span_ns)


def _function(row: _Row, width: int) -> str:
    name, submitted, running, finished, failed = row
    done = finished + failed
    filled = BAR_CHARS * done // submitted
    bar = "█" * filled + "░" * (BAR_CHARS - filled)
    parts = [f"{_short(name):{width}}  {bar} {done:,}/{submitted:,}"]
    if running:
        parts.append(f"{running:,} running")
    if failed:
        parts.append(f"{failed:,} failed")
    return " · ".join(parts)


def _short(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= _NAME_CHARS else f"{name[: _NAME_CHARS - 1]}…"


def _seconds(duration_ns: float) -> str:
    duration_s = duration_ns / 1e9
    if duration_s < 100:
        return f"{duration_s:.1f} s"
    minutes, seconds = divmod(round(duration_s), 60)
    return f"{minutes:,} min {seconds} s"
