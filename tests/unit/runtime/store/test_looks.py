"""A value is described without being loaded, and whatever bytes there are do no harm."""

from __future__ import annotations

import datetime
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_jupyter.runtime.store.looks import LOOK_MAX, glance, look_of, preview
from ray_jupyter.runtime.store.serialization import serialize


class Loud:
    """Says so if anything of it runs."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('this must not run')",)

    @property
    def shape(self) -> Any:
        raise AssertionError("nobody may ask")


LOOKS = {
    "floats": (np.zeros((3, 4)), "ndarray (3, 4) float64"),
    "view": (np.zeros((4, 4), np.int8)[::2], "ndarray (2, 4) int8"),
    "fortran": (np.asfortranarray(np.zeros((2, 3))), "ndarray (2, 3) float64"),
    "objects": (np.array(["a", None], object), "ndarray (2,) object"),
    "number": (5, "int"),
    "nothing": (None, "NoneType"),
    "text": ("abc", "str of 3"),
    "list": ([np.zeros(2)] * 3, "list of 3"),
    "date": (datetime.date(2020, 1, 1), "date"),
}


@pytest.mark.parametrize(("value", "look"), LOOKS.values(), ids=LOOKS)
def test_what_a_value_looks_like(value: object, look: str) -> None:
    assert look_of(value) == look
    assert glance(serialize(value).to_bytes()[:512]) == look


def test_large_values_know_it_when_they_are_written_and_small_ones_do_not() -> None:
    assert serialize(np.zeros(3000)).look == "ndarray (3000,) float64"
    assert serialize("x" * 20_000).look == "str of 20,000"
    assert serialize(np.zeros(3)).look == serialize(5).look == ""


def test_nothing_of_the_user_runs() -> None:
    assert look_of(Loud()) == "Loud"
    assert glance(pickle.dumps(Loud())) == "exec"
    assert preview(pickle.dumps(((Loud(), 1), {}))) == (["<exec>", "1"], {}, [])


def test_arguments_are_short_texts() -> None:
    args = (1, "x" * 200, np.zeros(3), [1, 2], list(range(99)), None)
    packed = serialize((args, {"k": {"a": b"b"}}, (5, "k"))).to_bytes()
    told = preview(packed)
    assert told is not None
    texts, named, slots = told
    assert texts[0] == "1"
    assert texts[1].endswith("… (200)")
    assert texts[2:5] == ["<ndarray (3,) float64>", "[1, 2]", "<list of 99>"]
    assert (named, slots) == ({"k": "{'a': b'b'}"}, [5, "k"])
    assert preview(packed[:40]) is None
    assert preview(pickle.dumps("no call")) is None


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda data: b"\x80\x05" + data))
def test_any_bytes_do_no_harm(data: bytes) -> None:
    assert len(glance(data)) <= LOOK_MAX
