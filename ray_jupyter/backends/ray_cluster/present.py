"""The session of this process, for what arrives in a worker before anything else of ours runs."""

from __future__ import annotations

import importlib
import threading
from typing import Any

_lock = threading.RLock()


def attached() -> Any:
    """Return the backend of this process; in a worker of Ray, attach to its session first."""
    # By name, as a worker of the local runtime does: nothing in here may know what stands on it.
    session = importlib.import_module("ray_jupyter.session")
    if session.current is None:
        with _lock:
            if session.current is None:
                made = importlib.import_module(f"{__package__}.backend")
                session.attach(made.RayClusterBackend.of_worker())
    return session.current
