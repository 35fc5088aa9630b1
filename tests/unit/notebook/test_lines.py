"""Lines that many print, lines that are overwritten, floods."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_jupyter.notebook.lines import ALIKE, Budget, Overwriting, collapse

CHUNKS = st.lists(
    st.tuples(st.integers(1, 5), st.text("ab\n", min_size=1, max_size=6)), max_size=12
)


def test_a_line_of_many_workers_is_shown_once() -> None:
    chunks = [(pid, "loading\n") for pid in range(16)]
    assert collapse(chunks) == "loading ×16 workers\n"


def test_other_lines_keep_their_place() -> None:
    chunks = [(1, "a\nb\n"), (2, "a\nc\n"), (3, "a\n"), (1, "end")]
    assert collapse(chunks) == "a ×3 workers\nb\nc\nend"


@pytest.mark.parametrize("pids", [[1, 1, 1, 1], [1, 2, 1, 2]])
def test_lines_of_few_workers_are_all_shown(pids: list[int]) -> None:
    assert collapse([(pid, "x\n") for pid in pids]) == "x\n" * 4


def test_empty_lines_stay() -> None:
    assert collapse([(pid, "\n") for pid in range(4)]) == "\n" * 4


@given(CHUNKS)
def test_no_line_is_lost_or_invented(chunks: list[tuple[int, str]]) -> None:
    shown = collapse(chunks)
    for _, text in chunks:
        for line in text.splitlines():
            assert line in shown
    if len({pid for pid, _ in chunks}) < ALIKE:
        assert shown == "".join(text for _, text in chunks)


def fed(*texts: str) -> tuple[str, str]:
    pipe = Overwriting()
    return "".join(map(pipe.feed, texts)), pipe.bar


def test_plain_text_passes_at_once() -> None:
    assert fed("a\nb", "c\n") == ("a\nbc\n", "")


def test_of_an_overwritten_line_only_the_last_state_is_shown() -> None:
    assert fed("\r 10%", "\r 50%") == ("", " 50%")
    assert fed("\r 10%", "\r 50%", "\r100%\n", "done\n") == ("100%\ndone\n", "")


def test_what_was_shown_is_overwritten() -> None:
    assert fed("10%", "\r20%", "\r30%\n") == ("10%\r30%\n", "")


def test_ends_of_lines_of_windows() -> None:
    assert fed("a\r\n", "b\r", "\nc") == ("a\nb\nc", "")


def test_a_bar_that_nothing_ends() -> None:
    pipe = Overwriting()
    assert pipe.feed("\r 10%\r 20%") == ""
    assert pipe.end() == " 20%\n"
    assert (pipe.end(), pipe.bar) == ("", "")


@given(st.lists(st.text("ab\r\n", max_size=6), max_size=8))
def test_pieces_do_not_matter_for_the_end(pieces: list[str]) -> None:
    text = "".join(pieces) + "\n"
    pipe = Overwriting()
    found = "".join(map(pipe.feed, [*pieces, "\n"]))
    assert [seen(line) for line in found.split("\n")] == [seen(line) for line in text.split("\n")]


def seen(line: str) -> str:
    """What a line looks like to people, blanks aside."""
    return next((part for part in reversed(line.split("\r")) if part.strip()), "").strip()


def test_a_flood_is_cut_once() -> None:
    budget = Budget()
    assert budget.take("12345", 8) == "12345"
    cut = budget.take("67890", 8)
    assert cut.startswith("678\n… the tasks of this cell printed more than 8 characters")
    assert "%ray_logs" in cut
    assert budget.take("more", 8) == ""
