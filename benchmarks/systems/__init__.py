"""The systems that are measured, by the names used on the command line.

Lives here: the register. An adapter imports its system only in ``load``, so that a
missing peer is reported and a fresh process measures the import.
"""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager

from benchmarks.systems.base import System

OURS = "ray_jupyter"
OURS_ON_RAY = "ray_jupyter_on_ray"
"""Our API with a Ray cluster below it."""
PEERS = ("ray", "dask", "ipyparallel", "loky", "joblib", "futures", "mpire")
GROUND = ("machine", "core")
"""Not task systems: the machine's own limits, and our scheduler core without processes."""

ADAPTERS = {
    OURS: "ray_api:RayJupyter",
    OURS_ON_RAY: "ray_api:RayJupyterOnRay",
    "ray": "ray_api:Ray",
    "dask": "dask_distributed:Dask",
    "ipyparallel": "ipython_parallel:IPythonParallel",
    "loky": "pools:Loky",
    "joblib": "joblib_parallel:Joblib",
    "futures": "pools:Futures",
    "mpire": "mpire_pool:Mpire",
    "machine": "ground:Machine",
    "core": "ground:Core",
}


def adapter(name: str) -> type[System]:
    """The adapter class of a system.

    Raises:
        KeyError: no system of this name; ``ADAPTERS`` lists them.
    """
    module, _, class_name = ADAPTERS[name].partition(":")
    found: type[System] = getattr(importlib.import_module(f"{__name__}.{module}"), class_name)
    return found


def inside(name: str) -> AbstractContextManager[System]:
    """The system as seen from within one of its tasks, ready to submit more."""
    return adapter(name).inside()
