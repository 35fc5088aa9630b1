"""What ``pip install`` and ``python -m build`` do beyond copying.

They build the dashboard's front end (``RAY_JUPYTER_FRONT_END=skip`` leaves it as it is), and
describe the package by a README that can be read without the files that it links to.
"""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

_PLACE = "share/jupyter/labextensions/ray-jupyter-labextension"
_IMAGE = re.compile(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n*")
_LINK = re.compile(r"\[([^]]*)\]\((?!https?:)([^)]*)\)")


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


class ReadmeHook(MetadataHookInterface):
    """Writes links to files of the source as their paths, and leaves pictures out."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """See hatchling."""
        text = (Path(self.root) / "README.md").read_text("utf-8")
        text = _LINK.sub(r"\1 (`\2`)", _IMAGE.sub("", text))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
