"""The results as Markdown: the verdicts, the table, what failed, how it was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.metrics import METRICS, Metric
from benchmarks.results import Results
from benchmarks.systems import GROUND, OURS, PEERS
from benchmarks.targets import Verdict, judge

HEAD = """\
# How fast it is

Written by `python -m benchmarks` (`make bench`); do not edit. [What each row does, and how to
read it](../benchmarks/README.md). [Reasons for what is missed](design/performance.md).
"""
METHOD = """\
Medians over the rounds of one interleaved run; a fresh process per system, round and group
of cases; 2 workers. In brackets: how many times better we are than that peer (below 1:
worse). "-": the system does not offer it. Absolute figures of a shared machine wobble;
trust the ratios.
"""
WORDS = {True: "yes", False: "**no**", None: "not measured"}


def markdown(results: Results) -> str:
    """The whole page."""
    parts = [
        HEAD,
        "\n".join(f"- {label}: {text}" for label, text in results.about.items()) + "\n",
        "## Goals\n",
        _table(("work", "goal", "ours", "bound", "reached"), _verdict_rows(judge(results))),
        "## Beside the peers\n",
        METHOD,
        _peer_table(results),
        "## The machine and the core\n",
        _table(("", "measured"), _ground_rows(results)),
    ]
    if notes := list(_notes(results)):
        parts += ["## Not measured\n", "\n".join(notes) + "\n"]
    return "\n".join(parts)


def _verdict_rows(verdicts: Iterable[Verdict]) -> Iterator[tuple[str, ...]]:
    for verdict in verdicts:
        metric = METRICS[verdict.target.metric]
        yield (
            metric.label,
            verdict.target.goal,
            "-" if verdict.ours is None else metric.unit.write(verdict.ours),
            "-" if verdict.bound is None else metric.unit.write(verdict.bound),
            WORDS[verdict.met],
        )


def _peer_table(results: Results) -> str:
    names = results.systems((OURS, *PEERS))
    rows = []
    for metric_name, metric in METRICS.items():
        cells = [_cell(results, name, metric_name, metric) for name in names]
        if any(cell != "-" for cell in cells):
            rows.append((metric.label, *cells))
    return _table(("", *names), rows)


def _cell(results: Results, system: str, name: str, metric: Metric) -> str:
    figure = results.figure(system, name)
    if figure is None:
        return "-"
    text = metric.unit.write(figure)
    ours = results.figure(OURS, name)
    if system == OURS or ours is None:
        return text
    advantage = metric.advantage(ours, figure)
    return text if advantage is None else f"{text} ({advantage:.2g}x)"


def _ground_rows(results: Results) -> Iterator[tuple[str, str]]:
    for name, metric in METRICS.items():
        for system in GROUND:
            figure = results.figure(system, name)
            if figure is not None and name not in ("stop_s", "left_behind"):
                yield metric.label, metric.unit.write(figure)


def _notes(results: Results) -> Iterator[str]:
    for system in results.missing:
        yield f"- {system}: missing (not installed)"
    for place, error in results.errors.items():
        yield f"- {place}: failed: `{error.splitlines()[0] if error else 'no message'}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *("--:" for _ in head[1:])], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
