"""Notes: JSON behind its length, whole or refused."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_jupyter.runtime.protocol.notes import (
    HEADER_BYTES,
    MAX_QUESTION_BYTES,
    NoteDecoder,
    decode_note,
    encode_note,
    note_bytes,
)

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(notes=st.lists(PLAIN, max_size=4), cut=st.integers(1, 30))
def test_notes_arrive_whole_however_they_are_cut(notes: list[object], cut: int) -> None:
    stream = b"".join(map(encode_note, notes))
    decoder = NoteDecoder()
    arrived = [n for i in range(0, len(stream), cut) for n in decoder.feed(stream[i : i + cut])]
    assert arrived == notes


def test_header_and_body() -> None:
    note = encode_note(["hello", None])
    assert note_bytes(note[:HEADER_BYTES]) == len(note) - HEADER_BYTES
    assert decode_note(note[HEADER_BYTES:]) == ["hello", None]


@pytest.mark.parametrize(
    "stream",
    [struct.pack("<I", MAX_QUESTION_BYTES + 1), struct.pack("<I", 3) + b"{]}", b"GET / HTTP/1.1"],
)
def test_what_is_no_question_is_refused(stream: bytes) -> None:
    with pytest.raises(ValueError, match=r"question|Expecting"):
        NoteDecoder().feed(stream)


def test_only_plain_data_can_be_said() -> None:
    with pytest.raises(TypeError):
        encode_note(object())
    assert json.loads(encode_note((1, 2))[HEADER_BYTES:]) == [1, 2]
