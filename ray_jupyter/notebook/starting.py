"""Starting and describing the session from a notebook: the lines that its magics print."""

from __future__ import annotations

import time
from typing import Any

from ray_jupyter import api, session, status
from ray_jupyter.config import Config


def start(settings: dict[str, Any]) -> str:
    """Start the runtime; return the line that says so."""
    began_s = time.perf_counter()
    api.init(
        num_cpus=settings.get("num_cpus"),
        object_store_memory=settings.get("object_store_memory_bytes"),
        mode=settings.get("mode"),
    )
    return f"{description()} · started in {time.perf_counter() - began_s:.1f} s"


def description() -> str:
    """Return what is running, as ``status.description``; call it while something is."""
    return status.description(running_config()) + attached()


def attached() -> str:
    """Return what to add when another process started the session."""
    return " · attached" if session.start({}).is_attached else ""


def running_config() -> Config:
    """Return what the running session was started with."""
    return session.start({}).config
