"""Frames: any chunking, any damage."""

from __future__ import annotations

import marshal
import struct
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ray_jupyter.runtime.protocol.messages import Message
from ray_jupyter.runtime.protocol.wire import HEADER_BYTES, Decoder, encode
from ray_jupyter.testing.strategies import messages

frames = st.lists(messages, max_size=4)


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(frames, st.lists(st.integers(0, 5000), max_size=12))
def test_any_chunking_gives_the_same_messages(
    batches: list[list[Message]], cuts: list[int]
) -> None:
    stream = b"".join(encode(batch) for batch in batches)
    decoder = Decoder()
    received = [message for chunk in chunks(stream, cuts) for message in decoder.feed(chunk)]
    assert received == [message for batch in batches for message in batch]


@given(st.lists(messages, min_size=1, max_size=3))
def test_byte_by_byte(batches: list[list[Message]]) -> None:
    stream = b"".join(encode(batch) for batch in batches)
    decoder = Decoder()
    received = [message for byte in stream for message in decoder.feed(bytes([byte]))]
    assert received == [message for batch in batches for message in batch]


# ``marshal`` believes the lengths it reads and reserves memory for them. So the damage here is
# to the types only, and what could be taken for a length is small.
TAME = encode([(1, [(2, 3, b"\1\2", (4, 5), (), 0)], "\3\4", None, True, 1.5), (6, 2**40, [])])
TYPES = b"0NFTS.ilIgyxsatuzr([{<>)?c"
TYPED = [at for at in range(HEADER_BYTES, len(TAME)) if TAME[at] in TYPES]


@given(st.lists(st.tuples(st.sampled_from(TYPED), st.sampled_from(TYPES)), min_size=1, max_size=3))
def test_a_damaged_frame_is_a_value_error(damage: list[tuple[int, int]]) -> None:
    data = bytearray(TAME)
    for at, byte in damage:
        data[at] = byte
    try:
        assert type(Decoder().feed(bytes(data))) is list
    except ValueError:
        return


@settings(max_examples=50)
@given(st.lists(st.sampled_from([*TYPES, 0, 1, 2, 3]), max_size=40))
@example([])
@example(list(b"N"))
@example(list(b"[\xff\xff\xff\x7f"))
def test_what_is_no_frame_is_a_value_error(body: list[int]) -> None:
    lengths = bytes(body).replace(b"(", b"(\1\0\0\0").replace(b"<", b"<\1\0\0\0")
    try:
        assert type(Decoder().feed(struct.pack("<I", len(lengths)) + lengths)) is list
    except ValueError:
        return


@pytest.mark.parametrize("body", [None, 3, {"a": 1}, (1, 2)])
def test_a_frame_holds_a_list(body: object) -> None:
    data = marshal.dumps(body, 2)
    with pytest.raises(ValueError, match="a frame holds a list of messages, got"):
        Decoder().feed(struct.pack("<I", len(data)) + data)


def test_only_plain_data_is_encoded() -> None:
    with pytest.raises(ValueError):
        encode([(1, object())])
