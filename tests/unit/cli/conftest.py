"""Environments made of files: an empty disk, and what a test puts there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ray_jupyter import __version__
from ray_jupyter.cli.places import EXTENSION, Places


class Disk:
    """A home, environments, and processes, below one directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ: dict[str, str] = {}
        self.kernel = self.environment("kernel")

    @property
    def places(self) -> Places:
        return Places(
            self.kernel, self.kernel / "bin" / "python", self.environ, self.root / "home",
            (self.root / "usr",), self.root / "proc",
        )  # fmt: skip

    def environment(self, name: str, **packages: str) -> Path:
        prefix = self.root / name
        (prefix / "bin").mkdir(parents=True)
        (prefix / "bin" / "python").touch()
        for package, version in packages.items():
            self.install(prefix, package, version)
        return prefix

    def install(self, prefix: Path, package: str, version: str) -> None:
        folder = prefix / "lib" / "python3.11" / "site-packages" / f"{package}-{version}.dist-info"
        folder.mkdir(parents=True)

    def write(self, path: Path, content: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        return path

    def register(self, name: str, program: str | Path, folder: Path | None = None) -> None:
        place = (folder or self.kernel / "share" / "jupyter") / "kernels" / name / "kernel.json"
        self.write(place, {"argv": [str(program), "-m", "ipykernel_launcher"]})

    def extend(self, prefix: Path, name: str = EXTENSION, version: str = __version__) -> Path:
        place = prefix / "share" / "jupyter" / "labextensions" / name / "package.json"
        return self.write(place, {"name": name, "version": version})

    def run(self, pid: int, *words: str | Path) -> None:
        line = self.root / "proc" / str(pid) / "cmdline"
        line.parent.mkdir(parents=True)
        line.write_bytes(b"\0".join(os.fsencode(word) for word in words) + b"\0")


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@pytest.fixture
def make_executable() -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    return make
