"""The public functions: keywords and messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import ray_jupyter as ray


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    ray.shutdown()


def test_inits_of_2016_and_of_ray() -> None:
    info = ray.init(start_ray_local=True, num_workers=3, local_mode=True)
    assert (info.config.num_cpus, info.config.mode) == (3, "inline")
    ray.shutdown()
    info = ray.init(
        "local", include_dashboard=False, namespace="n", logging_level=20, mode="inline"
    )
    assert ray.is_initialized()


def test_services_of_2016(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_JUPYTER_MODE", "inline")
    assert ray.services.start_ray_local(num_workers=10).config.num_cpus == 10
    ray.services.cleanup()
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"num_cpu": 1}, TypeError, "did you mean 'num_cpus'"),
        ({"address": "auto"}, ValueError, "leave out mode"),
        ({"address": "auto", "num_cpus": 2}, ValueError, "leave out num_cpus, mode"),
        ({"address": "ray://host:1"}, NotImplementedError, "another machine is not"),
        ({"address": 5}, TypeError, "must be a string such as 'auto', got 5"),
        ({"runtime_env": {"pip": ["x"]}}, NotImplementedError, "runtime_env"),
        ({"scheduler_address": "127.0.0.1:10001"}, NotImplementedError, "'127.0.0.1:10001'"),
        ({"scheduler_address": "auto", "address": "auto"}, ValueError, "mean the same"),
        ({"start_ray_local": False}, ValueError, "needs the address"),
        ({"start_ray_local": True, "address": "auto"}, ValueError, "starts a session"),
        ({"num_cpus": -1}, ValueError, "num_cpus must be a whole number of at least 1, got -1"),
        ({"object_store_memory": "big"}, ValueError, "object_store_memory"),
        ({"mode": "threads"}, ValueError, "'local' or 'inline'"),
    ],
)
def test_bad_arguments_of_init(arguments: dict[str, Any], error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        ray.init(**{"mode": "inline"} | arguments)
    assert not ray.is_initialized()


def test_long_values_are_shortened_in_messages() -> None:
    with pytest.raises(ValueError) as caught:
        ray.get("x" * 10_000)  # type: ignore[call-overload]
    assert len(str(caught.value)) < 200


def test_calling_remote_is_suggested() -> None:
    with pytest.raises(ValueError, match=r"\.remote\(\.\.\.\)"):
        ray.get(ray.remote(abs))  # type: ignore[call-overload]


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_timeouts_are_checked(timeout: float) -> None:
    ray.init(mode="inline")
    with pytest.raises(ValueError, match="seconds"):
        ray.get(ray.put(1), timeout=timeout)
