"""What tasks print, as lines of this process."""

from __future__ import annotations

import pytest

from ray_jupyter.runtime.client.printing import LinePrinter
from ray_jupyter.runtime.protocol.output import STDERR, STDOUT, Output


def output(text: bytes, *, task: int = 1, stream: int = STDOUT, name: str = "f") -> Output:
    return (task, task, name, 77, stream, text)


def test_each_line_says_whose_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show = LinePrinter()
    show([output(b"one\ntwo\n"), output(b"bad\n", stream=STDERR), output(b"late\n", name="")])
    captured = capsys.readouterr()
    assert captured.out == "(f pid=77) one\n(f pid=77) two\n(pid=77) late\n"
    assert captured.err == "(f pid=77) bad\n"


def test_a_line_is_printed_when_it_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    show = LinePrinter()
    show([output(b"one ")])
    assert capsys.readouterr().out == ""
    show([output(b"line\n")])
    assert capsys.readouterr().out == "(f pid=77) one line\n"


def test_another_task_ends_the_line_of_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    show = LinePrinter()
    show([output(b"no end"), output(b"other\n", task=2)])
    assert capsys.readouterr().out == "(f pid=77) no end\n(f pid=77) other\n"


def test_a_character_that_was_cut_is_put_together(capsys: pytest.CaptureFixture[str]) -> None:
    show = LinePrinter()
    data = "ü\n".encode()
    show([output(data[:1])])
    show([output(data[1:]), output(b"\xff\n", stream=STDERR)])
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("(f pid=77) ü\n", "(f pid=77) \ufffd\n")
