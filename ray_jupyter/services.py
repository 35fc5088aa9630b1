"""``ray.services`` of 2016: starting and ending a session on this machine, and its workers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ray_jupyter import api, session

if TYPE_CHECKING:
    from ray_jupyter.session import Session


def start_ray_local(num_workers: int | None = None, driver_mode: str | None = None) -> Session:
    """Start a session with ``num_workers`` workers: ``init(num_cpus=num_workers)``.

    Args:
        num_workers: how many tasks run at once; more than there are CPUs is allowed.
        driver_mode: see ``ray_jupyter.modes``.

    Raises:
        RuntimeError: a session with another number of workers is running.
        ValueError: not a number of workers, not a driver mode.
    """
    return api.init("local", num_cpus=num_workers, driver_mode=driver_mode)


def kill_workers() -> bool:
    """End the workers; others, which know nothing of what those did, take their place.

    As in 2016, nothing happens while tasks run or wait. Actors are not touched: end one with
    ``kill``.

    Returns:
        Whether the workers were ended.

    Raises:
        NotInitializedError: no session is running.
    """
    backend = session.connected()
    unfinished = backend.query("unfinished")
    if unfinished:
        some = ", ".join(dict.fromkeys(f"{row[2]}()" for row in unfinished[:3]))
        sys.stderr.write(
            f"ray_jupyter: the workers go on: {len(unfinished)} tasks have not ended ({some})\n"
        )
        return False
    backend.renew_workers()
    return True


def restart_workers_local(num_workers: int | None = None) -> bool:
    """End the workers and start others: ``kill_workers()``, then perhaps ``Session.resize``.

    Args:
        num_workers: how many there shall be; as many as there are if not given.

    Returns:
        Whether the workers were restarted.

    Raises:
        NotInitializedError: no session is running.
        ValueError: ``num_workers`` is not a number of workers.
        RuntimeError: another number, in a task: only the driver changes it.
    """
    workers = int(session.connected().resources()[0]["CPU"])
    if num_workers is not None:
        from ray_jupyter.config import make_config  # importing the package stays light

        make_config(num_cpus=num_workers)  # refused before any worker ends
    if not kill_workers():
        return False
    if num_workers not in (None, workers):
        session.start({}).resize(num_workers)
    return True


def cleanup() -> None:
    """End the session: ``shutdown()``."""
    api.shutdown()
