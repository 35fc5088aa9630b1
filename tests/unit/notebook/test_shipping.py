"""%%remote -o, %%remote --run and %remote: a cell as a task; here inline, so that one process does."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.error import UsageError

import ray_jupyter as ray
from ray_jupyter import session


def test_names_become_refs_at_once(inline: Any) -> None:
    inline.variables["k"] = 20
    inline.run("%%remote -o x,y\nx = k + 1\ny = [x, 2]")
    assert ray.get([inline.variables["x"], inline.variables["y"]]) == [21, [21, 2]]
    assert inline.variables["k"] == 20


def test_the_ref_of_the_last_expression_is_returned(inline: Any) -> None:
    outcome = inline.run("%%remote --run\na = 3\na * 2")
    assert ray.get(outcome.value) == 6
    assert "\n6" in f"\n{outcome.out}"  # displayed where it was made
    assert "a" not in inline.variables


def test_a_semicolon_silences(inline: Any) -> None:
    outcome = inline.run("%%remote --run\n40 + 2;")
    assert (outcome.value, outcome.out) == (None, "")


def test_waiting_binds_values_and_returns_one(inline: Any) -> None:
    outcome = inline.run("%%remote -o x -w\nx = 5\nx + 1")
    assert (outcome.value, inline.variables["x"]) == (6, 5)
    assert outcome.out.count("6") == 1


def test_waiting_fails_the_cell_with_its_own_lines(inline: Any) -> None:
    outcome = inline.fails("%%remote --run -w\n\nvalues = [1]\nvalues[3]")
    assert isinstance(outcome.error, IndexError)
    assert "values[3]" in outcome.out
    assert "line 4" in outcome.out


def test_a_failure_nobody_waits_for_is_printed_and_raised_by_get(inline: Any) -> None:
    outcome = inline.run("%%remote -o x\nx = 1 / 0")
    assert "ZeroDivisionError" in outcome.out
    assert "shipped.py" not in outcome.out
    with pytest.raises(ZeroDivisionError):
        ray.get(inline.variables["x"])


def test_a_ref_is_seen_as_its_value(inline: Any) -> None:
    inline.run("%%remote -o a\na = 7")
    inline.run("%%remote -o b\nb = a + 1")
    assert ray.get(inline.variables["b"]) == 8


def test_functions_classes_and_modules_go_along(inline: Any) -> None:
    inline.run("import math\nk = 2\ndef helper(x):\n    return x * k\nclass C:\n    n = 5")
    inline.run("%%remote -o x\nx = helper(C.n) + math.floor(1.5)")
    assert ray.get(inline.variables["x"]) == 11


def test_definitions_of_the_cell_call_each_other(inline: Any) -> None:
    inline.run("%%remote -o x\ndef a(n): return b(n) + 1\ndef b(n): return n\nx = a(1)")
    assert ray.get(inline.variables["x"]) == 2


def test_inputs_restrict_what_goes_along(inline: Any) -> None:
    inline.variables.update(a=1, b=2)
    inline.run("%%remote -o x -i a\nx = a")
    assert ray.get(inline.variables["x"]) == 1
    outcome = inline.run("%%remote -o x -i a\nx = b")
    assert "NameError" in outcome.out


def test_awaiting_is_allowed(inline: Any) -> None:
    inline.run(
        "%%remote -o x\nimport asyncio\nawait asyncio.sleep(0)\nx = 4\nawait asyncio.sleep(0, 5)"
    )
    assert ray.get(inline.variables["x"]) == 4


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%%remote -o x\ny = 1", "-o x: the cell does not assign it"),
        ("%%remote -o valu\nvalue = 1", "did you mean 'value'"),
        ("%%remote -o x -i nope\nx = 1", "-i nope: there is no such variable"),
        ("%%remote --run\n!ls", "magics and shell commands"),
        ("%%remote -o x --run\nx = 1", "give one"),
        ("%remote", "expected an expression"),
    ],
)
def test_mistakes_run_nothing(inline: Any, cell: str, message: str) -> None:
    before = dict(inline.variables)
    outcome = inline.fails(cell)
    assert isinstance(outcome.error, UsageError)
    assert message in outcome.out
    assert inline.variables.get("x") is before.get("x")


def test_a_name_that_is_not_assigned_after_all(inline: Any) -> None:
    inline.variables["never"] = False
    inline.run("%%remote -o x\nif never:\n    x = 1")
    with pytest.raises(NameError, match="x was not assigned"):
        ray.get(inline.variables["x"])


def test_what_cannot_go_along_is_named(inline: Any) -> None:
    inline.run("import threading\nlock = threading.Lock()")
    outcome = inline.fails("%%remote -o x\nwith lock:\n    x = 1")
    assert isinstance(outcome.error, ray.SerializationError)
    assert "'lock'" in outcome.out


def test_large_variables_are_listed(inline: Any) -> None:
    inline.run("import numpy as np\nbig = np.zeros(10**6)")
    assert inline.run("%%remote -o n\nn = len(big)").out == "takes big (8.0 MB)\n"


def test_show_prints_plain_code_that_does_the_same(inline: Any) -> None:
    inline.variables.update(k=2, ray=ray)
    cell = "\n# doubled\nx = k * 2\nx + 1"
    code = inline.run(f"%%remote -o x --num-cpus 0.5 --show{cell}").out
    assert "@ray.remote(num_returns=2, num_cpus=0.5)\ndef cell(k):" in code
    inline.run(code)
    assert ray.get([inline.variables["value"], inline.variables["x"]]) == [5, 4]


def test_an_error_that_the_cell_showed_is_not_reported_again(inline: Any) -> None:
    outcome = inline.run("%%remote -o never\nnever = 1 / 0")
    assert "ZeroDivisionError" in outcome.out
    assert "nobody asked" not in inline.run("del never\n1").out + inline.run("2").out


def test_an_expression(inline: Any) -> None:
    inline.run("def double(x):\n    return 2 * x\nr = %remote double(21)")
    assert ray.get(inline.variables["r"]) == 42
    assert "42" in inline.run("%remote double(21)").out


def test_an_expression_with_variables_of_a_function(inline: Any) -> None:
    inline.run("def f(k):\n    ref = %remote k + 1\n    return ref\nr = f(4)")
    assert ray.get(inline.variables["r"]) == 5


def test_braces_and_dollars_are_not_expanded(inline: Any) -> None:
    inline.run("x = 1\nr = %remote f'{x}' + '$x'")
    assert ray.get(inline.variables["r"]) == "1$x"


def test_the_runtime_is_started_when_needed(notebook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_JUPYTER_MODE", "inline")
    outcome = notebook.run("r = %remote 1 + 1")
    assert "(by %remote; %ray_start sets the size)" in outcome.out
    assert session.current is not None


def test_options_are_completed(inline: Any) -> None:
    assert "--inputs" in inline.completions("%%remote --in")
    assert "--force" in inline.completions("%ray_cancel --fo")


def test_below_time_and_capture(inline: Any) -> None:
    outcome = inline.run("%%time\n%%remote -o x\nx = 1\nx + 1;")
    assert "Wall time" in outcome.out
    assert ray.get(inline.variables["x"]) == 1
    inline.run("%%capture caught\n%%remote --run -w\nprint('in a worker')")
    assert inline.variables["caught"].stdout == "in a worker\n"


def test_lines_are_counted_as_in_the_notebook(inline: Any) -> None:
    # Not ``fails``: %%time of IPython 8 shows an error and lets its cell succeed.
    outcome = inline.try_run("%%time\n%%remote --run -w\n\na = 1\na / 0")
    assert "line 5" in outcome.out
