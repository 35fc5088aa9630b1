"""Numerical libraries start no threads in workers, unless the user says how many."""

from __future__ import annotations

import os

import pytest

import ray_jupyter as ray


@ray.remote
def threads() -> tuple[int, str | None]:
    import numpy as np  # noqa: F401  (its BLAS is what is counted)
    from threadpoolctl import threadpool_info

    most = max((pool["num_threads"] for pool in threadpool_info()), default=0)
    return most, os.environ.get("OMP_NUM_THREADS")


def test_workers_use_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with ray.init(num_cpus=2):
        assert ray.get(threads.remote()) == (1, "1")
    assert "OMP_NUM_THREADS" not in os.environ


def test_who_has_said_how_many_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with ray.init(num_cpus=2):
        assert ray.get(threads.remote())[1] == "2"
