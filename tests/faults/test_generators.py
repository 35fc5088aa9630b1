"""Streams that are cut: by a crash, an interrupt, a cancel, a reader or a session that goes."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.testing.faults import (
    Driver,
    Ending,
    attempt,
    crash,
    is_running,
    kill_worker,
    session_pids,
)
from ray_jupyter.testing.suite.actor_streams import Counter
from ray_jupyter.testing.suite.base import eventually, statistics
from ray_jupyter.testing.suite.generators import BACKPRESSURE, count, count_into, written

pytestmark = pytest.mark.usefixtures("session")


@ray.remote
def crashing(log: Path, at: int, n: int, value: Any = 0) -> Iterator[Any]:
    """Yield ``n`` values; the first attempt crashes before value ``at``."""
    first = attempt(log) == 1
    for i in range(n):
        if first and i == at:
            eventually(log.with_name("go").exists)
            crash(Ending.SIGKILL)
        yield value + i


@ray.remote
def endless(log: Path) -> Iterator[int]:
    """Yield at once and then every now and then."""
    number = 0
    try:
        while True:
            yield number
            number += 1
            time.sleep(0.001)
    except KeyboardInterrupt:
        attempt(log)
        raise


@pytest.mark.parametrize("limit", [-1, 1, 3])
@pytest.mark.parametrize("value", [0, np.arange(50_000)], ids=["small", "large"])
@pytest.mark.parametrize("at", [0, 3])
def test_a_worker_dies_in_the_middle(tmp_path: Path, limit: int, value: Any, at: int) -> None:
    generator = crashing.options(**{BACKPRESSURE: limit}).remote(tmp_path / "log", at, 6, value)
    taken = [next(generator) for _ in range(at)]
    (tmp_path / "go").touch()
    taken += generator
    assert [np.ravel(v)[-1] - np.ravel(value)[-1] for v in ray.get(taken, timeout=20)] == [
        0, 1, 2, 3, 4, 5,
    ]  # fmt: skip
    assert (tmp_path / "log").stat().st_size == 2


def test_without_retries_the_crash_is_the_last_value(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    generator = crashing.options(max_retries=0).remote(tmp_path / "log", 2, 6)
    *good, bad = generator
    assert ray.get(good) == [0, 1][: len(good)], "what came before the crash is good"
    for ref in (bad, generator.completed()):
        with pytest.raises(ray.WorkerCrashedError, match="crashing"):
            ray.get(ref)


def test_an_actor_dies_in_the_middle(tmp_path: Path) -> None:
    actor = Counter.remote()
    generator = actor.count.options(**{BACKPRESSURE: 1}).remote(5)
    assert ray.get(next(generator)) == 0
    ray.kill(actor)
    *_, bad = generator
    with pytest.raises(ray.ActorDiedError):
        ray.get(bad)


@pytest.mark.parametrize("force", [False, True], ids=["interrupt", "force"])
def test_cancel_of_a_running_generator(tmp_path: Path, force: bool) -> None:
    generator = endless.remote(tmp_path / "interrupted")
    assert ray.get(next(generator)) == 0
    ray.cancel(generator, force=force)
    *_, bad = generator
    with pytest.raises(ray.TaskCancelledError):
        ray.get(bad)
    assert (tmp_path / "interrupted").exists() != force


@pytest.mark.parametrize("force", [False, True], ids=["interrupt", "force"])
def test_cancel_of_a_paused_generator(tmp_path: Path, force: bool) -> None:
    path = tmp_path / "yielded"
    generator = count_into.options(**{BACKPRESSURE: 2}).remote(path, 9)
    eventually(lambda: written(path) == b"..")
    ray.cancel(generator, force=force)
    one, two, bad = generator
    assert ray.get([one, two]) == [0, 1]
    with pytest.raises(ray.TaskCancelledError):
        ray.get(bad)
    assert written(path) == (b".." if force else b"..!")


def test_cancel_of_a_generator_that_waits(tmp_path: Path) -> None:
    blockers = [endless.remote(tmp_path / f"blocker-{i}") for i in range(2)]
    for blocker in blockers:
        next(blocker)
    waiting = count_into.remote(tmp_path / "yielded", 3)
    ray.cancel(waiting)
    [bad] = waiting
    with pytest.raises(ray.TaskCancelledError):
        ray.get(bad)
    for blocker in blockers:
        ray.cancel(blocker)
    assert written(tmp_path / "yielded") == b""


def test_a_paused_task_does_not_keep_its_cpu(tmp_path: Path) -> None:
    """Two pause, two CPUs: what the reader computes from their values still runs."""
    limited = count_into.options(**{BACKPRESSURE: 1})
    generators = [limited.remote(tmp_path / f"yielded-{i}", 3) for i in range(4)]
    totals = [
        sum(ray.get(add_one.remote(ref), timeout=20) for ref in generator)
        for generator in generators
    ]
    assert totals == [6, 6, 6, 6]


@ray.remote
def add_one(value: int) -> int:
    return value + 1


@pytest.mark.parametrize("start", ["iterate", "wait", "await"])
def test_an_interrupt_while_waiting_loses_nothing(tmp_path: Path, start: str) -> None:
    @ray.remote
    def gated(folder: Path) -> Iterator[int]:
        eventually((folder / "go").exists)
        yield from range(3)

    async def first(generator: Any) -> Any:
        return await anext(generator)

    generator = gated.remote(tmp_path)
    calls: dict[str, Callable[[], Any]] = {
        "iterate": lambda: next(generator),
        "wait": lambda: ray.wait([generator]),
        "await": lambda: asyncio.run(first(generator)),
    }
    timer = threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        calls[start]()
    timer.join()
    (tmp_path / "go").touch()
    assert ray.get(list(generator), timeout=20) == [0, 1, 2]


@pytest.mark.parametrize("limit", [-1, 2])
def test_dropped_while_it_yields(tmp_path: Path, limit: int) -> None:
    before = statistics()["objects"]
    used = statistics()["store_used_bytes"]

    @ray.remote
    def arrays(path: Path) -> Iterator[Any]:
        for i in range(20):
            attempt(path)
            yield [ray.put(np.full(20_000, i)), np.full(20_000, i)]

    generator = arrays.options(**{BACKPRESSURE: limit}).remote(tmp_path / "yielded")
    next(generator)
    del generator
    eventually(lambda: statistics()["objects"] <= before)
    eventually(lambda: statistics()["store_used_bytes"] <= used)


def test_a_reader_that_dies_ends_the_pause(tmp_path: Path) -> None:
    @ray.remote(max_retries=0)
    def reader(folder: Path) -> None:
        generator = count_into.options(**{BACKPRESSURE: 1}).remote(folder / "yielded", 9)
        next(generator)
        eventually(lambda: len(written(folder / "yielded")) == 2)
        (folder / "pid").write_text(str(os.getpid()))
        threading.Event().wait()

    ref = reader.remote(tmp_path)
    eventually((tmp_path / "pid").exists)
    eventually(lambda: (tmp_path / "pid").read_text())
    kill_worker(int((tmp_path / "pid").read_text()))
    with pytest.raises(ray.WorkerCrashedError):
        ray.get(ref, timeout=20)
    eventually(lambda: written(tmp_path / "yielded") == b"..!")


def test_many_at_once(tmp_path: Path) -> None:
    generators = [count.options(**{BACKPRESSURE: 1 + i % 3}).remote(50) for i in range(8)]
    totals = [0] * len(generators)
    open_ones = dict(zip(generators, range(8), strict=True))
    while open_ones:
        ready, _ = ray.wait(list(open_ones), timeout=20)
        assert ready, "none of them goes on"
        for generator in ready:
            ref = next(generator, None)
            if ref is None:
                del open_ones[generator]
            else:
                totals[open_ones[generator]] += ray.get(ref)
    assert totals == [sum(range(50))] * 8


PAUSED = """
import sys, time
import ray_jupyter as ray
from pathlib import Path
from ray_jupyter.testing.suite.generators import BACKPRESSURE, count_into, written
from ray_jupyter.testing.suite.base import eventually
from ray_jupyter.testing.faults import session_pids

path = Path(sys.argv[1])
ray.init(num_cpus=2)
generator = count_into.options(**{BACKPRESSURE: 1}).remote(path, 5)
eventually(lambda: written(path) == b".")
print(*session_pids().workers, flush=True)
sys.stdin.readline()
if sys.argv[2] == "shutdown":
    ray.shutdown()
    try:
        next(generator)
    except ray.StaleRefError:
        print("over", flush=True)
"""


@pytest.mark.parametrize("how", ["shutdown", "exit", "kill"])
def test_the_session_ends_while_a_task_pauses(
    driver: Callable[..., Driver], tmp_path: Path, how: str
) -> None:
    paused = driver(PAUSED, tmp_path / "yielded", how)
    workers = [int(pid) for pid in paused.hear().split()]
    if how == "kill":
        paused.send(signal.SIGKILL)
    else:
        paused.tell("go on")
    code, output, errors = paused.end()
    assert (code, output) == (-9 if how == "kill" else 0, "over\n" * (how == "shutdown")), errors
    eventually(lambda: not any(map(is_running, workers)))


def test_workers_survive_all_this() -> None:
    before = session_pids().workers
    for _ in range(3):
        generator = count.options(**{BACKPRESSURE: 1}).remote(100)
        next(generator)
        del generator
    eventually(lambda: statistics()["workers_busy"] == 0)
    assert set(session_pids().workers) >= set(before[:1])
