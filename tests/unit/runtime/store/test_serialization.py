"""Values to bytes and back: which pickler, which buffers, which references inside."""

from __future__ import annotations

import datetime
import pickle
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ray_jupyter.errors import SerializationError
from ray_jupyter.runtime.protocol.ids import Reference
from ray_jupyter.runtime.store.layout import ALIGNMENT_BYTES, parse
from ray_jupyter.runtime.store.serialization import (
    Serialized,
    deserialize,
    is_plain,
    note_reference,
    serialize,
)


class Ref(Reference):
    """A reference that notes itself, as ``ObjectRef`` does."""

    def __init__(self, id: int) -> None:
        self.id = id

    def __reduce__(self) -> tuple[Any, ...]:
        assert note_reference(self)
        return Ref, (self.id,)


@dataclass
class Measured:
    name: str
    values: np.ndarray[Any, Any]
    more: dict[str, Any] = field(default_factory=dict)


def round_trip(value: Any) -> Any:
    return deserialize(serialize(value).to_bytes())


def assert_same(got: Any, expected: Any) -> None:
    """Compare values with arrays inside, types and dtypes included."""
    assert type(got) is type(expected)
    if isinstance(expected, np.ndarray):
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(got, expected)
    elif isinstance(expected, dict):
        assert list(got) == list(expected)
        for key in expected:
            assert_same(got[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, Measured):
        assert_same(vars(got), vars(expected))
    else:
        assert got == expected


ARRAYS = {
    "0-d": np.array(3.5),
    "empty": np.empty((0, 3)),
    "C order": np.arange(12.0).reshape(3, 4),
    "Fortran order": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "strided": np.arange(100)[::7],
    "reversed": np.arange(10)[::-1],
    "transposed part": np.arange(60).reshape(3, 4, 5).transpose(2, 0, 1)[1:3],
    "broadcast": np.broadcast_to(np.arange(3), (4, 3)),
    "big-endian": np.arange(5, dtype=">f8"),
    "complex": np.array([1 + 2j, 3.0]),
    "half": np.arange(5, dtype=np.float16),
    "bool": np.array([True, False]),
    "text": np.array(["a", "ébc"]),
    "bytes": np.array([b"a", b"bc"]),
    "datetime": np.array(["2026-01-01", "NaT"], dtype="datetime64[D]"),
    "timedelta": np.array([1, 2], dtype="timedelta64[s]"),
    "structured": np.array([(1, 2.0, "x")], dtype=[("a", "i4"), ("b", "f8"), ("c", "U3")]),
    "nested structure": np.zeros(2, dtype=[("p", [("x", "f4"), ("y", "f4", (2,))])]),
    "objects": np.array([1, "a", None, {"b": 2}], dtype=object),
    "void": np.array([b"ab", b"cd"], dtype="V2"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_every_kind(name: str) -> None:
    for value in (ARRAYS[name], [ARRAYS[name]] * 2, {"a": (ARRAYS[name],)}):
        assert_same(round_trip(value), value)


def test_fortran_order_is_kept() -> None:
    assert round_trip(ARRAYS["Fortran order"]).flags.f_contiguous
    assert round_trip(ARRAYS["C order"]).flags.c_contiguous


def test_masked_arrays_matrices_and_records() -> None:
    masked = np.ma.masked_array([1, 2, 3], mask=[0, 1, 0])
    got = round_trip(masked)
    assert type(got) is type(masked)
    np.testing.assert_array_equal(got.mask, masked.mask)
    assert got.sum() == 4
    records = np.rec.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])
    got = round_trip(records)
    assert (type(got), got.a[0], got.b[0]) == (np.recarray, 1, 2.5)


@pytest.mark.parametrize(
    "value",
    [
        None, True, -(2**200), 1.5, 2j, "", "ü" * 100_000, b"", b"x" * 200_000, bytearray(b"ab"),
        [], (), {}, set(), frozenset({1}), range(3), ..., print, int, datetime.date(2026, 1, 1),
        [[[[1]]]], {(1, 2): {3: [4]}}, list(range(1000)), slice(1, 2), np.float64(1.5),
        Measured("a", np.arange(3), {"b": [np.ones(2)]}),
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_values_of_every_kind(value: Any) -> None:
    assert_same(round_trip(value), value)


def test_identity_inside_a_value_is_kept() -> None:
    shared = np.arange(10)
    cycle: list[Any] = [shared, {"again": shared}]
    cycle.append(cycle)
    got = round_trip(cycle)
    assert got[2] is got
    assert got[0] is got[1]["again"]
    assert len(serialize(cycle).buffers) == 1


def test_arrays_leave_the_pickle_and_are_not_copied() -> None:
    array = np.arange(1_000_000)
    packed = serialize({"a": array, "b": [array[:10]]})
    assert [buffer.nbytes for buffer in packed.buffers] == [8_000_000, 80]
    assert len(packed.pickle) < 1000
    array[5] = -1
    assert np.frombuffer(packed.buffers[0], np.int64)[5] == -1


def test_every_buffer_is_aligned() -> None:
    packed = serialize([np.ones(n, np.uint8) for n in (1, 63, 64, 65, 1000)])
    data = packed.to_bytes()
    assert len(data) == packed.size_bytes
    _, spans = parse(data)
    assert [end - start for start, end in spans] == [1, 63, 64, 65, 1000]
    assert {start % ALIGNMENT_BYTES for start, _ in spans} == {0}


def test_arrays_come_back_read_only_as_views_of_the_bytes() -> None:
    data = memoryview(serialize([np.arange(1000)]).to_bytes())
    (got,) = deserialize(data)
    with pytest.raises(ValueError, match="read-only"):
        got[0] = 1
    with pytest.raises(ValueError, match="cannot set WRITEABLE"):
        got.setflags(write=True)
    assert np.shares_memory(got, np.frombuffer(data, np.uint8))


def test_the_pieces_do_not_overlap_and_fill_the_value() -> None:
    packed = serialize([np.ones(n) for n in (3, 0, 100)])
    end = 0
    for start, piece in packed.pieces():
        assert start >= end
        assert start - end < ALIGNMENT_BYTES
        end = start + len(piece)
    assert end == packed.size_bytes


def test_without_buffers_the_bytes_are_the_pickle() -> None:
    packed = serialize([1, "a"])
    assert packed.to_bytes() is packed.pickle
    assert pickle.loads(packed.pickle) == [1, "a"]
    assert (packed.size_bytes, packed.contained) == (len(packed.pickle), ())


def test_definitions_of_main_travel_by_value() -> None:
    program = (
        "import sys; from ray_jupyter.runtime.store.serialization import serialize\n"
        "class Here:\n    def __init__(self, x): self.x = x\n"
        "class Text(str): pass\n"
        "sys.stdout.buffer.write(serialize([Here(1), {'k': Text('a')}, lambda: 7]).to_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    here, there, function = deserialize(done.stdout)
    assert (here.x, type(here).__name__, there["k"], function()) == (1, "Here", "a", 7)
    assert type(there["k"]).__name__ == "Text"


def test_code_keeps_the_name_of_its_file() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    source = "def outer():\n    def inner():\n        return 1\n    return inner\n"
    exec(compile(source, "Cell In[7]", "exec"), namespace)
    outer = round_trip(namespace["outer"])
    assert outer.__code__.co_filename == outer().__code__.co_filename == "Cell In[7]"
    assert outer()() == 1


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (1, True), ("a", True), (None, True), ([1, (2, "a")], True), ({"a": [1]}, True),
        ([[[1]]], False), (list(range(17)), False), ({1}, False), (type("I", (int,), {})(1), False),
        (np.float64(1), False), ([type("S", (str,), {})("a")], False), (bytearray(), False),
        ({(1, 2): 3}, True), (type("D", (dict,), {})(), False), (object(), False),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)  # fmt: skip
def test_what_the_c_pickler_gets_alone(value: Any, plain: bool) -> None:
    assert is_plain(value) is plain


def test_references_inside_are_collected_once_each_at_any_depth() -> None:
    deep: Any = Ref(7)
    for _ in range(50):
        deep = [{"in": deep}]
    packed = serialize({"a": Ref(3), "b": [Ref(5), Ref(3)], "deep": deep})
    assert sorted(packed.contained) == [3, 5, 7]


def test_references_in_closures_defaults_globals_and_attributes() -> None:
    closed_over, default, attribute = Ref(1), Ref(2), Ref(3)

    def function(argument: Any = default) -> Any:
        return closed_over, argument

    function.attached = attribute  # type: ignore[attr-defined]
    assert sorted(serialize(function).contained) == [1, 2, 3]


def test_a_failed_pickle_forgets_what_it_collected() -> None:
    with pytest.raises(SerializationError):
        serialize([Ref(1), _Unwilling(ValueError("no"))])
    assert serialize([Ref(2)]).contained == (2,)
    assert not note_reference(Ref(3))


def test_a_pickle_inside_a_pickle_collects_its_own() -> None:
    packed = serialize([Ref(1), _Nested(), Ref(4)])
    assert packed.contained == (1, 4)
    assert _Nested.inner == (2,)


class _Nested:
    inner: tuple[int, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        _Nested.inner = serialize([Ref(2)]).contained
        return int, ()


class _Unwilling:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        raise self.error


@pytest.mark.parametrize("error", [ValueError("why not"), SystemExit("why not")], ids=repr)
def test_whatever_a_pickle_raises_names_the_type_and_the_reason(error: BaseException) -> None:
    with pytest.raises(SerializationError, match=r"_Unwilling.*why not") as caught:
        serialize(_Unwilling(error))
    assert caught.value.__cause__ is error


def test_an_interrupt_is_not_a_serialization_error() -> None:
    with pytest.raises(KeyboardInterrupt):
        serialize(_Unwilling(KeyboardInterrupt()))


@pytest.mark.parametrize("data", [b"\x02abc", b"", b"\x01" + b"\xff" * 40], ids=repr)
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        deserialize(data)


def test_a_value_that_was_cut_is_refused() -> None:
    data = serialize([np.arange(1000)]).to_bytes()
    with pytest.raises(ValueError, match=f"of {len(data)} bytes was cut to {len(data) - 1}"):
        deserialize(data[:-1])


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary(),
    hnp.arrays(
        st.one_of(
            hnp.integer_dtypes(endianness="?"), hnp.floating_dtypes(), hnp.boolean_dtypes(),
            # numpy's own pickle turns big-endian dates into native ones.
            hnp.datetime64_dtypes(endianness="="), hnp.unicode_string_dtypes(),
            hnp.nested_dtypes(hnp.integer_dtypes(endianness="?"), max_leaves=3),
        ),
        hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
    ),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(), st.integers()), inner, max_size=4),
        st.builds(Measured, st.text(), hnp.arrays(np.int64, 3), st.just({})),
    ),
    max_leaves=12,
)


@given(VALUES)
def test_any_value_survives(value: Any) -> None:
    packed = serialize(value)
    data = packed.to_bytes()
    assert len(data) == packed.size_bytes
    assert_same(deserialize(data), value)


@given(st.lists(st.integers(0, 300), max_size=8), st.binary(max_size=50))
def test_pieces_written_apart_are_the_value(sizes: list[int], pickled: bytes) -> None:
    buffers = [memoryview(bytes([i % 256]) * size) for i, size in enumerate(sizes)]
    packed = Serialized(b"\x80" + pickled, buffers, ())
    store = bytearray(packed.size_bytes)
    for start, piece in packed.pieces():
        store[start : start + len(piece)] = piece
    assert bytes(store) == packed.to_bytes()
    (start, end), spans = parse(bytes(store))
    assert bytes(store[start:end]) == packed.pickle
    assert [bytes(store[a:b]) for a, b in spans] == [bytes(buffer) for buffer in buffers]
