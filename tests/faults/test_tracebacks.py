"""The remote traceback shows source lines, wherever the function was written."""

from __future__ import annotations

import importlib.util
import linecache
import sys
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter.testing.faults import Driver

FUNCTIONS = """
import ray_jupyter as ray

def inner(divisor):
    return 1 // divisor  # the line that raises

@ray.remote
def outer(divisor):
    return inner(divisor)  # the line that calls
"""
PROGRAM = (
    FUNCTIONS
    + """
ray.init(num_cpus=1)
try:
    ray.get(outer.remote(0))
except ZeroDivisionError as error:
    print(str(error))
ray.shutdown()
"""
)


def assert_lines(text: str, file: str) -> None:
    head = text.splitlines()[0]
    assert head.startswith("outer (task "), "the first line names function, task and worker"
    assert "return inner(divisor)  # the line that calls" in text
    assert "return 1 // divisor  # the line that raises" in text
    assert f'File "{file}", line 5, in inner' in text
    assert f'File "{file}", line 9, in outer' in text
    assert text.rstrip().endswith("ZeroDivisionError: integer division or modulo by zero")
    assert "executor.py" not in text, "our own frames are noise"


def test_in_a_script(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    driver = Driver(PROGRAM, path)
    code, output, errors = driver.end()
    assert (code, errors) == (0, "")
    assert_lines(output, str(path))


def test_in_a_command(tmp_path: Path) -> None:
    code, output, errors = Driver(PROGRAM).end()
    assert (code, errors) == (0, "")
    assert_lines(output, "<string>")


@pytest.mark.usefixtures("session")
def test_in_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "module_of_a_test.py"
    path.write_text(FUNCTIONS)
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, path.stem, module)
    specification.loader.exec_module(module)
    import cloudpickle

    cloudpickle.register_pickle_by_value(module)  # workers do not have this folder
    try:
        with pytest.raises(ZeroDivisionError) as caught:
            ray.get(module.outer.remote(0), timeout=20)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    assert_lines(str(caught.value), str(path))


@pytest.mark.usefixtures("session")
def test_in_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook's source lives in ``linecache`` of the kernel alone."""
    name = "/tmp/ipykernel_1/2738.py"
    lines = FUNCTIONS.splitlines(keepends=True)
    monkeypatch.setitem(linecache.cache, name, (len(FUNCTIONS), None, lines, name))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(FUNCTIONS, name, "exec"), namespace)
    with pytest.raises(ZeroDivisionError) as caught:
        ray.get(namespace["outer"].remote(0), timeout=20)
    assert_lines(str(caught.value), name)


@pytest.mark.usefixtures("session")
def test_through_three_tasks() -> None:
    @ray.remote
    def innermost() -> None:
        raise KeyError("who")

    @ray.remote
    def middle() -> Any:
        return ray.get(innermost.remote())

    @ray.remote
    def outermost() -> Any:
        return ray.get(middle.remote())

    with pytest.raises(KeyError) as caught:
        ray.get(outermost.remote(), timeout=20)
    text = str(caught.value)
    for line in (
        'raise KeyError("who")',
        "ray.get(innermost.remote())",
        "ray.get(middle.remote())",
    ):
        assert line in text


def test_an_uncaught_error_in_a_script(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    program = FUNCTIONS + "\nray.init(num_cpus=1)\nray.get(outer.remote(0))\n"
    code, output, errors = Driver(program, path).end()
    assert (code, output) == (1, "")
    lines = [line for line in errors.splitlines() if line.strip(" ^~")]
    assert lines == [
        "Traceback (most recent call last):",
        f'  File "{path}", line 12, in <module>',
        "    ray.get(outer.remote(0))",
        f'  File "{path}", line 9, in outer',
        "    return inner(divisor)  # the line that calls",
        f'  File "{path}", line 5, in inner',
        "    return 1 // divisor  # the line that raises",
        "ZeroDivisionError: integer division or modulo by zero",
        lines[-1],
    ]
    assert lines[-1].startswith("  in outer (task ")
