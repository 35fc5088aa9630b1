"""Versions: the same source is the same, wherever it stands; another one is not."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from typing import Any

import cloudpickle
import pytest

from ray_jupyter.runtime.client.versions import name_of, version_of

FUNCTION = "def f(x, n=5):\n    'Doc.'\n    return [x + i for i in range(n)]\n"
CLASS = """class C(Base):
    size = 3
    table = {"a": [1, 2]}
    class Inner:
        x = 1
    def __init__(self):
        self.seen = {"p", "q", "r", "s"}
    @property
    def p(self): return super().p
    @staticmethod
    def s(): return 1
    @classmethod
    def c(cls): return 1
"""
BASE = "class Base:\n    p = 1\n"


def defined(source: str, name: str) -> Any:
    variables: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, "<cell>", "exec"), variables)
    return variables[name]


def test_a_name_and_a_digest() -> None:
    version = version_of(defined(FUNCTION, "f"))
    assert version.startswith("__main__.f@")
    assert name_of(version) == "__main__.f"


@pytest.mark.parametrize(("source", "name"), [(FUNCTION, "f"), (BASE + CLASS, "C")])
def test_the_same_source_elsewhere_is_the_same(source: str, name: str) -> None:
    version = version_of(defined(source, name))
    assert version_of(defined(source, name)) == version
    assert version_of(defined("\n\nother = 1\n" + source, name)) == version
    assert version_of(defined(source.replace(":\n", ":  # why\n\n"), name)) == version


def test_a_class_that_names_itself_and_others_ends() -> None:
    source = "class A:\n    x = 1\nclass B(A):\n    other = A\n    A = A\nA.A = A\nB.B = B\n"
    version = version_of(defined(source, "B"))
    assert version_of(defined(source, "B")) == version
    assert version_of(defined(source.replace("x = 1", "x = 2"), "B")) != version


def test_a_function_that_holds_a_class_may_move() -> None:
    source = "def f():\n    class C:\n        x = 1\n    return C\n"
    assert version_of(defined(source, "f")) == version_of(defined("\n\n" + source, "f"))


@pytest.mark.parametrize(
    ("old", "new"),
    [("x + i", "x - i"), ("n=5", "n=6"), ("(x, n", "(y, n"), ("x + i for", "x + len(str(i)) for")],
)
def test_another_function(old: str, new: str) -> None:
    other = FUNCTION.replace(old, new).replace("[x", "[y" if "(y" in new else "[x")
    assert version_of(defined(other, "f")) != version_of(defined(FUNCTION, "f"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("size = 3", "size = 4"), ("[1, 2]", "[1, 3]"), ("x = 1", "x = 2"), ('"p", "q"', '"p"'),
        ("super().p", "2"), ("s(): return 1", "s(): return 2"), ("c(cls): return 1", "c(cls): return 2"),
        ("def s()", "def t()"), ("p = 1", "p = 2"), ("@staticmethod", "@classmethod"),
    ],
)  # fmt: skip
def test_another_class(old: str, new: str) -> None:
    source = BASE + CLASS
    assert old in source
    changed = version_of(defined(source.replace(old, new, 1), "C"))
    assert changed != version_of(defined(source, "C"))


def test_it_is_the_same_in_another_process() -> None:
    """Sets have another order there; a pickled function comes apart and together again."""
    program = (
        "import sys, pickle\nfrom ray_jupyter.runtime.client.versions import version_of\n"
        "print(*map(version_of, pickle.loads(sys.stdin.buffer.read())))"
    )
    both = [defined(FUNCTION, "f"), defined(BASE + CLASS, "C")]
    told = {
        subprocess.run(
            [sys.executable, "-c", program], input=cloudpickle.dumps(both), check=True,
            capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout.decode().split() == list(map(version_of, both))
        for seed in ("1", "2")
    }  # fmt: skip
    assert told == {True}


def test_decorators_are_seen_through_and_what_has_no_code_has_none() -> None:
    function = defined(FUNCTION, "f")
    assert version_of(functools.cache(function)) == version_of(function)
    assert version_of(functools.partial(function, 1)) == version_of(function)
    assert version_of(len) == ""
    assert version_of(None) == ""
