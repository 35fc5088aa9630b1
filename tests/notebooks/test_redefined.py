"""A cell that defines a remote function is edited and run again while tasks of the old one run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ray_jupyter.testing.suite.base import eventually

SETUP = "import pathlib, time\ndef wait(path):\n    while not pathlib.Path(path).exists(): time.sleep(0.005)"
CELL = """%%remote
def work(path, k):
    wait(path)
    return k
class Keeper:
    def kept(self): return 1
"""
EDITED = CELL.replace("return k", "return -k").replace("return 1", "return 2")
LOOK = "import json; print(json.dumps(get_ipython().display_formatter.format({})[0]))"


def made_in(kernel: Any, ref: str) -> int:
    """Return the number of the cell that submitted a task."""
    return int(kernel.run(ref).partition(" · In[")[2].partition("]")[0])


@pytest.fixture
def working(kernel: Any, tmp_path: Path) -> Any:
    """A kernel with two workers, five tasks that wait for ``go``, and an actor."""
    kernel.run("%ray_start -n 2 --quiet")
    kernel.run(SETUP)
    kernel.run(CELL)
    go = str(tmp_path / "go")
    kernel.run(f"refs = [work.remote({go!r}, k) for k in range(5)]; keeper = Keeper.remote()")
    return kernel


def test_what_still_runs_the_old_definition_is_marked(working: Any, tmp_path: Path) -> None:
    made = made_in(working, "refs[0]")
    assert "still" not in working.run(CELL)
    again = made + 2  # that cell: the code is the same, and its number is what the user sees
    text = working.run(EDITED)
    assert text.split("\n")[1] == (
        f"5 tasks (work) and 1 actor (Keeper) still run the definition of In[{again}] · "
        f"%ray_cancel --cell {made} ends what that cell submitted · "
        "Keeper.remote(…) makes one of the new class"
    )
    assert f" · work · In[{made}] · older definition" in working.run("refs[4]")
    assert working.run(LOOK.format("refs[0]")).count("older definition") == 2
    assert working.run(LOOK.format("keeper")).count("older definition") == 2
    assert "older    1 actor of Keeper as of In[" in working.run("%ray_status")
    assert " · 5 tasks of work as of In[" in working.run("%ray_status")
    working.run(f"new = work.remote({str(tmp_path / 'go')!r}, 7)")
    assert "older" not in working.run("new")
    (tmp_path / "go").touch()
    assert working.run("ray.get([*refs, new])") == "[0, 1, 2, 3, 4, -7]"
    assert working.run("ray.get([keeper.kept.remote(), Keeper.remote().kept.remote()])") == "[1, 2]"
    status = working.run("%ray_status")
    assert "older    1 actor of Keeper as of In[" in status
    assert "of work" not in status


def test_the_strip_of_the_cell_that_submitted_says_so(working: Any, tmp_path: Path) -> None:
    def strip_until(text: str) -> str:
        for message in working.arriving():
            if working.is_strip(message["content"]):
                shown: str = message["content"]["data"]["text/plain"]
                if text in shown:
                    return shown
        raise AssertionError(f"{text!r} did not come")

    strip_until("0/5 · 2 running\n")
    working.run(EDITED)
    strip_until("0/5 · 2 running · older definition\n")
    (tmp_path / "go").touch()
    last = strip_until("6 tasks")
    assert last.split("\n")[0].endswith(" · 0 failed · 5 of work with an older definition")


def test_tasks_of_tasks_and_cancelling_what_is_old(working: Any, tmp_path: Path) -> None:
    go = str(tmp_path / "go")
    working.run(
        f"@ray.remote(num_cpus=0)\ndef outer(): return ray.get(work.remote({go!r}, 1))\n"
        "nested = outer.remote()"
    )
    made = made_in(working, "nested")
    working.run(
        "from ray_jupyter.util.state import list_tasks\n"
        "while not [t for t in list_tasks() if t.name == 'work' and t.parent_task_id.strip('0') "
        "and t.parent_task_id == nested.task_id()]: time.sleep(0.01)"
    )
    text = working.run(EDITED)
    assert "6 tasks (work) and 1 actor" in text
    assert f"%ray_cancel --cell {made - 1} (and {made}) ends them" in text
    working.run(f"%ray_cancel --cell {made}")
    working.run(f"%ray_cancel --cell {made - 1}")
    eventually(lambda: "of work" not in working.run("%ray_status"))


def test_a_class_of_an_edited_module(
    kernel: Any, tmp_path: Path, start_kernel: Callable[[], Any]
) -> None:
    source = "import ray_jupyter as ray\n@ray.remote\nclass Kept:\n    def m(self): return 1\n"
    module = tmp_path / "mine.py"
    module.write_text(source)
    before_ns = module.stat().st_mtime_ns
    kernel.run(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    kernel.run("%ray_start -n 1 --quiet")
    kernel.run("%load_ext autoreload\n%autoreload 2")
    kernel.run("from mine import Kept\nkept = Kept.remote()\nray.get(kept.m.remote());")
    while module.stat().st_mtime_ns == before_ns:
        module.write_text(source.replace("return 1", "return 22"))
    assert "1 actor (Kept) still runs the definition of In[" in kernel.run("pass")
    assert "older definition" in kernel.run("kept")
    assert "older" not in kernel.run("Kept.remote()")


def test_another_kernels_function_of_the_same_name(
    working: Any, start_kernel: Callable[[], Any], tmp_path: Path
) -> None:
    """It is attached to the same session, and its tasks are its own affair."""
    address = working.run("print(ray.get_runtime_context().get_job_id())").strip()
    other = start_kernel()
    other.run("%load_ext ray_jupyter\nimport ray_jupyter as ray")
    other.run(f"%ray_start --address {address}")
    other.run(SETUP)
    other.run(EDITED)
    assert "still" not in other.run(EDITED.replace("-k", "k + 1"))
    assert "older" not in other.run("%ray_status")
    (tmp_path / "go").touch()
