"""Connecting to a cluster, and finding out at once whether its nodes can run our tasks."""

from __future__ import annotations

import importlib.util
import os
import platform
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ray_jupyter._version import __version__
from ray_jupyter.backends.ray_cluster.backend import RayClusterBackend
from ray_jupyter.backends.ray_cluster.watching import Watch, knock
from ray_jupyter.config import Config, make_config

_PACKAGES = ("ray_jupyter", "cloudpickle")
"""What a worker needs of ours; pure Python, so that it can be sent there."""
_ANSWER_S = 60.0
_BREAKPOINT = "PYTHONBREAKPOINT"
"""Ray sets it in the driver, for good: ``breakpoint()`` here would be Ray's, also after the end."""
_RECONNECT_S = 5


class Node(NamedTuple):
    """What a node answered.

    Attributes:
        host: its name.
        versions: of each of ``_PACKAGES``; ``None`` where it cannot be imported.
        has_numpy: whether numpy can be imported.
    """

    host: str
    versions: tuple[str | None, ...]
    has_numpy: bool


def connect(
    address: str, namespace: str | None, options: Mapping[str, Any]
) -> tuple[RayClusterBackend, Config, float]:
    """Connect to a cluster; return its backend, what the session is like, and when it began.

    Args:
        address: see ``backends.attaching``.
        namespace: where names of actors are looked up.
        options: ``runtime_env`` and ``log_to_driver`` of ``init``.

    Raises:
        ConnectionError: nothing answers there.
        RuntimeError: another version of Python or of Ray runs there; numpy is missing there;
            this process uses Ray itself already.
    """
    started_at = time.time()
    if ray.is_initialized():
        raise RuntimeError(
            "this process is connected to Ray already, by ray.init() of Ray itself; call "
            "ray.shutdown() of Ray first"
        )
    environment = dict(options.get("runtime_env") or {})
    # Ray's client would wait for half a minute, in each call, for a server that has gone.
    os.environ.setdefault("RAY_CLIENT_RECONNECT_GRACE_PERIOD", str(_RECONNECT_S))
    problem = "" if address == "auto" else knock(address.removeprefix("ray://"))
    if problem:  # Ray itself would try for minutes
        raise ConnectionError(f"no Ray cluster answers at {problem}")
    _connect(address, namespace, environment)
    try:
        lacking = packages_to_send(_ask_nodes())
        if lacking:
            ray.shutdown()
            _connect(address, namespace, _with_packages(environment, lacking))
        client = ray.util.client.ray
        is_client = client.is_connected()
        gcs_address = None if is_client else ray.get_runtime_context().gcs_address
        watched = gcs_address or address.removeprefix("ray://")
        watch = Watch(watched, address, is_client=is_client)
        backend = RayClusterBackend(watch, is_driver=True)
        if options.get("log_to_driver", True):
            backend.read_lines(gcs_address)
    except BaseException:
        ray.shutdown()
        raise
    return backend, _config(backend.namespace), started_at


def _connect(address: str, namespace: str | None, environment: Mapping[str, Any]) -> None:
    try:
        _init(address, namespace, environment)
    except BaseException:
        ray.shutdown()  # of what came about before it failed
        raise


def _init(address: str, namespace: str | None, environment: Mapping[str, Any]) -> None:
    debugger = os.environ.pop(_BREAKPOINT, None)
    try:
        ray.init(
            address=address, namespace=namespace, configure_logging=False,
            log_to_driver="://" in address,  # else we read the lines ourselves
            runtime_env=dict(environment) or None,
        )  # fmt: skip
    except ImportError as error:
        raise ImportError(
            f"address={address!r} needs Ray's client, which is not complete here ({error}): "
            "pip install 'ray_jupyter[cluster]'"
        ) from error
    except (ConnectionError, ray.exceptions.RayError, TimeoutError) as error:
        raise ConnectionError(_unanswered(address, error)) from error
    except RuntimeError as error:
        if "ersion mismatch" in str(error):
            raise RuntimeError(skew(address, str(error))) from error
        if "annot connect" in str(error) or "onnection" in str(error):
            raise ConnectionError(_unanswered(address, error)) from error
        raise
    finally:
        os.environ.pop(_BREAKPOINT, None)
        if debugger is not None:
            os.environ[_BREAKPOINT] = debugger


def _unanswered(address: str, error: BaseException) -> str:
    """Return what to say when the port answers, and Ray is not heard."""
    return (
        f"no Ray cluster answers at {address}: {error}. If the cluster asks for a token, this "
        "process needs the same one: RAY_AUTH_MODE=token and RAY_AUTH_TOKEN in its environment"
    )


def skew(address: str, told: str) -> str:
    """Return what to say and to do when the cluster has other versions than this process."""
    return (
        f"the Ray cluster at {address} and this process cannot exchange functions and values, "
        f"because they have different versions. Here: Ray {ray.__version__}, Python "
        f"{platform.python_version()}. Make an environment with the versions of the cluster (for "
        f"Ray: pip install 'ray[client]==...'), and run the notebook's kernel in it. Ray says: {told}"
    )


def _ask_nodes() -> list[Node]:
    """Return what the nodes answer; one that is too busy to answer in time is left out."""

    def answer(packages: tuple[str, ...]) -> tuple[str, tuple[str | None, ...], bool]:
        import importlib
        import socket

        versions: list[str | None] = []
        for package in packages:
            try:
                versions.append(str(importlib.import_module(package).__version__))
            except ImportError:
                versions.append(None)
        try:
            importlib.import_module("numpy")
        except ImportError:
            return socket.gethostname(), tuple(versions), False
        return socket.gethostname(), tuple(versions), True

    # By value: our own module may not exist there.
    answer.__module__ = "__main__"
    ask = ray.remote(num_cpus=0, max_retries=0)(answer)
    alive = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    asked = [
        ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, False)).remote(
            _PACKAGES
        )
        for node in alive
    ]
    ready, busy = ray.wait(asked, num_returns=len(asked), timeout=_ANSWER_S)
    if busy:
        warnings.warn(
            f"{len(busy)} of {len(asked)} nodes of the Ray cluster did not answer within "
            f"{_ANSWER_S:g} s, so that it is not known whether they can run tasks",
            RuntimeWarning, stacklevel=2,
        )  # fmt: skip
    return [Node(*found) for found in ray.get(ready)]


def packages_to_send(nodes: list[Node]) -> list[str]:
    """Return the packages that some node has not, or not in our version.

    Raises:
        RuntimeError: numpy, which cannot be sent, is missing somewhere.
    """
    without = [node.host for node in nodes if not node.has_numpy]
    if without:
        raise RuntimeError(
            f"numpy is missing on {', '.join(without)}: install it on all nodes of the cluster, or "
            "connect with init(address=..., runtime_env={'pip': ['numpy']})"
        )
    ours = (__version__, None)  # of cloudpickle, any version will do
    return [
        package
        for at, package in enumerate(_PACKAGES)
        if any(
            node.versions[at] is None or ours[at] not in (None, node.versions[at]) for node in nodes
        )
    ]


def _with_packages(environment: Mapping[str, Any], packages: list[str]) -> dict[str, Any]:
    modules = list(environment.get("py_modules") or ())
    for package in packages:
        found = importlib.util.find_spec(package)
        assert found is not None, "it is imported here"
        assert found.origin is not None, "it is a package with files"
        modules.append(str(Path(found.origin).parent))
    return {**environment, "py_modules": modules}


def _config(namespace: str) -> Config:
    total = ray.cluster_resources()
    config = make_config(
        num_cpus=max(1, int(total.get("CPU", 1))), namespace=namespace, num_gpus=0,
        memory_bytes=int(total.get("memory", 1)),
        object_store_memory_bytes=int(total.get("object_store_memory", 1)),
    )  # fmt: skip
    return replace(config, num_gpus=total.get("GPU", 0.0), mode="ray_cluster")
