"""Ray and our runtime: one adapter, because they share one API."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar

from benchmarks.systems.base import Feature, Function, Handle, System


class RayApi(System):
    """Whatever offers ``init, remote, get, put, wait`` as Ray 2.x does."""

    offers = frozenset({
        Feature.TASKS, Feature.REFS, Feature.STORE, Feature.WAIT, Feature.NESTED, Feature.ACTORS,
    })  # fmt: skip
    init_options: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        self._remote: dict[Function, Any] = {}

    def start(self, workers: int) -> None:
        self.library.init(num_cpus=workers, **self.init_options)

    def stop(self) -> None:
        self.library.shutdown()

    def submit(self, function: Function, *args: Any) -> Handle:
        remote = self._remote.get(function)
        if remote is None:
            remote = self._remote[function] = self.library.remote(function)
        return remote.remote(*args)

    def gather(self, handles: Sequence[Handle]) -> list[Any]:
        values: list[Any] = self.library.get(list(handles))
        return values

    def put(self, value: Any) -> Handle:
        return self.library.put(value)

    def get(self, handle: Handle) -> Any:
        return self.library.get(handle)

    def settle(self, handles: Sequence[Handle]) -> None:
        self.library.wait(list(handles), num_returns=len(handles))

    def pop_ready(self, handles: list[Handle]) -> list[Handle]:
        _, rest = self.library.wait(handles, num_returns=1)
        return list(rest)

    def actor(self, cls: type) -> Any:
        return self.library.remote(cls).remote()

    def call(self, actor: Any, method: str) -> Handle:
        return getattr(actor, method).remote()

    @classmethod
    def inside(cls) -> AbstractContextManager[System]:
        if cls.name not in _ATTACHED:
            _ATTACHED[cls.name] = cls()
            _ATTACHED[cls.name].load()
        return nullcontext(_ATTACHED[cls.name])


_ATTACHED: dict[str, RayApi] = {}
"""One adapter per worker process, so that a function is made remote once."""


class RayJupyter(RayApi):
    """The runtime of this repository."""

    name = "ray_jupyter"
    module = "ray_jupyter"
    distribution = "ray-jupyter"
    offers = RayApi.offers | {Feature.DASHBOARD}

    @contextmanager
    def watched(self) -> Iterator[None]:
        from ray_jupyter.dashboard.feed import Feed

        feed, seen = Feed(), threading.Event()

        def take(frame: dict[str, Any]) -> None:
            json.dumps(frame)  # as on the way to a front end
            seen.set()

        feed.attach(take)
        seen.wait()
        try:
            yield
        finally:
            feed.stop()


class Ray(RayApi):
    """Ray 2.x, one node, without its dashboard."""

    name = "ray"
    module = "ray"
    distribution = "ray"
    init_options: ClassVar[dict[str, Any]] = {
        "include_dashboard": False,
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "_node_ip_address": "127.0.0.1",
    }


class RayJupyterOnRay(RayJupyter):
    """Our API, with a head node of Ray below it: what the API costs there."""

    name = "ray_jupyter_on_ray"
    offers = frozenset({Feature.TASKS, Feature.ACTORS, Feature.OVER_RAY})

    def start(self, workers: int) -> None:
        from ray.cluster_utils import Cluster

        options = {"num_cpus": workers, "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=options)
        self.library.init(self._cluster.address)

    def stop(self) -> None:
        super().stop()
        self._cluster.shutdown()

    @classmethod
    def installed(cls) -> bool:
        return super().installed() and Ray.installed()
