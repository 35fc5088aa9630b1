"""Connecting to a cluster, and finding out at once whether its nodes can run our tasks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import ray

from ray_jupyter.backends.ray_cluster.backend import RayClusterBackend
from ray_jupyter.backends.ray_cluster.watching import Watch
from ray_jupyter.config import Config, make_config


def connect(
    address: str, namespace: str | None, options: Mapping[str, Any]
) -> tuple[RayClusterBackend, Config, float]:
    """Connect to a cluster; return its backend, what the session is like, and when it began.

    Raises:
        ConnectionError: nothing answers there.
        RuntimeError: another version of Python or of Ray runs there.
    """
    started_at = time.time()
    ray.init(
        address=address, namespace=namespace, log_to_driver=False,
        configure_logging=False,
    )  # fmt: skip
    backend = RayClusterBackend(
        Watch(ray.get_runtime_context().gcs_address, address), is_driver=True
    )
    total = ray.cluster_resources()
    config = make_config(
        num_cpus=max(1, int(total.get("CPU", 1))), num_gpus=total.get("GPU", 0.0),
        memory_bytes=int(total.get("memory", 1)), namespace=backend.namespace,
        object_store_memory_bytes=int(total.get("object_store_memory", 1)),
    )  # fmt: skip
    return backend, config, started_at
