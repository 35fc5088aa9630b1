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
