"""What tasks print reaches the driver: whole, in order, before the result, and saying whose it is."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.runtime.protocol.output import STDERR, STDOUT, Output
from ray_jupyter.testing.suite.base import eventually, wait_for_file


class Shown:
    """Takes the place of the notebook: keeps what it is given."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []

    def __call__(self, outputs: list[Output]) -> None:
        self.outputs += outputs

    def text(self, stream: int = STDOUT) -> str:
        return b"".join(o[5] for o in self.outputs if o[4] == stream).decode()

    def of_root(self, ref: ray.ObjectRef[Any]) -> str:
        return b"".join(o[5] for o in self.outputs if o[0] == ref.id).decode()


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    shown = Shown()
    monkeypatch.setattr(session, "show_output", shown)
    ray.init(num_cpus=2)
    yield shown
    ray.shutdown()


@ray.remote
def say(text: str, *, end: str = "\n") -> None:
    print(text, end=end)


def test_before_the_result(shown: Shown) -> None:
    for i in range(50):
        ray.get(say.remote(i), timeout=20)
        assert shown.text().endswith(f"{i}\n")


def test_every_way_of_printing(shown: Shown) -> None:
    @ray.remote
    def print_in_every_way() -> None:
        print("print")
        print("to stderr", file=sys.stderr)
        warnings.warn("warned", stacklevel=1)
        logging.getLogger("x").warning("logged")
        os.write(1, b"os.write\n")
        subprocess.run(["echo", "a subprocess"], check=True)
        print("no end of line", end="")

    ray.get(print_in_every_way.remote(), timeout=20)
    assert shown.text() == "print\nos.write\na subprocess\nno end of line"
    for part in ("to stderr\n", "UserWarning: warned\n", "logged\n"):
        assert part in shown.text(STDERR)


def test_the_children_of_a_task_belong_to_its_root(shown: Shown) -> None:
    @ray.remote
    def parent(depth: int) -> None:
        print(depth)
        if depth:
            ray.get([parent.remote(depth - 1), parent.remote(0)])

    first, second = parent.remote(3), say.remote("other")
    ray.get([first, second], timeout=20)
    assert sorted(shown.of_root(first).split()) == ["0", "0", "0", "0", "1", "2", "3"]
    assert shown.of_root(second) == "other\n"


def test_short_tasks_of_one_worker_are_told_apart(shown: Shown) -> None:
    refs = [say.remote(i) for i in range(300)]
    ray.get(refs, timeout=20)
    assert [shown.of_root(ref) for ref in refs] == [f"{i}\n" for i in range(300)]


def test_while_the_driver_does_something_else(shown: Shown, tmp_path: Path) -> None:
    @ray.remote
    def long() -> None:
        print("begun")
        ray.get(wait_for_file.remote(tmp_path / "go"))

    ref = long.remote()
    eventually(lambda: shown.text() == "begun\n")
    (tmp_path / "go").touch()
    ray.get(ref, timeout=20)


def test_the_last_words_of_a_worker(shown: Shown) -> None:
    @ray.remote(max_retries=0)
    def die() -> None:
        print("last words")
        os._exit(3)

    ref = die.remote()
    with pytest.raises(ray.WorkerCrashedError):
        ray.get(ref, timeout=20)
    assert shown.of_root(ref) == "last words\n"


def test_actors_and_their_constructors(shown: Shown) -> None:
    @ray.remote
    class Loud:
        def __init__(self) -> None:
            print("made")

        def shout(self) -> None:
            print("shouted")

    loud = Loud.remote()
    ref = loud.shout.remote()
    ray.get(ref, timeout=20)
    assert shown.text() == "made\nshouted\n"
    assert shown.of_root(ref) == "shouted\n"


def test_calls_of_an_actor_at_once_in_threads(shown: Shown) -> None:
    @ray.remote(max_concurrency=3)
    class Threaded:
        def __init__(self) -> None:
            self._together = threading.Barrier(3)

        def say(self, text: str) -> None:
            self._together.wait(20)
            print(text)
            self._together.wait(20)
            print(text, "again", end="")

    threaded = Threaded.remote()
    refs = [threaded.say.remote(i) for i in range(3)]
    ray.get(refs, timeout=20)
    assert [shown.of_root(ref) for ref in refs] == [f"{i}\n{i} again" for i in range(3)]


def test_calls_of_an_actor_at_once_on_a_loop(shown: Shown) -> None:
    @ray.remote
    class Looped:
        def __init__(self) -> None:
            self._all_there = asyncio.Event()
            self._there = 0

        async def say(self, text: str) -> None:
            print(text)
            self._there += 1
            if self._there == 3:
                self._all_there.set()
            await self._all_there.wait()
            print(text, "again")

    looped = Looped.remote()
    refs = [looped.say.remote(i) for i in range(3)]
    ray.get(refs, timeout=20)
    assert [shown.of_root(ref) for ref in refs] == [f"{i}\n{i} again\n" for i in range(3)]


def test_a_generator(shown: Shown) -> None:
    @ray.remote
    def generate() -> Iterator[int]:
        for i in range(3):
            print("item", i)
            yield i

    items = generate.remote()
    assert [ray.get(ref) for ref in items] == [0, 1, 2]
    eventually(lambda: shown.text() == "item 0\nitem 1\nitem 2\n")


def test_of_a_further_driver(shown: Shown) -> None:
    program = (
        "import ray_jupyter as ray\n"
        "ray.init(address='auto')\n"
        "ray.get(ray.remote(lambda: print('for the other')).remote())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=50, capture_output=True, text=True
    )
    assert ran.stdout.endswith(") for the other\n")
    assert shown.text() == ""


def test_a_flood_arrives_whole(shown: Shown) -> None:
    @ray.remote
    def flood() -> None:
        for i in range(20_000):
            print("line", i)

    ray.get(flood.remote(), timeout=30)
    assert shown.text() == "".join(f"line {i}\n" for i in range(20_000))


def test_threads_of_a_task(shown: Shown) -> None:
    @ray.remote
    def with_threads() -> None:
        # One write each: ``print`` writes the end of the line by itself.
        lines = [f"thread {i}\n" for i in range(5)]
        threads = [threading.Thread(target=sys.stdout.write, args=(line,)) for line in lines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    ref = with_threads.remote()
    ray.get(ref, timeout=20)
    assert sorted(shown.of_root(ref).splitlines()) == [f"thread {i}" for i in range(5)]


def test_what_shows_it_may_fail(
    shown: Shown, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(outputs: list[Output]) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(session, "show_output", broken)
    ray.get(say.remote("lost"), timeout=20)
    assert "broken on purpose" in capsys.readouterr().err
    assert ray.get(ray.put(1)) == 1


def test_not_wanted(capfd: pytest.CaptureFixture[str]) -> None:
    with ray.init(num_cpus=1, log_to_driver=False):
        ray.get(say.remote("nobody hears this"), timeout=20)
    assert capfd.readouterr() == ("", "")


def test_in_a_script(capfd: pytest.CaptureFixture[str]) -> None:
    program = (
        "import ray_jupyter as ray\n"
        "@ray.remote\n"
        "def f():\n    print('hello')\n"
        "ray.init(num_cpus=1)\n"
        "ray.get(f.remote())\n"
        "print('after')"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=50)
    out, _ = capfd.readouterr()
    first, second = out.splitlines()
    assert first.startswith("(f pid=")
    assert first.endswith(") hello")
    assert second == "after"
