"""Whoever of a session is killed: 2 s later nothing is left, and who remains is told."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.testing import leaks
from ray_jupyter.testing.faults import Driver, is_running, session_pids
from ray_jupyter.testing.suite.base import echo, eventually, wait_for_file

LEFT_S = 2.0
"""How long anything may outlive the driver: a promise, so it is asserted."""

PROGRAM = """
import os, subprocess, sys, time
import numpy as np
import ray_jupyter as ray

def say(word):
    os.write(1, f"{word}\\n".encode())  # at once: several processes share the pipe

@ray.remote
def square(i):
    return i * i

@ray.remote
def loop():
    say("looping")
    while True:
        pass

@ray.remote
def sleep():
    say("sleeping")
    time.sleep(1000)

@ray.remote
def large():
    return np.ones(200_000_000, np.uint8)

@ray.remote
def parent():
    return ray.get([sleep.remote(), sleep.remote()])

@ray.remote
def starts():
    child = subprocess.Popen(["sleep", "1000"])
    say("started")
    child.wait()

@ray.remote
class Counter:
    def count(self):
        return 1

ray.init(num_cpus=2)
assert ray.get([square.remote(i) for i in range(10)]) == [i * i for i in range(10)]
what = sys.argv[1]
if what == "running":
    refs = [loop.remote(), loop.remote()]
elif what == "sleeping":
    refs = [sleep.remote(), sleep.remote()]
elif what == "blocked":
    refs = [parent.remote()]
elif what == "queued":
    refs = [square.remote(i) for i in range(20_000)]
elif what == "large":
    refs = [ray.put(np.ones(200_000_000, np.uint8))]
    value = ray.get(refs[0])
elif what == "results":
    refs = [large.remote()]
    value = ray.get(refs[0])
elif what == "actor":
    counter = Counter.remote()
    assert ray.get(counter.count.remote()) == 1
elif what == "subprocess":
    refs = [starts.remote()]
say("ready")
if what == "getting":
    ray.get(sleep.remote())
sys.stdin.read()
"""
STATES = {
    "idle": "", "running": "looping", "sleeping": "sleeping", "blocked": "sleeping", "queued": "",
    "large": "", "results": "", "actor": "", "getting": "sleeping", "subprocess": "started",
}  # fmt: skip


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Callable[..., Driver]]:
    started: list[Driver] = []

    def start(*arguments: str) -> Driver:
        started.append(Driver(PROGRAM, tmp_path / f"driver_{len(started)}.py", *arguments))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.mark.parametrize("state", STATES)
def test_sigkill_of_the_driver(driver: Callable[..., Driver], state: str) -> None:
    before = leaks.snapshot()
    dying = driver(state)
    waited = {"ready", STATES[state]} - {""}
    while waited:
        waited.discard(dying.hear())
    assert len(leaks.snapshot().since(before)) > 3
    dying.send(signal.SIGKILL)
    assert dying.end()[0] == -signal.SIGKILL
    leaks.assert_no_leaks(before, deadline_s=LEFT_S)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=str)
def test_other_signals_to_the_driver(driver: Callable[..., Driver], signum: int) -> None:
    before = leaks.snapshot()
    dying = driver("running")
    heard = {dying.hear() for _ in range(3)}
    assert heard == {"ready", "looping"}
    dying.send(signum)
    assert dying.end()[0] != 0
    leaks.assert_no_leaks(before, deadline_s=LEFT_S)


def test_a_driver_that_simply_ends(driver: Callable[..., Driver]) -> None:
    before = leaks.snapshot()
    ending = driver("running")
    assert {ending.hear() for _ in range(3)} == {"ready", "looping"}
    code, _, errors = ending.end()
    assert (code, errors) == (0, "")
    leaks.assert_no_leaks(before, deadline_s=LEFT_S)


def test_two_sessions_of_two_drivers(driver: Callable[..., Driver]) -> None:
    one, two = driver("large"), driver("large")
    assert (one.hear(), two.hear()) == ("ready", "ready")
    one.send(signal.SIGKILL)
    one.end()
    ray.init(num_cpus=2)  # a third one, here
    assert ray.get(echo.remote(3), timeout=20) == 3
    assert two.end()[0] == 0
    assert ray.get(echo.remote(4), timeout=20) == 4
    ray.shutdown()


# The driver lives, something else dies


@pytest.fixture
def session() -> Iterator[None]:
    ray.init(num_cpus=2)
    assert ray.get(echo.remote(1), timeout=20) == 1
    yield
    ray.shutdown()


@pytest.mark.parametrize("victim", ["scheduler", "template"])
@pytest.mark.parametrize("when", ["waiting", "idle"])
@pytest.mark.usefixtures("session")
def test_sigkill_of_a_process_of_the_runtime(tmp_path: Path, victim: str, when: str) -> None:
    pids = session_pids()
    array = ray.get(ray.put(np.arange(100_000)), timeout=20)
    ref = wait_for_file.remote(tmp_path / "never")
    future = ref.future()
    if when == "idle":
        os.kill(getattr(pids, victim), signal.SIGKILL)
        eventually(lambda: not any(map(is_running, [pids.scheduler, *pids.workers])))
    else:
        # The scheduler's end must wake who waits already: a child of ours strikes later.
        import subprocess

        striker = subprocess.Popen(["/bin/sh", "-c", f"sleep 0.1; kill -9 {getattr(pids, victim)}"])
    with pytest.raises(ray.RaySystemError, match="session has ended"):
        ray.get(ref, timeout=20)
    if when == "waiting":
        assert striker.wait() == 0
    with pytest.raises(ray.RaySystemError):
        future.result(timeout=20)
    for call in (lambda: ray.put(np.ones(100_000)), lambda: ray.wait([ref]), ray.nodes):
        with pytest.raises(ray.RaySystemError, match="init"):
            call()
    assert (array == np.arange(100_000)).all()
    eventually(lambda: not any(map(is_running, [pids.scheduler, pids.template, *pids.workers])))
    ray.shutdown()
    ray.init(num_cpus=2)
    assert ray.get(echo.remote("again"), timeout=20) == "again"


def test_fifty_sessions_leave_nothing() -> None:
    ray.init(num_cpus=1)  # what is made once per process exists afterwards
    ray.shutdown()
    before = leaks.snapshot()
    for i in range(50):
        ray.init(num_cpus=1)
        assert ray.get(echo.remote(i), timeout=20) == i
        ray.shutdown()
    leaks.assert_no_leaks(before, deadline_s=LEFT_S)


def test_shutdown_while_everything_runs() -> None:
    before = leaks.snapshot()

    @ray.remote
    def busy() -> Any:
        while True:
            pass

    for _ in range(3):
        ray.init(num_cpus=2)
        refs = [busy.remote() for _ in range(3)] + [echo.remote(bytes(5_000_000))]
        ray.wait(refs, timeout=0)
        ray.shutdown()
        with pytest.raises(ray.StaleRefError, match="session that has ended"):
            ray.get(refs[0])
    leaks.assert_no_leaks(before, deadline_s=LEFT_S)
