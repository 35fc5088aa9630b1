"""Errors end at the user's line: nobody needs to see where in this package they were found."""

from __future__ import annotations

from typing import Any

import pytest

import ray_jupyter as ray


@pytest.fixture
def used(inline: Any) -> Any:
    inline.run("import ray_jupyter as ray, threading, traceback\nlock = threading.Lock()")
    inline.run("@ray.remote\ndef f(x): return lock if x == 1 else x")
    inline.run("@ray.remote\nclass A:\n    def m(self, x): return x\na = A.remote()")
    return inline


@pytest.mark.parametrize(
    "call",
    [
        "ray.get([1, 2])", "ray.get(f)", "f.remote()", "f.options(num_cpu=1)", "a.n", "a.m(1)",
        "a.m.remote(1, 2)", "ray.wait(3)", "A()", "ray.init(num_cpus=0)", "f.remote(lock)",
        "f.remote(1)", "f()",
        "ray.get(ray.put(1), timeout='5')",
    ],
)  # fmt: skip
def test_misuse_ends_at_the_line_of_the_user(used: Any, call: str) -> None:
    out = used.fails(f"1 + 1\n{call}").out
    assert f"----> 2 {call}" in out
    assert "ray_jupyter/" not in out
    assert "skipping hidden" not in out
    assert "direct cause" not in out
    assert out.rstrip().splitlines()[-1].partition(": ")[0].endswith("Error")


def test_errors_that_we_did_not_raise_keep_their_frames(
    used: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(ray.api, "_ids")
    out = used.fails("ray.get([1])").out
    assert "NameError" in out
    assert "api.py" in out


def test_a_cause_in_code_of_the_user_is_shown(used: Any) -> None:
    used.run("class B:\n    def __reduce__(self): raise OSError('mine')")
    out = used.fails("ray.put(B())").out
    assert "def __reduce__(self): raise OSError('mine')" in out
    assert out.rstrip().splitlines()[-1].startswith("SerializationError: ")


def test_unloading_shows_them_as_before(used: Any) -> None:
    used.run("%unload_ext ray_jupyter")
    assert "api.py" in used.fails("ray.get([1])").out


def test_an_expression_with_a_mistake_is_said_in_one_line(used: Any) -> None:
    out = used.fails("%remote 1 +").out
    assert out.strip().startswith("UsageError: %remote: ")
    assert out.strip().endswith(": 1 +")
    assert len(out.strip().splitlines()) == 1
