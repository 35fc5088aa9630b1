"""%ray_cancel, %ray_logs, %ray_trace: their lines; what they do to workers is in tests/notebooks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError

from ray_jupyter.notebook.logs import Line, Logs


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("%ray_cancel", "expected one of: refs, --cell, --all"),
        ("%ray_cancel --all --cell 3", "expected one of"),
        ("%ray_cancel nope", "expected the name of a variable that holds refs, got nope"),
        ("%ray_cancel refz", "did you mean 'refs'"),
        ("%ray_cancel k", "got k = 3"),
        ("%ray_cancel --cell 99", "In[99] has not run"),
        ("%ray_logs nope", "no ref and no task with output has the name 'nope'"),
        ("%ray_logs -n 0", "-n must be at least 1"),
        ("%ray_logs -n many", "expected a number"),
        ("%ray_trace", "FILE"),
        ("%ray_trace /dev/null/trace.json", "%ray_trace: the file cannot be written"),
    ],
)
def test_mistakes(inline: Any, line: str, message: str) -> None:
    inline.run("import ray_jupyter as ray\nrefs = [ray.put(1)]\nk = 3")
    outcome = inline.fails(line)
    assert isinstance(outcome.error, UsageError)
    assert message in outcome.out


def test_nothing_to_cancel(inline: Any) -> None:
    inline.run("import ray_jupyter as ray\nrefs = [ray.put(1)]")
    for line in ("%ray_cancel refs", "%ray_cancel --cell", "%ray_cancel --all --force"):
        assert inline.run(line).out == "nothing to cancel\n"


@pytest.mark.parametrize("line", ["%ray_cancel --all", "%ray_trace t.json"])
def test_without_a_session(notebook: Any, line: str) -> None:
    assert "no runtime is running" in notebook.run(line).out


def test_a_trace_is_written(inline: Any, tmp_path: Path) -> None:
    inline.run("%%remote\ndef traced(): return 1\ntraced.remote();")
    path = tmp_path / "trace.json"
    assert (
        inline.run(f"%ray_trace {path}").out
        == f"{path} · open it in Perfetto or chrome://tracing\n"
    )
    assert "traced" in {event["name"] for event in json.loads(path.read_text())}


def line(text: str, task: int = 1, pid: int = 10) -> Line:
    return Line(task, task, f"f{task}", pid, text)


def test_lines_are_put_together_per_task() -> None:
    logs = Logs()
    for piece in (line("a"), line("other\n", 2, 11), line("b\nc")):
        logs.add(piece)
    assert [found.text for found in logs.lines(lambda _: True)] == ["other", "ab", "c"]
    assert [found.text for found in logs.lines(lambda found: found.name == "f1")] == ["ab", "c"]
    assert logs.names() == ["f1", "f2"]


def test_of_an_overwritten_line_the_end_is_kept() -> None:
    logs = Logs()
    logs.add(line("\r 10%\r100%\n"))
    assert [found.text for found in logs.lines(lambda _: True)] == ["100%"]


def test_old_output_is_forgotten() -> None:
    logs = Logs(limit_chars=10)
    for i in range(5):
        logs.add(line(f"line{i}\n"))
    assert [found.text for found in logs.lines(lambda _: True)] == ["line4"]
    assert logs.forgot
