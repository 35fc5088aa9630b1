"""``status``: one screen about each running session of this user."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from ray_jupyter import status
from ray_jupyter.backends import attaching
from ray_jupyter.cli.output import NONE_RUNNING, print_json
from ray_jupyter.config import Config

if TYPE_CHECKING:
    from ray_jupyter.runtime.client.visit import Visit


def run_status(asked: argparse.Namespace) -> int:
    """Print what the sessions do; 1 if none is running."""
    problems: list[str] = []
    if asked.session is not None:
        visits = [attaching.resolve(asked.session)]
    else:
        visits, problems = attaching.sessions()
    reports = []
    for visit in visits:
        with visit:
            try:
                reports.append(_facts(visit))
            except (OSError, ValueError) as error:  # it ended, or is of another version
                problems.append(f"{visit.path}: {error}")
    for problem in problems:
        print(f"ray_jupyter: {problem}", file=sys.stderr)
    if asked.json:
        print_json(reports)
    else:
        print("\n\n".join(map(_report, reports)) or NONE_RUNNING)
    return 0 if reports else 1


def _facts(visit: Visit) -> dict[str, Any]:
    statistics = visit.ask("statistics") | {"pids": visit.ask("pids")}
    total, available = visit.ask("resources")
    asked = {"table": "workers", "filters": [("worker_type", "=", "DRIVER")], "limit": 100}
    drivers = [row["pid"] for row in visit.ask("list", asked)]
    return visit.facts | {
        "socket": str(visit.path), "drivers": drivers, "statistics": statistics,
        "resources_total": total, "resources_available": available,
    }  # fmt: skip


def _report(facts: dict[str, Any]) -> str:
    config = Config(**facts["config"])
    first = facts["driver_pid"]
    attached = [str(pid) for pid in facts["drivers"] if pid != first]
    started = time.strftime("%H:%M:%S", time.localtime(facts["started_s"]))
    rows = {
        "driver": f"{first} ({facts['program']}) · started {started}",
        "attached": " ".join(attached),
        "free": ", ".join(
            f"{facts['resources_available'].get(name, 0):g} of {total:g} {name}"
            for name, total in facts["resources_total"].items()
            if name != "memory"
        ),
    }
    lines = [status.report(config, facts["session_id"], facts["statistics"])]
    lines += [f"{subject:8} {text}" for subject, text in rows.items() if text]
    return "\n".join(lines)
