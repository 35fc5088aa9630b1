"""No connection, or one that is lost: an error within seconds that says what to do, and a way back."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

import ray_jupyter as ray
from ray_jupyter.testing.suite.base import echo, eventually

pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray_jupyter[cluster]'")
pytest.importorskip("grpc", reason="Ray's client needs grpcio: pip install 'ray[client]'")

from ray.cluster_utils import Cluster

from ray_jupyter.backends.ray_cluster.watching import knock

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.leaks_allowed("Ray keeps descriptors and threads after its shutdown"),
    pytest.mark.slow,
    pytest.mark.timeout(120),
]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start servers for ``ray://`` of one cluster, on the port ``PORT`` of the process' arguments."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    node = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    servers: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = str(found.getsockname()[1])
        command = [sys.executable, "-m", "ray.util.client.server", "--host", "127.0.0.1"]
        servers.append(
            subprocess.Popen(
                [*command, "--address", cluster.address, "--mode", "legacy", "--port", port],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            )
        )
        eventually(lambda: not knock(f"127.0.0.1:{port}"), 60)
        return servers[-1]

    yield start
    ray.shutdown()
    for server in servers:
        server.kill()
        server.wait()
    cluster.shutdown()


def test_a_client_s_server_that_dies(serve: Callable[[], subprocess.Popen[bytes]]) -> None:
    server = serve()
    address = f"ray://127.0.0.1:{server.args[-1]}"  # type: ignore[index]
    ray.init(address)
    assert ray.get(echo.remote(1)) == 1
    never = ray.remote(lambda: threading.Event().wait()).remote()
    begun = threading.Timer(0.5, server.kill)
    begun.start()
    started_s = time.monotonic()
    with pytest.raises(ray.RaySystemError, match=f"init.address='{address}'"):
        ray.get(never)
    assert time.monotonic() - started_s < 25, "seconds, not Ray's half minute"
    for call in (lambda: ray.put(1), lambda: echo.remote(1), ray.nodes, ray.cluster_resources):
        with pytest.raises(ray.RaySystemError, match="does not answer any more"):
            call()
    ray.shutdown()
    ray.init(f"ray://127.0.0.1:{serve().args[-1]}")  # type: ignore[index]
    assert ray.get(echo.remote(2)) == 2


GUARDED = """
import os, sys
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
from ray.cluster_utils import Cluster
node = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args=node)
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


def test_a_cluster_that_asks_for_a_token() -> None:
    guarded = subprocess.Popen(
        [sys.executable, "-c", GUARDED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert guarded.stdout is not None
        address = guarded.stdout.readline().strip()
        with pytest.raises(ConnectionError, match=r"no Ray cluster answers at .*RAY_AUTH_TOKEN"):
            ray.init(address)
        assert not ray.is_initialized()
    finally:
        guarded.communicate("", timeout=30)
