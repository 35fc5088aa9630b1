"""Where Jupyter looks for things: kernels, servers, extensions, and what lies there.

Reads files and ``/proc`` only. No Jupyter is imported and no process started: the server's
environment need not be this one, and ``doctor`` is to be quick.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXTENSION = "ray-jupyter-labextension"
_VERSION_OF_FOLDER = re.compile(r"-(\d[^-]*)\.dist-info$")


@dataclass(frozen=True)
class Places:
    """An environment as a kernel sees it.

    Attributes:
        prefix: of this Python's environment.
        executable: this Python.
        environ: the environment variables.
        home: the user's directory.
        system: roots of what all users share.
        proc: where Linux tells about processes.
    """

    prefix: Path
    executable: Path
    environ: Mapping[str, str]
    home: Path
    system: tuple[Path, ...] = (Path("/usr/local"), Path("/usr"))
    proc: Path = Path("/proc")

    @classmethod
    def here(cls) -> Places:
        """Return the places of this process."""
        return cls(Path(sys.prefix), Path(sys.executable), os.environ, Path.home())

    def data(self, kind: str, prefix: Path | None = None) -> list[Path]:
        """Return where a Jupyter at ``prefix`` looks for ``kernels`` or ``labextensions``."""
        user = self.environ.get("JUPYTER_DATA_DIR")
        mac = self.home / "Library" / "Jupyter"
        users = Path(user) if user else mac if mac.is_dir() else self.home / ".local/share/jupyter"
        extra = self.environ.get("JUPYTER_PATH", "").split(os.pathsep)
        roots = [Path(path) for path in extra if path]
        roots += [(prefix or self.prefix) / "share" / "jupyter", users]
        roots += [root / "share" / "jupyter" for root in self.system]
        return [root / kind for root in dict.fromkeys(roots) if (root / kind).is_dir()]

    def settings(self, prefix: Path) -> list[Path]:
        """Return the page configurations that a JupyterLab at ``prefix`` reads."""
        user = self.environ.get("JUPYTER_CONFIG_DIR")
        roots = [Path(user) if user else self.home / ".jupyter", prefix / "etc" / "jupyter"]
        roots += [root / "etc" / "jupyter" for root in (*self.system, Path("/"))]
        files = [root / "labconfig" / "page_config.json" for root in dict.fromkeys(roots)]
        return [file for file in files if file.is_file()]

    def runtime(self) -> Path:
        """Return where running servers are registered."""
        named = self.environ.get("JUPYTER_RUNTIME_DIR")
        if named:
            return Path(named)
        data = self.environ.get("JUPYTER_DATA_DIR")
        mac = self.home / "Library" / "Jupyter"
        users = Path(data) if data else mac if mac.is_dir() else self.home / ".local/share/jupyter"
        return users / "runtime"


@dataclass(frozen=True)
class Kernel:
    """A kernel that a server can start: its name and its Python, if it is one."""

    name: str
    python: Path | None


@dataclass(frozen=True)
class Server:
    """An environment with JupyterLab or Notebook, and how it was found."""

    prefix: Path
    found: str

    @property
    def pip(self) -> str:
        """Return the command that installs into it."""
        return f"{self.prefix / 'bin' / 'python'} -m pip install"


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file says; nothing, if it is missing or no JSON object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a broken file of Jupyter's is Jupyter's to report
        return {}
    return found if isinstance(found, dict) else {}


def kernels(places: Places) -> list[Kernel]:
    """Return the kernels that are registered; the first of a name counts."""
    found: dict[str, Kernel] = {}
    for folder in places.data("kernels"):
        for file in sorted(folder.glob("*/kernel.json")):
            arguments = read_json(file).get("argv") or [""]
            program = str(arguments[0])
            # Jupyter puts the server's own Python in the place of a bare name.
            python = places.executable if program in ("python", "python3") else Path(program)
            known = "python" in Path(program).name
            name = file.parent.name
            found.setdefault(name, Kernel(name, python if known else None))
    return list(found.values())


def prefix_of(python: Path) -> Path:
    """Return the environment that a Python belongs to: the folder above ``bin``."""
    return python.parent.parent


def same_environment(one: Path, other: Path) -> bool:
    """Return whether two Pythons are of one environment; links to the base do not count."""
    return one == other or os.path.realpath(one.parent) == os.path.realpath(other.parent)


def installed_version(prefix: Path, package: str) -> str | None:
    """Return which version of a package an environment has, from its folder's name."""
    name = package.replace("-", "_").lower()
    for pattern in ("lib/python*/site-packages", "lib/python*/dist-packages", "Lib/site-packages"):
        for folder in prefix.glob(pattern):
            for entry in folder.glob("*.dist-info"):
                if entry.name.lower().replace("-", "_").startswith(f"{name}_"):
                    match = _VERSION_OF_FOLDER.search(entry.name)
                    if match and entry.name[: match.start()].lower().replace("-", "_") == name:
                        return match.group(1)
    return None


def servers(places: Places) -> list[Server]:
    """Return the environments whose server shows notebooks, the surest first.

    The one that started this kernel, those that run, the one in this environment, the one on
    the ``PATH``.
    """
    found: dict[Path, Server] = {}
    for prefix, how in _candidates(places):
        found.setdefault(Path(os.path.realpath(prefix)), Server(prefix, how))
    return list(found.values())


def _candidates(places: Places) -> Iterator[tuple[Path, str]]:
    parent = places.environ.get("JPY_PARENT_PID", "")
    if parent.isdigit() and (prefix := _prefix_of_process(places, int(parent))):
        yield prefix, "it started this kernel"
    for file in sorted(places.runtime().glob("jpserver-*.json")):
        pid = read_json(file).get("pid")
        if isinstance(pid, int) and (prefix := _prefix_of_process(places, pid)):
            yield prefix, f"it runs, as process {pid}"
    if _has_server(places.prefix):
        yield places.prefix, "in this environment"
    program = shutil.which("jupyter-lab", path=places.environ.get("PATH", ""))
    if program is not None:
        yield prefix_of(Path(os.path.realpath(program))), "first on the PATH"


def _has_server(prefix: Path) -> bool:
    return any(installed_version(prefix, name) for name in ("jupyterlab", "notebook"))


def _prefix_of_process(places: Places, pid: int) -> Path | None:
    """Return the environment of a running server, from its command line."""
    try:
        line = (places.proc / str(pid) / "cmdline").read_bytes()
    except OSError:  # it has ended, or is another user's
        return None
    for word in line.split(b"\0")[
        :2
    ]:  # python .../bin/jupyter-lab, or .../bin/python -m jupyterlab
        path = Path(os.fsdecode(word))
        if path.is_absolute() and path.parent.name in ("bin", "Scripts"):
            prefix = prefix_of(path)
            if _has_server(prefix):
                return prefix
    return None


def extension(places: Places, server: Server, name: str = EXTENSION) -> Path | None:
    """Return where a server finds an extension of JupyterLab."""
    for folder in places.data("labextensions", server.prefix):
        if (folder / name / "package.json").is_file():
            return folder / name
    return None


def disabling(places: Places, server: Server) -> Path | None:
    """Return the file that disables our extension for a server, if one does."""
    for file in places.settings(server.prefix):
        listed = read_json(file).get("disabledExtensions", {})
        names = listed if isinstance(listed, list) else [n for n, is_so in listed.items() if is_so]
        if any(str(name).split(":")[0] == EXTENSION for name in names):
            return file
    return None
