"""Run All without a front end: nbclient, as papermill and nbconvert use it."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def execute(*cells: str) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, kernel_name="here", timeout=60).execute()
    return notebook


@pytest.fixture(autouse=True)
def own_directories(jupyter_directories: Path) -> None:
    """Find the kernel of the running interpreter."""


def printed(cell: nbformat.NotebookNode) -> str:
    return "".join(o.get("text") or o["data"]["text/plain"] for o in cell.outputs)


def test_all_cells_run_and_show_one_line_each() -> None:
    notebook = execute(
        "%load_ext ray_jupyter\n%ray_start --inline",
        "%%remote\ndef f(x): return x + 1\nrefs = [f.remote(x) for x in range(3)]",
        "import ray_jupyter as ray\nray.get(refs)",
    )
    texts = [printed(cell) for cell in notebook.cells]
    assert texts[0].startswith("inline runtime")
    assert texts[1:] == ["remote: f\n", "[1, 2, 3]"]


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("%%remote\ndef f(): return 1 / 0\nf()", "ZeroDivisionError"),
        ("%%remote\nx = 1", "nothing to make remote"),
        ("%ray_start -n 3", "-n asks for 3"),
    ],
)
def test_an_error_stops_the_run(cell: str, error: str) -> None:
    with pytest.raises(CellExecutionError, match=error):
        execute("%load_ext ray_jupyter\n%ray_start --inline", cell)


def test_strips_and_pictures_are_brought_up_to_date_after_their_cell() -> None:
    notebook = execute(
        "%load_ext ray_jupyter\n%ray_start -n 1 --quiet",
        "%ray_dashboard",
        "import pathlib, time, ray_jupyter as ray\n"
        "@ray.remote\ndef slow(name):\n    while not pathlib.Path(name).exists(): time.sleep(0.01)\n"
        "import os, tempfile\nfolder = tempfile.mkdtemp()\nname = os.path.join(folder, 'go')\n"
        "ref = slow.remote(name)\ntime.sleep(1.5)  # so that its strip is seen",
        "open(name, 'w').close()\nray.get(ref)\nos.remove(name); os.rmdir(folder)",
        "%ray_stop",
    )
    _, dashboard, submitting, *_ = notebook.cells
    assert "1 tasks finished" in printed(dashboard)
    assert "ended" in dashboard.outputs[0]["data"]["image/svg+xml"]
    assert printed(submitting).startswith("1 task · ")
