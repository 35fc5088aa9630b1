"""The bytes of stored values: there and back, aligned, refused when wrong."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_jupyter.runtime.store.layout import ALIGNMENT_BYTES, parse, plan

buffers = st.lists(st.binary(max_size=200), min_size=1, max_size=5)


def lay_out(pickled: bytes, parts: list[bytes]) -> bytes:
    header, offsets, total = plan(len(pickled), [len(part) for part in parts])
    data = bytearray(total)
    data[: len(header)] = header
    for offset, part in zip(offsets, [pickled, *parts], strict=True):
        data[offset : offset + len(part)] = part
    return bytes(data)


@given(st.binary(max_size=100), buffers, st.integers(0, 64))
def test_what_was_laid_out_is_found_again(pickled: bytes, parts: list[bytes], slack: int) -> None:
    data = lay_out(pickled, parts)
    (start, end), spans = parse(data + bytes(slack))
    assert data[start:end] == pickled
    assert [data[a:b] for a, b in spans] == parts


@given(st.integers(0, 1000), st.lists(st.integers(0, 10_000)))
def test_buffers_are_aligned_and_do_not_overlap(pickle_bytes: int, sizes: list[int]) -> None:
    header, (first, *rest), total = plan(pickle_bytes, sizes)
    assert first == len(header)
    end = first + pickle_bytes
    for offset, size in zip(rest, sizes, strict=True):
        assert offset % ALIGNMENT_BYTES == 0
        assert end <= offset < end + ALIGNMENT_BYTES
        end = offset + size
    assert total == end


def test_a_pickle_alone_is_the_value() -> None:
    data = pickle.dumps({"a": 1}, protocol=5)
    assert parse(data) == ((0, len(data)), [])


@given(st.binary(max_size=100))
def test_other_bytes_are_a_value_error(data: bytes) -> None:
    try:
        (start, end), spans = parse(data)
    except ValueError:
        return
    assert all(0 <= a <= b <= len(data) for a, b in [(start, end), *spans])


@given(buffers, st.data())
def test_a_value_that_was_cut_is_refused(parts: list[bytes], data: st.DataObject) -> None:
    whole = lay_out(b"pickle", [*parts, b"end"])
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match="stored value"):
        parse(whole[:cut])
