"""Text that tasks print names cells, and has the lines of those that a worker does not know."""

from __future__ import annotations

from typing import Any

import pytest

from ray_jupyter.notebook.places import name_cells


@pytest.fixture
def cell(notebook: Any) -> tuple[Any, str, str]:
    """Return the shell, the name of a cell's file, and what IPython calls it."""
    notebook.run("def f():\n    return 1 / 0")
    shell = notebook.shell
    file = notebook.variables["f"].__code__.co_filename
    return shell, file, " ".join(shell.compile.format_code_name(file))


def test_a_traceback(cell: Any) -> None:
    shell, file, name = cell
    text = f'Traceback:\n  File "{file}", line 2, in f\nZeroDivisionError: x\n'
    assert name.startswith("Cell In[")
    assert name_cells(shell, text) == (
        f"Traceback:\n  {name}, line 2, in f\n    return 1 / 0\nZeroDivisionError: x\n"
    )


def test_a_line_that_is_there_is_not_repeated(cell: Any) -> None:
    shell, file, name = cell
    text = f'  File "{file}", line 2, in f\n    return 1 / 0\n           ~~^~~\n'
    assert name_cells(shell, text) == text.replace(f'File "{file}"', name)


def test_a_warning_and_a_syntax_error(cell: Any) -> None:
    shell, file, name = cell
    assert name_cells(shell, f"a\n{file}:2: UserWarning: b\n  c") == (
        f"a\n{name}, line 2: UserWarning: b\n  c"
    )
    assert name_cells(shell, f'  File "{file}", line 9\n') == f"  {name}, line 9\n"


@pytest.mark.parametrize(
    "text",
    [
        'File "/usr/lib/python3/x.py", line 3, in f\nE', "/a/b.py:3: careful", "x.py: 1",
        'File "<stdin>", line 1', "12:30: the time", "http://a.py:80: up", "",
    ],
)  # fmt: skip
def test_other_text_stays(cell: Any, text: str) -> None:
    assert name_cells(cell[0], text) == text
