"""Ray clusters for tests: all their nodes are processes of this machine.

Ray is imported where it is needed, because not every environment has it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pytest

import ray_jupyter
from ray_jupyter.testing import leaks
from ray_jupyter.testing.suite.base import eventually

NODE: Mapping[str, Any] = {
    "num_cpus": 2, "object_store_memory": 80_000_000, "include_dashboard": False,
}  # fmt: skip
MISSING = "Ray is not installed: pip install 'ray_jupyter[cluster]'"
LEAKS = pytest.mark.leaks_allowed("Ray keeps descriptors and threads after its shutdown")
REPORTS_OFTEN = {"RAY_task_events_report_interval_ms": "100"}
"""Its processes report to the head ten times a second instead of once."""


@contextmanager
def a_cluster(*nodes: Mapping[str, Any], env: Mapping[str, str] = REPORTS_OFTEN) -> Iterator[Any]:
    """Start a cluster; in the end no process of it is left.

    Args:
        nodes: what each has that is not as in ``NODE``; the first is the head.
        env: of the nodes.

    Yields:
        Ray's ``Cluster``.

    Raises:
        AssertionError: processes were left.
    """
    from ray.cluster_utils import Cluster

    before = leaks.snapshot()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        for name, value in env.items():
            patch.setenv(name, value)
        head, *others = nodes or ({},)
        started = Cluster(initialize_head=True, head_node_args={**NODE, **head})
        try:
            for node in others:
                started.add_node(**{**NODE, **node})
            yield started
        finally:
            ray_jupyter.shutdown()
            started.shutdown()
    _end_agents(before)
    eventually(lambda: not _further(before))


def _end_agents(before: leaks.Snapshot) -> None:
    """End the agents of nodes that were killed: they try for a minute to tell a head that has gone."""
    for pid, command in _further(before).items():
        if command.startswith("ray::") and command.endswith("Agent"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _further(before: leaks.Snapshot) -> dict[int, str]:
    """Return the processes that were not there before; those of a browser may stay."""
    now = leaks.snapshot().processes
    further = now.keys() - before.processes.keys()
    return {key[0]: now[key] for key in further if " --type=" not in now[key]}


@contextmanager
def a_client_server(cluster: Any) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a server for Ray's client, beside a cluster.

    Yields:
        Its address, ``ray://…``, and its process.
    """
    port = free_port()
    command = [sys.executable, "-m", "ray.util.client.server", "--host", "127.0.0.1"]
    server = subprocess.Popen(
        [*command, "--address", cluster.address, "--mode", "legacy", "--port", str(port)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        eventually(lambda: is_open(port), 60)
        yield f"ray://127.0.0.1:{port}", server
    finally:
        ray_jupyter.shutdown()
        server.kill()
        server.wait()


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    """Return whether somebody listens at a port of this machine."""
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == 0
