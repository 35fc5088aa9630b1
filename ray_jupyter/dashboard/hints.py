"""Why it may be slow, told from the sums alone. Pure.

Lives here: when a hint is given, and its words. A hint says what was seen and what to do.
"""

from __future__ import annotations

from ray_jupyter.dashboard.model import FAILED, FINISHED, MOST, NAME, WALL, Model

_MANY = 200
_SHORT_US = 1_000
_STRAGGLER = 8
_NOTABLE_US = 1_000_000


def hints(model: Model) -> list[str]:
    """Return what could be better, the most useful first; nothing if all is well."""
    found: list[str] = []
    totals = model.totals
    if totals.get("spilled_bytes", 0) > 0:
        found.append(
            "objects were written to disk because the store is full: release references you no "
            "longer need, or start with a larger --memory"
        )
    if totals.get("forgotten", 0):
        found.append(f"{totals['forgotten']:,} tasks ended unseen: counts by function lack them")
    for row in model.nodes:
        ended = row[FINISHED] + row[FAILED]  # what was cancelled says nothing of the function
        if not ended or row[1] == "actor":
            continue
        mean_us = row[WALL] / ended
        if ended >= _MANY and mean_us < _SHORT_US:
            found.append(
                f"{row[NAME]}: {ended:,} tasks of {mean_us:.0f} µs on average; give each more work, so "
                "that handing it over costs less than running it"
            )
        elif ended >= 4 and row[MOST] > max(_NOTABLE_US, _STRAGGLER * mean_us):
            found.append(
                f"{row[NAME]}: one task took {row[MOST] / 1e6:.1f} s, {row[MOST] / mean_us:.0f} times "
                "the mean; everybody waits for it at the end, so start it first or split it"
            )
        if row[FAILED] and row[FAILED] * 2 > ended:
            found.append(f"{row[NAME]}: {row[FAILED]:,} of {ended:,} tasks failed")
    return found[:4]
