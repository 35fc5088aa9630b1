"""The strip below a cell: renewed in place while tasks run, one line at the end, or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

SETUP = (
    "import pathlib, time\n"
    "@ray.remote\n"
    "def wait(path, text=''):\n"
    "    if text: print(text, end='')\n"
    "    while not pathlib.Path(path).exists(): time.sleep(0.005)\n"
    "    if text: print('\\rdone')\n"
    "    return 1\n"
)


@pytest.fixture
def started(kernel: Any) -> Any:
    kernel.run("%ray_start -n 2 --quiet")
    kernel.run(SETUP)
    return kernel


class Strip:
    """The displays of one cell, as they come."""

    def __init__(self, kernel: Any, cell: str) -> None:
        self._kernel = kernel
        self._cell = cell
        self.texts: list[str] = []
        self.kinds: list[str] = []
        self.ids: set[str] = set()

    def until(self, text: str) -> str:
        """Wait for a display whose text contains ``text``; return it."""
        for message in self._kernel.arriving():
            content = message["content"]
            if message["msg_type"] not in ("display_data", "update_display_data"):
                continue
            if message["msg_type"] == "display_data":  # its id says where later ones go
                assert message["parent_header"]["msg_id"] == self._cell
            assert set(content["data"]) == {"text/plain", "text/html"}
            self.kinds.append(message["msg_type"])
            self.ids.add(content["transient"]["display_id"])
            self.texts.append(content["data"]["text/plain"])
            if text in self.texts[-1]:
                return self.texts[-1]
        raise AssertionError(f"{text!r} did not come; this did: {self.texts}")


def test_progress_then_one_line_in_the_cell_that_has_ended(started: Any, tmp_path: Path) -> None:
    go = tmp_path / "go"
    cell = started.send(f"refs = [wait.remote({str(go)!r}) for _ in range(3)]")
    strip = Strip(started, cell)
    assert "wait  ░░░░░░░░░░░░░░░░░░░░ 0/3 · 2 running\n" in strip.until("2 running")
    started.run("'another cell'")
    go.touch()
    last = strip.until("3 tasks")
    assert last.startswith("3 tasks · ")
    assert last.split("\n")[0].endswith(" · 0 failed")
    assert strip.kinds[0] == "display_data"
    assert set(strip.kinds[1:]) == {"update_display_data"}
    assert len(strip.ids) == 1


def test_the_first_failure_is_in_the_line(started: Any, tmp_path: Path) -> None:
    cell = started.send(
        "@ray.remote\ndef boom(ref):\n    raise ValueError('<b>no</b>')\n"
        f"ref = boom.remote(wait.remote({str(tmp_path / 'go')!r}))"
    )
    strip = Strip(started, cell)
    strip.until("boom")
    (tmp_path / "go").touch()
    assert "1 failed: ValueError: <b>no</b> (in boom)" in strip.until("2 tasks")


def test_lines_that_tasks_overwrite_are_in_it(started: Any, tmp_path: Path) -> None:
    go = tmp_path / "go"
    cell = started.send(f"ref = wait.remote({str(go)!r}, '\\r 40%')")
    Strip(started, cell).until("\n  40%\n")
    go.touch()
    assert started.run("ray.get(ref)") == "1"


def test_cells_without_tasks_show_nothing(started: Any) -> None:
    for cell in ("time.sleep(1.2)", "ref = ray.put(1)\ntime.sleep(0.7)"):
        reply = started.try_run(cell)
        assert (reply.text, reply.strip) == ("", "")


def test_quiet_shows_the_line_only_and_off_nothing(started: Any) -> None:
    started.run("@ray.remote\ndef nap(): time.sleep(0.7)")
    started.run("%config RayMagics.strip = 'final'")
    assert started.try_run("ray.get(nap.remote())").strip.startswith("1 task · ")
    started.run("%config RayMagics.strip = 'off'")
    assert started.try_run("ray.get(nap.remote())").strip == ""


def test_the_environment_of_programs_that_run_notebooks_means_quiet(
    start_kernel: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_JUPYTER_QUIET", "1")
    kernel = start_kernel()
    kernel.run("%load_ext ray_jupyter\nimport ray_jupyter as ray\n%ray_start -n 1 --quiet")
    assert kernel.run("%config RayMagics.strip") == "'final'"
    cell = kernel.send("ray.get(ray.remote(lambda: __import__('time').sleep(1.2)).remote())")
    strip = Strip(kernel, cell)
    assert strip.until("1 task").startswith("1 task · ")
    assert len(strip.texts) == 1


def test_it_says_when_pickling_is_most_of_the_work(started: Any) -> None:
    started.run(
        "class Slow:\n"
        "    def __getstate__(self): time.sleep(0.7); return {}\n"
        "@ray.remote\ndef give(): return Slow()\n"
        "@ray.remote\ndef take(slow): return 1"
    )
    strip = started.try_run("ray.get(give.remote());").strip
    assert re.search(r"hint: \d+% of the tasks' time went into pickling", strip)
    strip = started.try_run("ray.get([take.remote(Slow()), take.remote(Slow())])").strip
    assert re.search(r"hint: \d+% of the cell's time went into pickling", strip)


def test_not_below_capture(started: Any) -> None:
    started.run("@ray.remote\ndef nap(): time.sleep(1.2)")
    strip = started.try_run("%%capture caught\nray.get(nap.remote())").strip
    assert "running" not in strip


def test_it_does_not_run_on_when_the_session_has_ended(started: Any, tmp_path: Path) -> None:
    strip = Strip(started, started.send(f"ref = wait.remote({str(tmp_path / 'go')!r})"))
    strip.until("1 running")
    started.send("%ray_stop")  # not ``run``, which would take the message that is waited for
    strip.until("the session ended before these tasks")


def test_what_has_ended_before_the_session_is_counted(started: Any) -> None:
    cell = "ray.get([nap.remote() for _ in range(2)])\n%ray_stop"
    started.run("@ray.remote\ndef nap(): time.sleep(0.8)")
    for start in ("", "%ray_start -n 1 --quiet\n"):
        assert started.try_run(start + cell).strip.startswith("2 tasks · ")


def test_unloading_ends_it(started: Any, tmp_path: Path) -> None:
    go = tmp_path / "go"
    cell = started.send(f"ref = wait.remote({str(go)!r})")
    Strip(started, cell).until("1 running")
    started.run("%unload_ext ray_jupyter")
    go.touch()
    assert started.run("time.sleep(0.7); ray.get(ref)") == "1"
    assert (
        started.run(
            "import threading; [t.name for t in threading.enumerate() if 'strips' in t.name]"
        )
        == "[]"
    )


def test_a_notebook_that_is_run_by_a_program_keeps_the_line(
    jupyter_directories: Path, tmp_path: Path
) -> None:
    cells = [
        "%load_ext ray_jupyter\n%ray_start -n 2 --quiet\nimport ray_jupyter as ray, time",
        "@ray.remote\ndef nap(i):\n    time.sleep(0.8)\n    print('napped')\n    return i",
        "sum(ray.get([nap.remote(i) for i in range(2)]))",
        "%ray_stop",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, timeout=60, kernel_name="here").execute()
    outputs = notebook.cells[2].outputs
    displays = [o["data"]["text/plain"] for o in outputs if o.output_type == "display_data"]
    assert len(displays) == 1
    assert displays[0].startswith("2 tasks · ")
    assert "".join(o["text"] for o in outputs if o.output_type == "stream") == "napped\nnapped\n"
    assert outputs[-1]["data"]["text/plain"] == "1" or outputs[-2]["data"]["text/plain"] == "1"
