"""No connection, or one that is lost: an error within seconds that says what to do, and a way back."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.testing import clusters
from ray_jupyter.testing.suite.base import echo

pytest.importorskip("ray", reason=clusters.MISSING)
pytest.importorskip("grpc", reason="Ray's client needs grpcio: pip install 'ray[client]'")

pytestmark = [
    pytest.mark.cluster,
    clusters.LEAKS,
    pytest.mark.slow,
    pytest.mark.timeout(120),
]


def test_a_client_s_server_that_dies() -> None:
    with clusters.a_cluster({"num_cpus": 1}) as cluster:
        with clusters.a_client_server(cluster) as (address, server):
            ray.init(address)
            assert ray.get(echo.remote(1)) == 1
            never = ray.remote(lambda: threading.Event().wait()).remote()
            threading.Timer(0.5, server.kill).start()
            with pytest.raises(ray.RaySystemError, match=f"init.address='{address}'"):
                ray.get(never)
            for call in (
                lambda: ray.put(1), lambda: echo.remote(1), ray.nodes, ray.cluster_resources,
            ):  # fmt: skip
                with pytest.raises(ray.RaySystemError, match="does not answer any more"):
                    call()
        with clusters.a_client_server(cluster) as (address, _):
            ray.init(address)
            assert ray.get(echo.remote(2)) == 2


def test_whatever_is_the_first_to_notice_says_what_to_do() -> None:
    question = {"watch": "", "since": 0, "most": 100}
    first: dict[str, Callable[[], object]] = {
        "a call": lambda: echo.remote(1),
        "a value": lambda: ray.put(1),
        "the dashboard": lambda: session.connected().query("changes", question),
        "whether it is ready": lambda: ray.wait([never], timeout=60),
    }
    with clusters.a_cluster({"num_cpus": 1}) as cluster:
        for name, call in first.items():
            with clusters.a_client_server(cluster) as (address, server):
                ray.init(address)
                never = ray.remote(lambda: threading.Event().wait()).remote()
                server.kill()
                with pytest.raises(ray.RaySystemError, match="does not answer any more"):
                    call()
                ray.shutdown()
            assert not ray.is_initialized(), name


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
