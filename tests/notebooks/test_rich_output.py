"""What tasks display appears in their cell, in its place among what they print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def started(kernel: Any) -> Any:
    kernel.run("%ray_start -n 2 --quiet")
    return kernel


def messages(kernel: Any, until: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (parent id, type, content) of what is shown, until a text contains ``until``."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    for message in kernel.arriving():
        kind, content = message["msg_type"], message["content"]
        if "data" in content and kernel.is_strip(content):
            continue
        if kind in ("stream", "display_data", "update_display_data", "clear_output"):
            found.append((message["parent_header"]["msg_id"], kind, content))
            if until in json.dumps(content):
                return found
    raise AssertionError(f"{until!r} did not come; this did: {found}")


def test_html_figures_and_updates_in_the_right_cell(started: Any, tmp_path: Path) -> None:
    go = tmp_path / "go"
    started.run(
        "import pathlib, time\n"
        "@ray.remote\n"
        "def show(path):\n"
        "    from IPython.display import HTML, Image, display, update_display, clear_output\n"
        "    while not pathlib.Path(path).exists(): time.sleep(0.005)\n"
        "    print('before')\n"
        "    display(HTML('<b>bold</b>'))\n"
        "    print('between')\n"
        "    handle = display(1, display_id='x')\n"
        "    handle.update(2)\n"
        "    display(Image(b'\\x89PNG\\r\\n\\x1a\\n' + b'0' * 200_000, format='png'))\n"
        "    clear_output(wait=True)\n"
        "    print('after')\n"
    )
    cell = started.send(f"ref = show.remote({str(go)!r})")
    started.finish(cell)
    go.touch()
    found = messages(started, "after")
    assert {parent for parent, _, _ in found} == {cell}
    assert [(kind, content.get("text")) for _, kind, content in found] == [
        ("stream", "before\n"), ("display_data", None), ("stream", "between\n"),
        ("display_data", None), ("update_display_data", None), ("display_data", None),
        ("clear_output", None), ("stream", "after\n"),
    ]  # fmt: skip
    bundles = [content["data"] for _, _, content in found if "data" in content]
    assert bundles[0]["text/html"] == "<b>bold</b>"
    assert [bundle["text/plain"] for bundle in bundles[1:3]] == ["1", "2"]
    assert found[3][2]["transient"] == {"display_id": "x"}
    assert len(bundles[3]["image/png"]) > 260_000


def test_display_needs_no_import_as_in_cells(started: Any) -> None:
    started.run("@ray.remote\ndef show():\n    display('x', {'a': 1})")
    assert started.run("ray.get(show.remote())") == "'x'{'a': 1}"


def test_objects_with_representations_of_their_own(started: Any) -> None:
    started.run(
        "class Table:\n"
        "    def _repr_html_(self): return '<table></table>'\n"
        "    def __repr__(self): return 'table'\n"
        "@ray.remote\ndef show(): display(Table())"
    )
    assert started.run("ray.get(show.remote())") == "table"


def test_below_capture(started: Any) -> None:
    started.run("@ray.remote\ndef show(): display('x'); print('y')")
    assert started.run("%%capture caught\nray.get(show.remote())") == ""
    assert started.run("len(caught.outputs), caught.stdout") == "(1, 'y\\n')"


def test_a_cell_in_a_worker_shows_its_value_where_it_was_written(
    started: Any, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    cell = started.send(
        "%%remote -o x\nimport pathlib, time\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.005)\n"
        "x = 41\nprint('in a worker')\nx + 1"
    )
    started.finish(cell)
    go.touch()
    assert {parent for parent, _, _ in messages(started, '"42"')} == {cell}
    assert started.run("ray.get(x)") == "41"


def test_cells_that_depend_on_each_other_run_by_themselves(started: Any) -> None:
    started.run("%%remote -o a --label first;\nimport os\na = os.getpid()")
    started.run("%%remote -o b,c\nimport os\nb = [a, os.getpid()]\nc = 3")
    started.run("%%remote -o d -w\nd = c + len(b)")
    assert started.run("import os; d, os.getpid() in ray.get(b)") == "(5, False)"


def test_lines_that_many_workers_print_alike(kernel: Any, tmp_path: Path) -> None:
    kernel.run("%ray_start -n 4 --quiet")
    kernel.run(
        "import pathlib, time\n@ray.remote\ndef same(folder, i):\n"
        "    folder = pathlib.Path(folder)\n    (folder / str(i)).touch()\n"
        "    while len(list(folder.iterdir())) < 4: time.sleep(0.001)\n"
        "    print('loading')\n    time.sleep(0.3)"
    )
    text = kernel.run(f"ray.get([same.remote({str(tmp_path)!r}, i) for i in range(4)]);")
    assert text in (
        "loading ×4 workers\n",
        "loading ×3 workers\nloading\n",
        "loading\nloading ×3 workers\n",
    )


def test_logs_have_what_the_cell_did_not_show(started: Any) -> None:
    started.run("@ray.remote\ndef flood():\n    for i in range(30_000): print('line', i)")
    text = started.run("ref = flood.remote(); ray.get(ref)")
    assert "line 29999" not in text
    assert started.run("%ray_logs ref -n 2").splitlines()[1:] != []
    shown = started.run("%ray_logs flood -n 2").splitlines()
    assert shown[0].startswith("… 29,998 lines before these")
    assert [line.split(") ")[1] for line in shown[1:]] == ["line 29998", "line 29999"]
