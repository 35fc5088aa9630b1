"""%%remote: the cell runs as if each definition carried @ray.remote."""

from __future__ import annotations

import inspect
import re
import traceback
from typing import Any

import pytest
from IPython.core.error import UsageError

import ray_jupyter as ray


def test_definitions_become_remote_and_the_rest_runs_here(inline: Any) -> None:
    cell = """%%remote
import math
def area(r):
    return math.pi * r ** 2
class Counter:
    def __init__(self): self.n = 0
    def add(self, k=1):
        self.n += k
        return self.n
def _helper(): ...
refs = [area.remote(r) for r in range(3)]
"""
    assert inline.run(cell).out == "remote: area · actor: Counter · plain: _helper\n"
    assert isinstance(inline.variables["area"], ray.RemoteFunction)
    assert isinstance(inline.variables["Counter"], ray.ActorClass)
    inline.run("import ray_jupyter as ray")
    assert inline.run("ray.get(refs)[1]").value == pytest.approx(3.14159, abs=1e-4)
    assert inline.run("c = Counter.remote(); c.add.remote(); ray.get(c.add.remote(2))").value == 3
    assert inline.run("area(0)").value == 0


def test_the_decorator_leaves_no_name_behind(inline: Any) -> None:
    before = set(inline.variables)
    inline.run("%%remote\ndef f(): ...")
    new = {name for name in set(inline.variables) - before if not re.match(r"_(i|\d)", name)}
    assert new == {"f"}


def test_a_function_may_call_itself_and_its_neighbours(inline: Any) -> None:
    inline.run("""%%remote
import ray_jupyter as ray
def fib(n):
    return n if n < 2 else sum(ray.get([fib.remote(n - 1), fib.remote(n - 2)]))
def twice(n):
    return 2 * fib(n)
""")
    assert inline.run("ray.get(twice.remote(10))").value == 110


def test_options_reach_the_decorator_also_by_variable(inline: Any) -> None:
    inline.run("k = 2")
    inline.run("%%remote --num-returns k\ndef f(): return 1, 2\na, b = f.remote()")
    inline.run("import ray_jupyter as ray")
    assert inline.run("ray.get([b, a])").value == [2, 1]


def test_trailing_value_is_displayed(inline: Any) -> None:
    outcome = inline.run("%%remote\ndef f(x): return x + 1\nf(41)")
    assert outcome.value == 42
    assert re.search(r"Out\[\d+\]: 42", outcome.out)
    assert inline.run("_").value == 42


@pytest.mark.parametrize("end", ["f(41);", "f(41); # no", "x = f(41)"])
def test_semicolon_and_assignment_display_nothing(inline: Any, end: str) -> None:
    outcome = inline.run(f"%%remote\ndef f(x): return x + 1\n{end}")
    assert outcome.value is None
    assert "Out[" not in outcome.out


def test_under_time(inline: Any) -> None:
    outcome = inline.run("%%time\n%%remote\ndef f(x): return x + 1\nf(1)")
    assert outcome.value == 2
    assert "Wall time" in outcome.out


def test_under_capture(inline: Any) -> None:
    outcome = inline.run("%%capture printed\n%%remote\ndef f(): ...\nprint('hello')")
    assert outcome.out == ""
    assert str(inline.variables["printed"]) == "remote: f\nhello\n"


@pytest.mark.parametrize(
    ("above", "blank"), [("", ""), ("", "\n\n"), ("%%time\n", ""), ("%%time\n", "  \n")]
)
def test_lines_are_counted_as_the_user_counts(inline: Any, above: str, blank: str) -> None:
    cell = f"{above}%%remote\n{blank}def f(x):\n    return 1 / x\n\ny = f(0)\n"
    outcome = inline.try_run(cell)  # older versions of %%time swallow the error
    assert "ZeroDivisionError" in outcome.out
    number = inline.shell.execution_count - 1
    lines = cell.splitlines()
    for text in ("    return 1 / x", "y = f(0)"):
        line = lines.index(text) + 1
        assert re.search(rf"Cell In\[{number}\], line {line}\b", outcome.out)
        assert re.search(rf"-> +{line} {re.escape(text)}", outcome.out)
    assert "magics.py" not in outcome.out
    assert "remote_cell.py" not in outcome.out


def test_syntax_errors_name_the_line(inline: Any) -> None:
    outcome = inline.fails("%%remote\ndef f():\n    pass\nx = y y")
    assert isinstance(outcome.error, SyntaxError)
    assert outcome.error.lineno == 4
    assert "f" not in inline.variables


def test_errors_at_definition_name_the_definition(inline: Any) -> None:
    outcome = inline.fails("%%remote\n\nasync def f(): ...")
    frames = traceback.extract_tb(outcome.error.__traceback__)
    assert any(f.line == "async def f(): ..." and f.lineno == 3 for f in frames)


def test_source_and_module_are_those_of_a_cell(inline: Any) -> None:
    inline.run("%%remote\n\n@staticmethod\ndef f():\n    return 1")
    function = inline.variables["f"].__wrapped__.__func__
    assert inspect.getsource(function) == "@staticmethod\ndef f():\n    return 1\n"
    assert function.__module__ == "__main__"
    assert function.__globals__ is inline.variables


def test_magics_and_shell_syntax_work_inside(inline: Any) -> None:
    outcome = inline.run("%%remote\ndef f(): return 1\nx = %time f()\nx")
    assert outcome.value == 1


def test_another_cell_magic_below_is_refused(inline: Any) -> None:
    outcome = inline.fails("%%remote\n%%time\ndef f(): ...")
    assert "Put %%time above %%remote" in outcome.out


def test_future_statements_hold(inline: Any) -> None:
    inline.run("%%remote\nfrom __future__ import annotations\ndef f(x: Unknown): return x\nf(1)")


@pytest.mark.parametrize(
    "line", ["await g()", "[x async for x in g()]", "async with g(): pass", "if 1: y = await g()"]
)
def test_top_level_await_is_refused_before_anything_runs(inline: Any, line: str) -> None:
    outcome = inline.fails(f"%%remote\nran = True\ndef f(): ...\n{line}")
    assert isinstance(outcome.error, UsageError)
    assert "decorator" in outcome.out
    assert "ran" not in inline.variables


def test_await_inside_functions_is_not_ours(inline: Any) -> None:
    inline.run("%%remote f\nasync def helper():\n    await g()\ndef f(): return 1")


def test_nothing_to_make_remote_runs_nothing(notebook: Any) -> None:
    outcome = notebook.fails("%%remote\nx = 1")
    assert isinstance(outcome.error, UsageError)
    assert "%%remote -o x" in outcome.out
    assert "x" not in notebook.variables
    assert not ray.is_initialized()


def test_show_prints_plain_code_that_does_the_same(notebook: Any) -> None:
    outcome = notebook.run("""%%remote --num-cpus 2 --show

import functools
# doubles
@functools.cache
def f(x):
    return 2 * x

class _Plain: ...
class C: ...
""")
    assert "f" not in notebook.variables
    assert not ray.is_initialized()
    assert outcome.value is None
    assert (
        outcome.out
        == """import ray_jupyter as ray

import functools
# doubles
@ray.remote(num_cpus=2)
@functools.cache
def f(x):
    return 2 * x

class _Plain: ...
@ray.remote(num_cpus=2)
class C: ...
"""
    )
    notebook.run(outcome.out)
    assert isinstance(notebook.variables["C"], ray.ActorClass)
    assert notebook.run("f(4)").value == 8


def test_show_imports_ray_only_where_it_is_missing(notebook: Any) -> None:
    notebook.run("import ray_jupyter as ray")
    assert notebook.run("%%remote --show\ndef f(): ...").out == "@ray.remote\ndef f(): ...\n"


def test_the_next_call_runs_the_new_definition(inline: Any) -> None:
    inline.run("import ray_jupyter as ray")
    inline.run("%%remote\ndef f(): return 'old'")
    assert inline.run("ray.get(f.remote())").value == "old"
    inline.run("%%remote\ndef f(): return 'new'")
    assert inline.run("ray.get(f.remote())").value == "new"


def test_first_use_starts_the_runtime_and_says_so_once(
    notebook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_JUPYTER_MODE", "inline")
    first = notebook.run("%%remote\ndef f(): ...").out
    assert re.match(r"inline runtime · .* \(by %%remote; %ray_start sets the size\)\n", first)
    assert notebook.run("%%remote\ndef f(): ...").out == "remote: f\n"


def test_autostart_can_be_switched_off(notebook: Any) -> None:
    notebook.run("%config RayMagics.autostart = False")
    assert notebook.run("%%remote\ndef f(): ...").out == "remote: f\n"
    assert not ray.is_initialized()


def test_variables_of_workers(inline: Any) -> None:
    inline.run("import ray_jupyter as ray\nray.reusables.env = ray.Reusable(lambda: [])")
    try:
        cell = "%%remote\ndef use():\n    ray.reusables.env.append(1)\n    return ray.reusables.env"
        inline.run(cell)
        assert inline.run("ray.get([use.remote(), use.remote()])").value == [[1], [1]]
        inline.run("ray.reusables.env = ray.Reusable(lambda: [0])")
        assert inline.run("ray.get(use.remote())").value == [0, 1]
    finally:
        del ray.reusables.env
