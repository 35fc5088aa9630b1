"""The public functions: keywords, messages, the trace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter.trace import trace_events


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
        ({"address": "auto"}, NotImplementedError, "address='auto'"),
        ({"runtime_env": {"pip": ["x"]}}, NotImplementedError, "runtime_env"),
        ({"scheduler_address": "host:1"}, NotImplementedError, "scheduler_address"),
        ({"start_ray_local": False}, NotImplementedError, "start_ray_local"),
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


def test_trace_events() -> None:
    records = [
        (16, 0, "f", "FINISHED", 41, 1_000, 3_000, 9_000, 0),
        (17, 16, "g", "FAILED", 42, 2_000, 4_000, 5_000, 1),
        (18, 0, "never ran", "FAILED", 0, 2_000, 0, 6_000, 0),
    ]
    *names, first, second = trace_events(records)
    assert [event["args"]["name"] for event in names] == ["ray_jupyter", "worker 41", "worker 42"]
    assert (first["ts"], first["dur"], first["tid"]) == (3.0, 6.0, 41)
    assert second["args"] == {
        "task_id": "11", "parent_id": "10", "status": "FAILED", "attempt": 1, "waited_us": 2.0,
    }  # fmt: skip
