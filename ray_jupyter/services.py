"""``ray.services`` of 2016: starting and ending a session on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray_jupyter import api

if TYPE_CHECKING:
    from ray_jupyter.session import Session


def start_ray_local(num_workers: int | None = None) -> Session:
    """Start a session with ``num_workers`` workers: ``init(num_cpus=num_workers)``.

    Raises:
        RuntimeError: a session with another number of workers is running.
        ValueError: not a number of workers.
    """
    return api.init(num_cpus=num_workers)


def cleanup() -> None:
    """End the session: ``shutdown()``."""
    api.shutdown()
