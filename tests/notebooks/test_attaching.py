"""A notebook attaches to the session of a script, and leaves it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ray_jupyter.testing.faults import Driver

HOST = """
import sys, ray_jupyter as ray
print(ray.init(num_cpus=1).session_id)
for line in sys.stdin:
    print(ray.get(ray.put(line.strip())))
"""


@pytest.fixture
def host() -> Iterator[Driver]:
    one = Driver(HOST)
    yield one
    one.close()


def test_attach_and_leave(host: Driver, kernel: Any) -> None:
    session_id = host.hear()
    text = kernel.run(f"%ray_start --address {session_id}")
    assert text.strip().endswith(f"· attached · session {session_id[:8]}")
    assert "1 worker " in text
    kernel.run("%%remote\ndef double(x): return 2 * x")
    assert kernel.run("ray.get(double.remote(21))") == "42"
    assert "attached" in kernel.run("%ray_status")
    assert kernel.run("%ray_start --address auto").strip().endswith(session_id[:8])
    assert "the session goes on" in kernel.run("%ray_stop")
    host.tell("still here")
    assert host.hear() == "still here"


def test_what_tasks_print_comes_to_the_notebook_that_submitted_them(
    host: Driver, kernel: Any
) -> None:
    kernel.run(f"where = {host.hear()!r}")
    kernel.run("%ray_start --address where --quiet")
    kernel.run("%%remote\ndef say(x): print('said', x)")
    assert kernel.run("ray.get(say.remote(1))") == "said 1\n"
    host.tell("nothing else")
    assert host.hear() == "nothing else"


def test_a_cell_counts_its_own_tasks_only(host: Driver, kernel: Any) -> None:
    kernel.run(f"%ray_start --address {host.hear()} --quiet")
    kernel.run("import time\n@ray.remote\ndef nap(): time.sleep(0.7)")
    assert kernel.try_run("ray.get(nap.remote())").strip.startswith("1 task · ")
    assert kernel.run("%ray_cancel --all") == "nothing to cancel\n"
