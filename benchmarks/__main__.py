"""``python -m benchmarks``: the whole comparison, or a part of it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from benchmarks import cases, front_page, machine, report, systems
from benchmarks.results import Results
from benchmarks.runner import ROOT, Plan, Runner

PAGE = ROOT / "docs" / "performance.md"
FRONT = ROOT / "README.md"


def main(arguments: Sequence[str]) -> int:
    """Run, print the report, keep it; 1 if one of our own cases failed."""
    options = _parser().parse_args(arguments)
    if options.render:
        results = Results.load(options.render)
    else:
        results = _measure(options)
    if options.json:
        results.save(options.json)
    page = report.markdown(results)
    print(page)
    target = options.output or (PAGE if _is_complete(options) else None)
    if target:
        target.write_text(page, encoding="utf-8")
    if target == PAGE:
        front = front_page.renew(FRONT.read_text(encoding="utf-8"), page)
        FRONT.write_text(front, encoding="utf-8")
    return int(any(place.startswith(f"{systems.OURS}/") for place in results.errors))


def _measure(options: argparse.Namespace) -> Results:
    installed = [name for name in options.systems if systems.adapter(name).installed()]
    repeats = options.repeats or (1 if options.quick else 3)
    about = machine.about(installed)
    about["rounds"] = f"{repeats}, {'quick' if options.quick else 'full'} size"
    missing = [name for name in options.systems if name not in installed]
    results = Results(about, missing=missing)
    plan = Plan(installed, options.cases, repeats, options.quick, options.limit_s)
    start = time.monotonic()
    Runner(plan, results, lambda text: print(text, file=sys.stderr, flush=True)).run()
    about["time of the run"] = f"{time.monotonic() - start:.0f} s"
    return results


def _is_complete(options: argparse.Namespace) -> bool:
    """Only a run of everything may replace the page in ``docs``."""
    everything = list(systems.ADAPTERS), list(cases.NAMES)
    return not options.quick and (options.systems, options.cases) == everything


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less work, one round")
    parser.add_argument(
        "--systems", type=_names(systems.ADAPTERS), default=list(systems.ADAPTERS), metavar="A,B"
    )
    parser.add_argument(
        "--cases", type=_names(cases.NAMES), default=list(cases.NAMES), metavar="X,Y"
    )
    parser.add_argument("--repeats", type=int, metavar="N", help="rounds (3; quick: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep all samples")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="where the page goes (complete runs: docs)"
    )
    parser.add_argument(
        "--render", type=Path, metavar="FILE", help="no run: the page of an earlier --json"
    )
    parser.add_argument(
        "--limit-s", type=float, default=600.0, metavar="S", help="start nothing after this time"
    )
    return parser


def _names(known: Collection[str]) -> Callable[[str], list[str]]:
    """An argument type: some of the known names, in the known order."""

    def parse(text: str) -> list[str]:
        asked = set(text.split(","))
        if unknown := asked - set(known):
            raise argparse.ArgumentTypeError(
                f"expected some of {', '.join(known)}; got {', '.join(sorted(unknown))}"
            )
        return [name for name in known if name in asked]

    return parse


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
