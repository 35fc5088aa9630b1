"""Modules that are edited while the session runs, and %autoreload, in a real kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ray_jupyter.testing.suite.base import eventually

SOURCE = """import ray_jupyter as ray

def helper(x):
    return "helper 1", x

@ray.remote
def task(x):
    return "task 1", helper(x)

@ray.remote
class Actor:
    def method(self):
        return "actor 1", helper(0)
"""
USE = """import mine
from mine import task, Actor, helper
@ray.remote
def uses(x):
    return mine.helper(x), helper(x)
@ray.remote
def imports(x):
    from mine import helper
    return helper(x)
@ray.remote
def submits(x):
    return ray.get(imports.remote(x))
"""
CALL = (
    "for r in ray.get([task.remote(1), mine.task.remote(1), uses.remote(1), imports.remote(1), "
    "submits.remote(1), ray.remote(mine.helper).remote(1)]): print(r)"
)


Start = Callable[[str], Any]


@pytest.fixture
def start(kernel: Any, tmp_path: Path) -> Start:
    """Return what starts a session in a kernel that has imported ``mine``; autoreload is on."""

    def begin(options: str) -> Any:
        (tmp_path / "mine.py").write_text(SOURCE)
        kernel.run(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})")
        kernel.run(f"%ray_start {options} --quiet")
        kernel.run("%load_ext autoreload\n%autoreload 2")
        kernel.run(USE)
        return kernel

    return begin


@pytest.fixture(params=["-n 2", "--inline"])
def started(request: pytest.FixtureRequest, start: Start) -> Any:
    return start(request.param)


def edit(path: Path, *words: str) -> None:
    """Write the module with another number behind these words; autoreload looks at the time."""
    text = path.read_text()
    before_ns = path.stat().st_mtime_ns
    for word in words:
        text = text.replace(f'"{word} 1"', f'"{word} 22"')
    while path.stat().st_mtime_ns == before_ns:
        path.write_text(text)


def test_the_next_task_sees_an_edit(started: Any, tmp_path: Path) -> None:
    assert "22" not in started.run(CALL)
    edit(tmp_path / "mine.py", "helper")
    text = started.run(CALL)
    assert text.count("'helper 22'") == 7
    assert "'helper 1'" not in text
    edit(tmp_path / "mine.py", "task", "actor")
    text = started.run(CALL)
    assert text.count("'task 22'") == 2
    assert "'helper 1'" not in text
    assert "actor 22" in started.run("ray.get(Actor.remote().method.remote())")


def test_loading_by_hand_counts_as_well(started: Any, tmp_path: Path) -> None:
    started.run("%autoreload 0")
    started.run(CALL)
    edit(tmp_path / "mine.py", "helper", "task")
    assert "22" not in started.run(
        "print(mine.helper(1), ray.get([uses.remote(1), imports.remote(1)]))"
    )
    started.run("import importlib\nimportlib.reload(mine);")
    text = started.run("ray.get([mine.task.remote(1), task.remote(2), imports.remote(1)])")
    assert text.count("task 22") == 2
    assert text.count("helper 22") == 3


def test_an_actor_keeps_its_version(start: Start, tmp_path: Path) -> None:
    kernel = start("-n 2")
    kernel.run("old = Actor.remote()\nray.get(old.method.remote());")
    edit(tmp_path / "mine.py", "actor", "helper")
    text = kernel.run("ray.get([old.method.remote(), Actor.remote().method.remote()])")
    value, said = text.split("]1 actor (Actor) still runs the definition of In[")
    assert value == "[('actor 1', ('helper 1', 0)), ('actor 22', ('helper 22', 0))"
    assert said.endswith(" · Actor.remote(…) makes one of the new class\n")


def test_a_worker_that_is_busy_follows_before_what_comes_next(start: Start, tmp_path: Path) -> None:
    kernel, go = start("-n 2"), tmp_path / "go"
    kernel.run("""@ray.remote
def busy(number, go):
    import mine, pathlib, time
    started = pathlib.Path(f"{go}-{number}")
    started.touch()
    while not pathlib.Path(go).exists():
        time.sleep(0.01)
    return mine.helper(0)""")
    kernel.run(f"late = [busy.remote(i, {str(go)!r}) for i in range(2)]")
    eventually(lambda: len(list(tmp_path.glob("go-*"))) == 2)
    edit(tmp_path / "mine.py", "helper")
    kernel.run("many = [imports.remote(i) for i in range(4)]")
    go.touch()
    assert kernel.run("ray.get(many)").count("helper 22") == 4
    assert kernel.run("ray.get(late)").count("helper 1'") == 2
