"""References of an earlier session, and ``init`` twice; each test has a session of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter.testing.suite.base import echo


@pytest.fixture
def fresh() -> Iterator[None]:
    ray.init(num_cpus=1)
    yield
    ray.shutdown()


@pytest.mark.usefixtures("fresh")
def test_a_reference_of_an_earlier_session() -> None:
    stale = echo.remote(1)
    ray.shutdown()
    ray.init(num_cpus=1)
    uses: list[Any] = [
        lambda: ray.get(stale), lambda: ray.get([echo.remote(1), stale]),
        lambda: ray.wait([stale]), lambda: ray.cancel(stale), lambda: echo.remote(stale),
        lambda: echo.remote([stale]), lambda: ray.put({"ref": stale}), stale.future,
    ]  # fmt: skip
    for use in uses:
        with pytest.raises(ray.StaleRefError, match="session that has ended"):
            use()
    assert ray.get(echo.remote(2), timeout=20) == 2


@pytest.mark.usefixtures("fresh")
def test_init_twice() -> None:
    ref = echo.remote(1)
    ray.init()
    ray.init(num_cpus=1)
    ray.init(num_cpus=7, ignore_reinit_error=True)
    with pytest.raises(RuntimeError, match=r"num_cpus=1.*asks for 2.*shutdown"):
        ray.init(num_cpus=2)
    assert ray.get(ref, timeout=20) == 1
