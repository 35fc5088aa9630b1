"""What every part of the suite stands on: one session per class, waiting for conditions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.backends.base import Capability


class BackendSuite:
    """Starts a session before the first test of a class and ends it after the last.

    Attributes:
        arguments: keywords of ``init`` that start the backend under test. The tests need two
            workers at least, and the custom resource ``disk`` of 2.
        runs_in_background: ``submit`` returns before the task has run, so that there is
            something to wait for and to cancel.
        runs_in_processes: tasks run outside of this process.
    """

    arguments: ClassVar[dict[str, Any]] = {}
    runs_in_background: ClassVar[bool] = True
    runs_in_processes: ClassVar[bool] = True

    @classmethod
    def setup_class(cls) -> None:
        """Start the session."""
        ray.init(**cls.arguments)

    @classmethod
    def teardown_class(cls) -> None:
        """End the session."""
        ray.shutdown()

    def needs(self, capability: Capability) -> None:
        """Skip the test where the backend says that it lacks this."""
        backend = session.connected()
        if capability in backend.lacks:
            pytest.skip(f"{backend.name} lacks {capability.name}: {capability.value}")

    def needs_background(self) -> None:
        """Skip the test where tasks have run when ``submit`` returns."""
        if not self.runs_in_background:
            pytest.skip("this backend runs tasks at submit")

    def needs_processes(self) -> None:
        """Skip the test where tasks run in this process."""
        if not self.runs_in_processes:
            pytest.skip("this backend runs tasks in this process")


def statistics() -> dict[str, Any]:
    """Return the statistics of the running session."""
    return session.connected().statistics()


def eventually(condition: Callable[[], object], deadline_s: float = 20.0) -> None:
    """Wait until ``condition()`` is true.

    Raises:
        AssertionError: it was not, within ``deadline_s`` seconds.
    """
    pause, end = threading.Event(), time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not true after {deadline_s:g} s"
        pause.wait(0.002)


@ray.remote
def wait_for_file(path: Path, result: Any = None) -> Any:
    """Return ``result`` once ``path`` exists: a task that runs until the test says so."""
    while not path.exists():
        time.sleep(0.002)
    return result


@ray.remote
def echo(value: Any) -> Any:
    """Return the argument."""
    return value


@ray.remote
def add(left: Any, right: Any) -> Any:
    """Return the sum."""
    return left + right


@ray.remote
def fail(message: str = "boom") -> None:
    """Raise a ``ValueError``."""
    raise ValueError(message)
