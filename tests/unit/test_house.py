"""The house keeps itself: sizes, names, docstrings, manners of tests, nothing of one machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE_LINES, TEST_MODULE_LINES, FUNCTION_LINES, CLASS_LINES = 400, 500, 60, 250
BANNED_NAMES = {"common", "helpers", "manager", "misc", "utils"}
PYTHON_FOLDERS = ("ray_jupyter", "tests", "benchmarks", "notebooks")

MAY_SLEEP: dict[str, str] = {}
"""Test file -> why it calls ``time.sleep`` outside a remote function (which may: it stands
for work). Everything else waits on a condition with a deadline."""

# Built from parts, so that this file does not match itself.
REGISTRY = re.compile(r"https?://[A-Za-z0-9.-]*(?:npm|pypi|pythonh|debian)")
HOME = re.compile(r"(?:^|[^\w.~-])/(?:home|Users|root|work)/\w")


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def length(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_module_is_too_long(capsys: pytest.CaptureFixture[str]) -> None:
    lengths = {path: length(path) for path in python_files(*PYTHON_FOLDERS)}
    largest = sorted(lengths, key=lambda path: -lengths[path])[:5]
    with capsys.disabled():
        print("\nlargest modules:", *(f"{name_of(path)} {lengths[path]}" for path in largest))
    tests = ROOT / "tests"
    assert {
        name_of(path): lines
        for path, lines in lengths.items()
        if lines > (TEST_MODULE_LINES if tests in path.parents else MODULE_LINES)
    } == {}


def test_no_function_or_class_is_too_long() -> None:
    assert {
        f"{name_of(path)}:{node.lineno} {node.name}": lines
        for path in python_files(*PYTHON_FOLDERS)
        for node in ast.walk(tree_of(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        if (lines := (node.end_lineno or 0) - node.lineno + 1)
        > (CLASS_LINES if isinstance(node, ast.ClassDef) else FUNCTION_LINES)
    } == {}


def test_module_names_say_what_is_inside() -> None:
    named = [name_of(p) for p in python_files(*PYTHON_FOLDERS) if p.stem in BANNED_NAMES]
    folders = [name_of(p) for p in (ROOT / "ray_jupyter").rglob("*/") if p.name in BANNED_NAMES]
    assert named + folders == []


def test_every_module_has_a_docstring() -> None:
    empty_by_nature = {"__init__.py"}
    assert [
        name_of(path)
        for path in python_files(*PYTHON_FOLDERS)
        if not ast.get_docstring(tree_of(path))
        and not (path.name in empty_by_nature and length(path) == 0)
    ] == []


def test_public_names_are_complete_and_sorted() -> None:
    body = tree_of(ROOT / "ray_jupyter" / "__init__.py").body
    listed = next(
        [ast.literal_eval(item) for item in node.value.elts]
        for node in body
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.List, ast.Tuple))
        if getattr(node.targets[0], "id", "") == "__all__"
    )
    lazy = next(
        {ast.literal_eval(key) for key in node.value.keys if key is not None}
        for node in body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        if getattr(node.targets[0], "id", "") == "_LAZY"
    )
    bound = {name for node in body for name in names_bound_by(node)} | lazy
    public = {name for name in bound if not name.startswith("_")} | ({"__version__"} & bound)
    assert set(listed) == public | {"__version__"}
    assert listed == sorted(listed, key=by_kind)


def test_import_brings_nothing_heavy() -> None:
    heavy = {
        "IPython", "asyncio", "concurrent.futures", "distributed", "ipykernel", "ipywidgets",
        "joblib", "multiprocessing", "numpy", "ray", "ray_jupyter.util", "zmq",
    }  # fmt: skip
    program = f"import sys, ray_jupyter; print(*({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def names_bound_by(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        if getattr(node, "module", "") != "__future__":
            yield from (alias.asname or alias.name for alias in node.names)
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        # IPython's entry points are called by their names, not imported by users.
        if not node.name.endswith("load_ipython_extension"):
            yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def by_kind(name: str) -> tuple[bool, bool, str]:
    """Sort as ruff does: constants, classes, everything else."""
    return not name.isupper(), not name[0].isupper(), name


def test_tests_wait_for_conditions_and_never_sleep() -> None:
    tests = python_files("tests", "ray_jupyter/testing")
    sleeping = {name_of(path): lines for path in tests if (lines := sleeps(tree_of(path)))}
    assert {name: lines for name, lines in sleeping.items() if name not in MAY_SLEEP} == {}
    assert set(MAY_SLEEP) <= set(sleeping), "an exception without a sleep: take it out"


def sleeps(node: ast.AST) -> list[int]:
    """Return the lines that call ``time.sleep``, leaving out remote functions and actors."""
    found = []
    for inner in ast.iter_child_nodes(node):
        decorators = getattr(inner, "decorator_list", [])
        if any("remote" in ast.unparse(decorator) for decorator in decorators):
            continue
        if isinstance(inner, ast.Call) and ast.unparse(inner.func) in ("time.sleep", "sleep"):
            found.append(inner.lineno)
        found += sleeps(inner)
    return found


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import time\ntime.sleep(1)", [2]),
        ("def test():\n    with x:\n        sleep(1)", [3]),
        ("@ray.remote\ndef f():\n    time.sleep(1)", []),
        ("@ray.remote(num_cpus=1)\nclass A:\n    def f(self):\n        time.sleep(1)", []),
        ("program = 'time.sleep(1)'", []),
    ],
)
def test_a_sleep_is_found_where_it_is_one(source: str, lines: list[int]) -> None:
    assert sleeps(ast.parse(source)) == lines


def conditional_loops_under_locks(tree: ast.AST) -> list[int]:
    """Return the lines of loops with a condition that stand in the block of a lock.

    In CPython 3.12 and 3.13 the jump back of such a loop is not covered by the block: an
    interrupt that strikes there leaves the function and the lock stays locked, for ever. In
    a function that the block calls, the loop does no harm; nor in a handler of messages
    (``_on_...``), which runs inside the channel's shield.
    """
    lines = []
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or function.name.startswith("_on_"):
            continue
        for block in ast.walk(function):
            if isinstance(block, ast.With):
                entered = " ".join(ast.unparse(item.context_expr) for item in block.items)
                if "lock" in entered and "shield" not in entered:
                    inside = (node for part in block.body for node in ast.walk(part))
                    lines += [block.lineno for node in inside if is_conditional_loop(node)]
    return lines


def is_conditional_loop(node: ast.AST) -> bool:
    if isinstance(node, ast.comprehension):
        return bool(node.ifs)
    if isinstance(node, ast.For):
        inside = (inner for part in node.body for inner in ast.walk(part))
        return any(
            isinstance(inner, (ast.If, ast.IfExp, ast.Continue, ast.Try)) for inner in inside
        )
    return isinstance(node, ast.While)


def test_an_interrupt_cannot_leave_a_lock_locked() -> None:
    found = {name_of(path): conditional_loops_under_locks(tree_of(path))
             for path in python_files("ray_jupyter")}  # fmt: skip
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("with self.lock:\n  a = [i for i in b if i]", True),
        ("with self.lock:\n  while a: pass", True),
        ("with self.lock:\n  for i in a:\n   if i: break", True),
        ("with self.lock:\n  for i in a: b(i)", False),
        ("with self.shield, self.lock:\n  while a: pass", False),
        ("with self.lock:\n  f()", False),
    ],
)
def test_a_loop_under_a_lock_is_found(body: str, found: bool) -> None:
    source = "def f(self):\n" + "\n".join(f" {line}" for line in body.split("\n"))
    assert bool(conditional_loops_under_locks(ast.parse(source))) is found


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    here = [f"{folder}/" for folder in (ROOT, Path.home()) if len(folder.parts) > 1]
    found = []
    for path in tracked_files():
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if REGISTRY.search(line) or HOME.search(line) or any(text in line for text in here):
                found.append(f"{name_of(path)}:{number}: {line.strip()[:100]}")
    assert found == []


def tracked_files() -> list[Path]:
    """Return the files git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs a git checkout: {error}")
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file() and path.suffix != ".svg"]


def test_no_file_is_large() -> None:
    """A downloaded package, a recording: what is committed once stays in the history."""
    sizes = {name_of(path): path.stat().st_size for path in tracked_files()}
    assert {name: size_bytes for name, size_bytes in sizes.items() if size_bytes > 300_000} == {}


def test_what_names_a_machine_is_recognised() -> None:
    assert REGISTRY.search("see https" + "://py" + "pi.org/project/x")
    assert not REGISTRY.search("pip install from the package index")
    assert HOME.search("cd /" + "root/project")
    assert HOME.search("file:///" + "home/somebody")
    assert not HOME.search("tests/work/of/ours")
    assert not HOME.search("~/" + "work/x")
