"""The Stop button: what this cell submitted is cancelled, and nothing else; a second press kills."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ray_jupyter.testing.suite.base import eventually

SETUP = (
    "import pathlib, time, signal\n"
    "@ray.remote\n"
    "def wait(folder, i, deaf=False):\n"
    "    if deaf: signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "    (pathlib.Path(folder) / f'began-{i}').touch()\n"
    "    while not (pathlib.Path(folder) / 'go').exists(): time.sleep(0.005)\n"
    "    return i\n"
)


@pytest.fixture
def started(kernel: Any) -> Any:
    kernel.run("%ray_start -n 4 --quiet")
    kernel.run(SETUP)
    return kernel


def stop_when(kernel: Any, cell: str, *begun: Path) -> Any:
    """Run a cell, press Stop once all of ``begun`` are there; return its reply."""
    message_id = kernel.send(cell)
    eventually(lambda: all(path.exists() for path in begun))
    kernel.manager.interrupt_kernel()
    return kernel.finish(message_id)


def test_stop_cancels_what_this_cell_submitted(started: Any, tmp_path: Path) -> None:
    folder = str(tmp_path)
    started.run(f"other = wait.remote({folder!r}, 0)")
    reply = stop_when(
        started,
        f"refs = [wait.remote({folder!r}, i) for i in range(1, 8)]\nray.get(refs)",
        *(tmp_path / f"began-{i}" for i in (0, 1, 2, 3)),
    )
    assert reply.error[0] == "KeyboardInterrupt"
    assert "stopped: 7 cancelled\n" in reply.text
    assert "ray_jupyter" not in reply.error[2]  # the frames are the user's
    assert "ray.get(refs)" in re.sub(r"\x1b\[[0-9;]*m", "", reply.error[2])
    (tmp_path / "go").touch()
    assert started.run("ray.get(other)") == "0"
    assert started.fails("ray.get(refs[0])").error[0] == "TaskCancelledError"
    assert started.run(f"ray.get(wait.remote({folder!r}, 9))") == "9"


def test_children_are_cancelled_too(started: Any, tmp_path: Path) -> None:
    folder = str(tmp_path)
    started.run(
        "@ray.remote\ndef parent(folder):\n    return ray.get([wait.remote(folder, i) for i in range(2)])"
    )
    reply = stop_when(
        started, f"ray.get(parent.remote({folder!r}))", tmp_path / "began-0", tmp_path / "began-1"
    )
    assert "stopped: 1 cancelled" in reply.text
    assert started.run("ray.util.state.list_tasks(filters=[('state', '=', 'RUNNING')])") == "[]"


def test_also_while_a_cell_in_a_worker_is_waited_for(started: Any, tmp_path: Path) -> None:
    reply = stop_when(
        started,
        f"%%remote -o x -w\nx = wait({str(tmp_path)!r}, 1)",
        tmp_path / "began-1",
    )
    assert reply.error[0] == "KeyboardInterrupt"
    assert "stopped: 1 cancelled" in reply.text


def test_a_second_press_kills_what_does_not_listen(started: Any, tmp_path: Path) -> None:
    folder = str(tmp_path)
    cell = started.send(
        "import sys\n"
        f"refs = [wait.remote({folder!r}, 1, True), wait.remote({folder!r}, 2)]\nray.get(refs)"
    )
    eventually(lambda: all((tmp_path / f"began-{i}").exists() for i in (1, 2)))
    started.manager.interrupt_kernel()
    while "Stop again" not in str(started.client.get_iopub_msg(timeout=20)["content"]):
        pass
    started.manager.interrupt_kernel()
    assert "stopped: 1 cancelled · 1 killed\n" in started.finish(cell).text
    assert started.fails("ray.get(refs[0])").error[0] in (
        "TaskCancelledError",
        "WorkerCrashedError",
    )


def test_without_a_second_press_the_line_says_what_goes_on(started: Any, tmp_path: Path) -> None:
    folder = str(tmp_path)
    reply = stop_when(
        started, f"ref = wait.remote({folder!r}, 1, True)\nray.get(ref)", tmp_path / "began-1"
    )
    assert "stopped: 1 cancelled · 1 do not listen and go on: %ray_cancel --cell " in reply.text
    assert "cancelled 1 task" in started.run("%ray_cancel --cell --force")
    assert started.fails("ray.get(ref)").error[0] in ("TaskCancelledError", "WorkerCrashedError")


def test_an_interrupt_with_nothing_submitted_says_nothing(started: Any, tmp_path: Path) -> None:
    mark = tmp_path / "began"
    reply = stop_when(started, f"pathlib.Path({str(mark)!r}).touch()\ntime.sleep(20)", mark)
    assert reply.error[0] == "KeyboardInterrupt"
    assert "stopped" not in reply.text


def test_cancelling_by_ref_and_by_cell(started: Any, tmp_path: Path) -> None:
    folder = str(tmp_path)
    started.run(f"a = wait.remote({folder!r}, 1); b = [wait.remote({folder!r}, i) for i in (2, 3)]")
    assert started.run("%ray_cancel a") == "cancelled 1 task\n"
    number = int(started.run("len(In) - 1"))
    started.run(f"c = wait.remote({folder!r}, 4)")
    assert started.run(f"%ray_cancel --cell {number - 2}") == "cancelled 2 tasks\n"
    (tmp_path / "go").touch()
    assert started.run("ray.get(c)") == "4"
    assert started.fails("ray.get(b)").error[0] == "TaskCancelledError"


def test_cancelling_everything(started: Any, tmp_path: Path) -> None:
    folder = str(tmp_path)
    started.run(f"a = wait.remote({folder!r}, 1)")
    started.run(f"b = wait.remote({folder!r}, 2)")
    assert started.run("%ray_cancel --all") == "cancelled 2 tasks\n"
