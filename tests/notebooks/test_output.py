"""What tasks print appears in the cell that submitted them, whatever runs meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def started(kernel: Any) -> Any:
    kernel.run("%ray_start -n 2 --quiet")
    kernel.run(
        "import sys, pathlib, time\n"
        "@ray.remote\n"
        "def say(text, file=None):\n"
        "    while file and not pathlib.Path(file).exists(): time.sleep(0.005)\n"
        "    print(text)\n"
        "    print(text, 'failed', file=sys.stderr)\n"
    )
    return kernel


def streams(kernel: Any, until: str) -> list[tuple[str, str, str]]:
    """Return (parent id, stream, text) of what arrives, until a text contains ``until``."""
    found: list[tuple[str, str, str]] = []
    for message in kernel.arriving():
        if message["msg_type"] == "stream":
            content = message["content"]
            found.append((message["parent_header"]["msg_id"], content["name"], content["text"]))
            if until in content["text"]:
                return found
    raise AssertionError(f"{until!r} did not come; this did: {found}")


def test_an_error_that_the_cell_showed_is_not_reported_again(kernel: Any) -> None:
    kernel.run("%ray_start -n 1 --quiet")
    cell = kernel.send("%%remote -o x\nx = 1 / 0")
    said = kernel.finish(cell).text
    for message in kernel.arriving():
        if message["msg_type"] == "stream" and message["parent_header"].get("msg_id") == cell:
            said += message["content"]["text"]
        if "ZeroDivisionError" in said:
            break
    said += kernel.run("del x\nimport gc; gc.collect();")
    # What is told of a ref that is gone comes before the answer to what is asked after it.
    said += kernel.run("ray.get(ray.remote(len).remote([]))\nray.get(ray.remote(len).remote([]));")
    assert "nobody asked" not in said


def test_in_order_with_the_prints_of_the_cell(started: Any) -> None:
    text = started.run("print('a'); ray.get(say.remote('b')); print('c')")
    assert text.replace("b failed\n", "") == "a\nb\nc\n"


def test_late_output_goes_to_the_cell_that_submitted(started: Any, tmp_path: Path) -> None:
    go = tmp_path / "go"
    first = started.send(f"early = say.remote('early', {str(go)!r})")
    assert started.finish(first).text == ""
    second = started.send(f"pathlib.Path({str(go)!r}).touch()\ntime.sleep(0.5)\nprint('mine')")
    found = streams(started, "mine")
    started.run("ray.get(early)")
    assert (first, "stdout", "early\n") in found
    assert (first, "stderr", "early failed\n") in found
    assert {parent for parent, _, text in found if "early" in text} == {first}
    assert {parent for parent, _, text in found if "mine" in text} == {second}


def test_with_the_kernel_idle(started: Any, tmp_path: Path) -> None:
    go = tmp_path / "go"
    first = started.send(f"late = say.remote('late', {str(go)!r})")
    started.finish(first)
    go.touch()
    assert {parent for parent, _, _ in streams(started, "late failed")} == {first}


def test_children_belong_to_the_cell_of_their_root(started: Any) -> None:
    started.run(
        "@ray.remote\ndef parent():\n    print('parent')\n    ray.get([say.remote('child') for _ in range(3)])"
    )
    text = started.run("ray.get(parent.remote())")
    assert text.count("child\n") == 3
    assert text.startswith("parent\n")


def test_below_capture(started: Any) -> None:
    assert started.run("%%capture caught\nray.get(say.remote('x'))") == ""
    assert started.run("print(caught.stdout + caught.stderr)") == "x\nx failed\n\n"


def test_a_flood_is_cut_and_says_so(started: Any) -> None:
    started.run("@ray.remote\ndef flood():\n    for i in range(150_000): print('line', i)")
    text = started.run("ray.get(flood.remote())")
    assert len(text) < 210_000
    assert "printed more than 200,000 characters; %ray_logs has the rest" in text
    assert "y\n" in started.run("ray.get(say.remote('y'))")


def test_of_a_session_that_the_cell_started(kernel: Any) -> None:
    text = kernel.run("%%remote\ndef f(): print('hello')\nray.get(f.remote())")
    assert text.endswith("hello\n")
    kernel.run("%ray_stop\n%ray_start -n 1 --quiet")
    assert kernel.run("ray.get(f.remote())") == "hello\n"


def test_unloading_leaves_lines_with_prefixes(started: Any) -> None:
    started.run("%unload_ext ray_jupyter")
    assert started.run("ray.get(say.remote('plain'))").startswith("(say pid=")


def test_tracebacks_that_tasks_print_name_cells_as_ipython_does(started: Any) -> None:
    started.run(
        "@ray.remote\ndef boom():\n    import traceback\n"
        "    try: 1 / 0\n    except ZeroDivisionError: traceback.print_exc()"
    )
    text = started.run("ray.get(boom.remote())")
    assert "\n  Cell In[" in text
    assert "], line 4, in boom\n    try: 1 / 0\n" in text
    assert "ipykernel_" not in text
    assert "ipykernel_" not in started.run("%ray_logs boom")
    text = started.run("%%remote -w --run\nimport warnings\nwarnings.warn('careful')\nlen('')")
    assert "], line 3: UserWarning: careful" in text
