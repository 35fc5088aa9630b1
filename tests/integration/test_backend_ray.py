"""A Ray cluster against the suite: one cluster of one node with four CPUs, started for this module.

Skipped, and said so, where Ray cannot be imported (``pip install 'ray_jupyter[cluster]'``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import ray_jupyter as ray
from ray_jupyter.testing import clusters
from ray_jupyter.testing.backend_suite import (
    Backend2016Tests,
    BackendResourceTests,
    BackendSessionTests,
    BackendTests,
    BackendUtilityTests,
)
from ray_jupyter.testing.suite.base import echo

pytest.importorskip("ray", reason=clusters.MISSING)

pytestmark = [
    pytest.mark.cluster,
    clusters.LEAKS,
]

ARGUMENTS: dict[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """A head node; its processes report to it ten times a second instead of once."""
    node = {
        "num_cpus": 4, "num_gpus": 2, "resources": {"disk": 2}, "object_store_memory": 100_000_000,
    }  # fmt: skip
    env = {**clusters.REPORTS_OFTEN, "RAY_task_retry_delay_ms": "1"}
    with clusters.a_cluster(node, env=env) as started:
        ARGUMENTS["address"] = started.address
        yield


class TestRay(BackendTests):
    arguments = ARGUMENTS


class TestRay2016(Backend2016Tests):
    arguments = ARGUMENTS


class TestRaySessions(BackendSessionTests):
    arguments = ARGUMENTS


class TestRayResources(BackendResourceTests):
    arguments = ARGUMENTS

    def test_files_of_one_task_are_refused(self, tmp_path: Path) -> None:
        for env in ({"working_dir": tmp_path}, {"py_modules": [tmp_path]}):
            with pytest.raises(NotImplementedError, match=r"init\(runtime_env=.*TASK_FILES"):
                echo.options(runtime_env=env).remote(1)

    def test_what_asks_for_too_much_waits_until_it_is_cancelled(self) -> None:
        never = echo.options(num_gpus=3).remote(1)
        assert ray.wait([never], timeout=0) == ([], [never])
        ray.cancel(never)
        with pytest.raises(ray.TaskCancelledError):
            ray.get(never, timeout=30)


class TestRayUtilities(BackendUtilityTests):
    arguments = ARGUMENTS
