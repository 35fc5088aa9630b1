"""One session of two workers per module; after each test it must still work, and be empty."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.testing.faults import Driver
from ray_jupyter.testing.suite.base import echo, eventually, statistics

PATIENCE_S = 10.0
"""How long a test waits for what must come; reaching it is a failure."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A session that the tests of a module share."""
    ray.init(num_cpus=2)
    yield
    ray.shutdown()


@pytest.fixture
def session(cluster: None, tmp_path: Path) -> Iterator[None]:
    """The shared session; whatever the test did to it, it works afterwards."""
    yield
    try:
        assert_works(tmp_path)
    except BaseException:
        ray.shutdown()  # the next test shall fail for its own reasons only
        ray.init(num_cpus=2)
        raise


@ray.remote
def meet(mine: Path, other: Path) -> None:
    """Return when the other has come, too: both must run at the same time."""
    mine.touch()
    while not other.exists():
        time.sleep(0.001)


def assert_works(folder: Path) -> None:
    """Run tasks, move an array both ways, and see that nothing of the test is left."""
    one, two = folder / "meet-1", folder / "meet-2"
    ray.get([meet.remote(one, two), meet.remote(two, one)], timeout=PATIENCE_S)
    refs = [echo.remote(i) for i in range(20)]
    assert ray.get(refs, timeout=PATIENCE_S) == list(range(20))
    array = np.arange(100_000)
    assert (ray.get(echo.remote(ray.put(array)), timeout=PATIENCE_S) == array).all()
    del refs

    def is_quiet() -> bool:
        now = statistics()
        pending = [n for state, n in now["tasks"].items() if state not in ("FINISHED", "FAILED")]
        return not any(pending) and now["workers_busy"] == 0

    try:
        eventually(is_quiet, PATIENCE_S)
        total = ray.cluster_resources()
        eventually(lambda: ray.available_resources() == total, PATIENCE_S)
    except AssertionError as error:
        raise AssertionError(f"not at rest: {statistics()}") from error


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Callable[..., Driver]]:
    """Start drivers in processes of their own; end them with the test."""
    started: list[Driver] = []

    def start(program: str, *arguments: Any) -> Driver:
        path = tmp_path / f"driver_{len(started)}.py"
        started.append(Driver(program, path, *map(str, arguments)))
        return started[-1]

    yield start
    for one in started:
        one.close()
