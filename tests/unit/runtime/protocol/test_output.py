"""Marks in a pipe: whose each byte is, however the bytes come in pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ray_jupyter.runtime.protocol.output import Splitter, mark

TEXTS = st.one_of(
    st.binary(min_size=1, max_size=20),
    # What looks like a mark, and is none.
    st.sampled_from(
        [b"\x1b", b"\x1b_", b"\x1b_rj", b"\x1b_rj\x1b\\", b"\x1b_rj+", b"\x1b[31mred\x1b[0m", b"\\"]
    ),
)
PRINTED = st.lists(st.tuples(st.integers(0, 2**64 - 1), TEXTS), max_size=10)


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted(cut % (len(data) + 1) for cut in cuts)
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]


@given(PRINTED, st.lists(st.integers(0, 10_000), max_size=8))
def test_every_byte_goes_to_its_task_in_order(
    printed: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    data = b"".join(mark(task_id) + text for task_id, text in printed)
    splitter = Splitter()
    found = [piece for chunk in pieces_of(data, cuts) for piece in splitter.feed(chunk)]
    found += splitter.end()
    by_byte = [(task_id, byte) for task_id, _, text in found for byte in text]
    assert by_byte == [(task_id, byte) for task_id, text in printed for byte in text]


def test_what_comes_before_any_mark_is_nobodys() -> None:
    assert Splitter().feed(b"hello\n") == [(0, False, b"hello\n")]


def test_a_mark_is_not_shown_before_it_is_whole() -> None:
    splitter = Splitter()
    assert splitter.feed(b"a\x1b_rj1") == [(0, False, b"a")]
    assert splitter.feed(b"f\x1b\\b") == [(0x1F, False, b"b")]


def test_an_escape_at_the_end_is_not_lost() -> None:
    splitter = Splitter()
    assert splitter.feed(b"a\x1b") == [(0, False, b"a")]
    assert splitter.end() == [(0, False, b"\x1b")]
