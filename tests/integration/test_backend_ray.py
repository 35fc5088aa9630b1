"""A Ray cluster against the suite: one cluster of one node with four CPUs, started for this module.

Skipped, and said so, where Ray cannot be imported (``pip install 'ray_jupyter[cluster]'``).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ray_jupyter.testing.backend_suite import (
    Backend2016Tests,
    BackendSessionTests,
    BackendTests,
    BackendUtilityTests,
)

pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray_jupyter[cluster]'")

from ray.cluster_utils import Cluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.leaks_allowed("Ray keeps descriptors and threads after its shutdown"),
]

ARGUMENTS: dict[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """A head node; its processes report to it ten times a second instead of once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_task_events_report_interval_ms", "100")
        patch.setenv("RAY_task_retry_delay_ms", "1")
        patch.delenv("RAY_ADDRESS", raising=False)
        started = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 4, "resources": {"disk": 2}, "include_dashboard": False,
                "object_store_memory": 100_000_000,
            },
        )  # fmt: skip
        ARGUMENTS["address"] = started.address
        yield
        started.shutdown()


class TestRay(BackendTests):
    arguments = ARGUMENTS


class TestRay2016(Backend2016Tests):
    arguments = ARGUMENTS


class TestRaySessions(BackendSessionTests):
    arguments = ARGUMENTS


class TestRayUtilities(BackendUtilityTests):
    arguments = ARGUMENTS
