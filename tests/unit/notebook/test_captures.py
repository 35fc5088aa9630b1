"""What a cell takes along, read off its bytecode."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from ray_jupyter.notebook.captures import large_ones, names_of, size_of


@pytest.mark.parametrize(
    ("code", "read", "assigned"),
    [
        ("y = x + 1", ["x"], {"y"}),
        ("x = 1\ny = x", [], {"x", "y"}),
        ("x += 1", ["x"], {"x"}),
        ("if a:\n    x = 1\ny = x", ["a", "x"], {"x", "y"}),
        ("for i in items:\n    total = total + i", ["i", "items", "total"], {"i", "total"}),
        ("def f(a):\n    b = a\n    return b + k", ["k"], {"f"}),
        ("class C:\n    n = k\n    m = n", ["k", "n"], {"C"}),
        ("[n * k for n in items]", ["items", "k"], set()),
        ("import numpy as np\nnp.sum(x)", ["x"], {"np"}),
        ("def f():\n    global g\n    g = h", ["h"], {"f"}),
        ("v = await thing", ["thing"], {"v"}),
        ("with lock as l:\n    z = l", ["lock", "l"], {"l", "z"}),
        ("del x", [], set()),
    ],
)
def test_names(code: str, read: list[str], assigned: set[str]) -> None:
    found, written = names_of(ast.parse(code))
    assert sorted(found) == sorted(read)
    assert written == assigned


def test_the_order_is_that_of_the_cell() -> None:
    assert names_of(ast.parse("b + a\nc"))[0] == ["b", "a", "c"]


def test_sizes() -> None:
    class Frame:
        def memory_usage(self) -> list[int]:
            return [100, 20]

    assert size_of(np.zeros(1000)) == 8000
    assert size_of(Frame()) == 120
    assert size_of(b"x" * 50) < 150


def test_large_ones_are_listed() -> None:
    taken = {"df": np.zeros(150_000), "k": 3, "other": np.zeros(10**6)}
    assert large_ones(taken) == "takes df (1.2 MB), other (8.0 MB)"
    assert large_ones({"k": 3}) == ""
