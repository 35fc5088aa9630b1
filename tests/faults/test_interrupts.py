"""Ctrl-C and the Stop button at any moment: the call ends, the session does not."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.testing.faults import Driver, InterruptAfter
from ray_jupyter.testing.suite.base import echo, eventually, statistics, wait_for_file
from ray_jupyter.testing.suite.generators import count

PACKAGE = Path(ray.__file__).parent


@ray.remote
def inc(value: int) -> int:
    return value + 1


def submit_and_get() -> None:
    assert ray.get([inc.remote(i) for i in range(3)], timeout=20) == [1, 2, 3]


def submit_with_references() -> None:
    assert ray.get(inc.remote(inc.remote(ray.put(1))), timeout=20) == 3


def wait() -> None:
    ray.wait([inc.remote(1), inc.remote(2)], num_returns=2, timeout=20)


def put_and_get_large() -> None:
    assert ray.get(ray.put(np.ones(20_000)), timeout=20)[-1] == 1


def pass_large() -> None:
    array = np.ones(20_000)
    assert ray.get(echo.remote(array), timeout=20)[-1] == 1


def define_and_call() -> None:
    offset = 5

    @ray.remote
    def add(value: int) -> int:
        return value + offset

    assert ray.get(add.remote(1), timeout=20) == 6


def cancel() -> None:
    ref = inc.remote(1)
    ray.cancel(ref)


def future() -> None:
    assert inc.remote(1).future().result(timeout=20) == 2


def stream() -> None:
    assert ray.get(list(count.remote(2)), timeout=20) == [0, 1]


OPERATIONS = [
    submit_and_get, submit_with_references, wait, put_and_get_large, pass_large,
    define_and_call, cancel, future, stream,
]  # fmt: skip


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda f: f.__name__)
def test_at_every_place(operation: Callable[[], None]) -> None:
    """Strike at each place in turn; whatever was cut short, the next call must be right."""
    operation()
    rest = statistics()["objects"]  # what the operations before this one have lost
    used = statistics()["store_used_bytes"]
    n, struck = 0, True
    while struck:
        n += 1
        fault = InterruptAfter(n, PACKAGE)
        try:
            with fault.active():
                operation()
        except KeyboardInterrupt:
            assert fault.struck
        struck = fault.struck
        try:
            assert ray.get(inc.remote(n), timeout=5) == n + 1
        except (Exception, KeyboardInterrupt) as error:
            raise AssertionError(f"after an interrupt at {fault.place} (n={n})") from error
    assert n > 10, "the interrupts did not strike"
    # Between the runtime's return and the making of an ObjectRef lie a few places that Python
    # code cannot close; one object is lost at each. All others must give back what they have.
    eventually(lambda: statistics()["objects"] <= rest + 20)
    eventually(lambda: statistics()["store_used_bytes"] <= used + 2_000_000)


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("call", [ray.get, lambda r: ray.wait([r])], ids=["get", "wait"])
def test_while_waiting(tmp_path: Path, call: Callable[[Any], Any]) -> None:
    ref = wait_for_file.remote(tmp_path / "go", "there")
    timer = threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        call(ref)
    timer.join()
    (tmp_path / "go").touch()
    assert ray.get(ref, timeout=20) == "there"


# Random moments, in a process of its own. Every value is checked, so a frame that was cut or
# lost shows. The handler itself answers: an interrupt inside a ``__del__`` is never seen.
STORM = """
import os, signal, sys
import numpy as np
import ray_jupyter as ray

@ray.remote
def square(i):
    return i * i

@ray.remote
def double(array):
    return array * 2

kind, times = sys.argv[1], int(sys.argv[2])
struck = 0
large = np.arange(50_000)

def strike(signum, frame):
    global struck
    struck += 1
    os.write(1, b"struck\\n")
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code is work.__code__:  # elsewhere nothing would catch it
            raise KeyboardInterrupt
        frame = frame.f_back

def work(n):
    if kind == "get":
        assert ray.get(square.remote(n)) == n * n
    elif kind == "submit":
        refs = [square.remote(i) for i in range(n, n + 200)]
        assert ray.get(refs) == [i * i for i in range(n, n + 200)]
    elif kind == "wait":
        refs = [square.remote(n) for _ in range(20)]
        while refs:
            done, refs = ray.wait(refs)
            assert ray.get(done) == [n * n]
    else:
        ref = ray.put(large + n)
        assert (ray.get(double.remote(ref)) == (large + n) * 2).all()

signal.signal(signal.SIGINT, strike)
ray.init(num_cpus=2)
work(0)
os.write(1, b"ready\\n")
n = 0
while struck < times:
    n += 1
    try:
        work(n)
    except KeyboardInterrupt:
        pass
for n in range(50):
    work(n)
refs = [square.remote(i) for i in range(1000)]
assert ray.get(refs, timeout=20) == [i * i for i in range(1000)]
ray.shutdown()
os.write(1, b"right\\n")
"""


@pytest.mark.parametrize("kind", ["get", "submit", "wait", "put"])
def test_a_storm(driver: Callable[..., Driver], seed: int, kind: str) -> None:
    times, random = 60, Random(f"{seed} {kind}")
    storm = driver(STORM, kind, times)
    assert storm.hear() == "ready"
    pause = threading.Event()
    for _ in range(times):
        pause.wait(random.random() * 0.004)
        storm.send(signal.SIGINT)
        assert storm.hear() == "struck"
    code, output, errors = storm.end()
    assert (code, output) == (0, "right\n"), errors
