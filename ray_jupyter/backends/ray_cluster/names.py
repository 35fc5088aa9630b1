"""Actors by their names, and ending them, on a Ray cluster: one part of the backend."""

from __future__ import annotations

import time
from typing import Any

import ray
from ray.experimental import internal_kv

from ray_jupyter.backends.ray_cluster.faults import asks
from ray_jupyter.backends.ray_cluster.ids import RayId, hashed, task_of
from ray_jupyter.backends.ray_cluster.objects import Objects

_KILL_S = 5.0
_KV = b"ray_jupyter"
"""The part of Ray's key-value store where named actors leave their blueprints."""


class Names(Objects):
    """See ``Backend``."""

    def _leave_blueprint(self, namespace: str, name: str, blueprint: bytes) -> None:
        """Put down, for ``find_actor`` anywhere, what a new actor's handle knows."""
        key = _key(namespace, name)
        internal_kv._internal_kv_put(key, blueprint, overwrite=True, namespace=_KV)

    @asks
    def kill_actor(self, actor_id: int, *, no_restart: bool = True) -> None:
        """See ``Backend.kill_actor``. Waits until the head knows: Ray itself only sends a word."""
        handle: Any = actor_id.ref  # type: ignore[attr-defined]  # ids of this backend carry it
        state, restarts = self._life(handle)
        if state == "DEAD":
            return
        ray.kill(handle, no_restart=no_restart)
        end = time.monotonic() + _KILL_S
        while time.monotonic() < end:
            now, number = self._life(handle)
            if now == "DEAD":
                return
            if not no_restart and now == "ALIVE" and number > restarts:
                break
            time.sleep(0.005)
        if not no_restart:  # Ray knows where it is now when the first call has come through
            ready = handle.__ray_ready__.options(max_task_retries=-1).remote()
            ray.wait([ready], timeout=_KILL_S)

    @asks
    def find_actor(self, namespace: str, name: str) -> tuple[int, bytes] | None:
        """See ``Backend.find_actor``."""
        if not self._is_living(namespace, name):
            return None
        handle = ray.get_actor(name, namespace=namespace)
        blueprint = internal_kv._internal_kv_get(_key(namespace, name), namespace=_KV)
        if blueprint is None:
            raise ValueError(
                f"the actor {name!r} was not made by ray_jupyter, so its methods are not known "
                "here: use ray.get_actor of Ray itself"
            )
        return RayId(hashed(task_of(handle)), handle), blueprint

    def _is_living(self, namespace: str, name: str) -> bool:
        """Return whether a living actor has the name.

        A dead one, which Ray lets keep it, is made to give it up.
        """
        try:
            handle = ray.get_actor(name, namespace=namespace)
        except ValueError:
            return False
        if self._life(handle)[0] != "DEAD":
            return True
        ray.kill(handle)
        end = time.monotonic() + _KILL_S
        while time.monotonic() < end:
            try:
                ray.get_actor(name, namespace=namespace)
            except ValueError:
                break
            time.sleep(0.005)
        return False

    @asks
    def named_actors(self) -> list[tuple[str, str]]:
        """See ``Backend.named_actors``."""
        found = ray.util.list_named_actors(all_namespaces=True)
        return [(actor["namespace"], actor["name"]) for actor in found]


def _key(namespace: str, name: str) -> bytes:
    return f"{namespace}/{name}".encode()
