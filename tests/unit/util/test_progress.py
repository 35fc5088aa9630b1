"""The line of progress: what it says, how often it is written."""

from __future__ import annotations

import io

from ray_jupyter.util.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_terminal_sees_one_line_that_is_rewritten() -> None:
    out, clock = Terminal(), Clock()
    line = Progress("f", 4, out, clock)
    clock.now_s = 1.0
    line.advance()
    clock.now_s = 2.0
    for _ in range(3):
        line.advance()
    line.close()
    assert out.getvalue().split("\r") == [
        "", "f: 0/4 · 0.0 s", "f: 1/4 · 1.0 s · 3.0 s left", "f: 2/4 · 2.0 s · 2.0 s left",
        "f: 4/4 · 2.0 s             \n",
    ]  # fmt: skip


def test_a_shorter_line_covers_the_longer_one() -> None:
    out, clock = Terminal(), Clock()
    line = Progress("f", 2, out, clock)
    for now_s in (1.0, 2.0):
        clock.now_s = now_s
        line.advance()
    longer, shorter = out.getvalue().split("\r")[-2:]
    assert shorter.startswith("f: 2/2 · 2.0 s ")
    assert len(shorter) == len(longer)


def test_it_is_written_ten_times_a_second_at_most() -> None:
    out, clock = Terminal(), Clock()
    line = Progress("f", None, out, clock)
    for step in range(1000):
        clock.now_s = step / 1000
        line.advance()
    assert 5 <= out.getvalue().count("\r") <= 11


def test_a_file_gets_the_last_line_only() -> None:
    out = io.StringIO()
    line = Progress("f", None, out, Clock())
    line.advance()
    assert out.getvalue() == ""
    line.close()
    assert out.getvalue() == "f: 1 · 0.0 s\n"


def test_a_notebook_rewrites_lines() -> None:
    notebook = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    Progress("f", 1, notebook, Clock())
    assert notebook.getvalue() == "\rf: 0/1 · 0.0 s"
