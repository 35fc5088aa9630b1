"""One fresh process: one system, a few cases, one JSON line per case.

``python -m benchmarks.child [--quick] SYSTEM CASE...``. Lines out: ``{"begin": case}``,
``{"case": ..., "metrics": {...}, "elapsed_s": ...}``, ``{"case": ..., "error": ...}`` and at
the end ``{"end": ...}``, after the system has been stopped. Whatever else writes to
standard output goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from typing import TextIO

from benchmarks import cases, systems
from benchmarks.cases.base import FULL, QUICK, WORKERS, Case, Scale, seconds
from benchmarks.systems.base import System


class Session:
    """The system, started when the first case needs it."""

    def __init__(self, system: System, scale: Scale) -> None:
        self._system = system
        self._scale = scale
        self._started = False

    def run(self, case: Case) -> dict[str, float]:
        """The metrics of one case."""
        if case.starts:
            metrics = dict(case.run(self._system, self._scale))
            self._started = True
            return metrics
        if not self._started:
            self._system.load()
            self._system.start(WORKERS)
            self._started = True
        return dict(case.run(self._system, self._scale))

    def stop(self) -> float | None:
        """Stop the system; how many seconds that took, None if it never started."""
        return seconds(self._system.stop) if self._started else None


def main(arguments: list[str]) -> None:
    """Run the cases, report each as it ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.child")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("system", choices=systems.ADAPTERS)
    parser.add_argument("cases", nargs="+", choices=cases.NAMES)
    options = parser.parse_args(arguments)
    out = _take_over_stdout()
    session = Session(systems.adapter(options.system)(), QUICK if options.quick else FULL)
    for name in options.cases:
        _say(out, {"begin": name})
        _say(out, {"case": name, **_outcome(session, cases.case(name))})
    _say(out, {"begin": "stop"})
    _say(out, {"end": session.stop()})


def _outcome(session: Session, case: Case) -> dict[str, object]:
    """Metrics, or the error: a case that fails must not cost us the others."""
    start = time.perf_counter()
    try:
        metrics = session.run(case)
    except Exception as error:
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}
    return {"metrics": metrics, "elapsed_s": time.perf_counter() - start}


def _take_over_stdout() -> TextIO:
    """Keep the real standard output for ourselves; a system's own chatter goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out


def _say(out: TextIO, line: dict[str, object]) -> None:
    out.write(json.dumps(line) + "\n")
    out.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
