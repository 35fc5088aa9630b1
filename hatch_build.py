"""What ``pip install`` and ``python -m build`` do beyond copying: the dashboard's front end.

``RAY_JUPYTER_FRONT_END=skip`` leaves it as it is.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PLACE = "share/jupyter/labextensions/ray-jupyter-labextension"


class FrontEndHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds what is stale, and puts the labextension where JupyterLab looks."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See hatchling."""
        path = Path(self.root) / "labextension" / "front_end.py"
        spec = importlib.util.spec_from_file_location("front_end", path)
        assert spec is not None
        assert spec.loader is not None
        front_end = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(front_end)
        if os.environ.get("RAY_JUPYTER_FRONT_END") != "skip":
            front_end.build()
        if self.target_name == "wheel" and (front_end.EXTENSION / "package.json").exists():
            build_data["shared_data"]["ray_jupyter/labextension"] = _PLACE
