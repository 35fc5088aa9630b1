"""Builds the front end if its sources have changed: ``python labextension/front_end.py [--must]``.

With ``--must`` it ends with 1 if the front end is not there, which is otherwise only said.

Used by ``make``, and by ``pip install`` from a checkout (``hatch_build.py``). Standard library only.
What is built lies in the Python package, beside a file that names the sources it was made from;
wheels and sdists bring both, so that installing from them needs no Node.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "ray_jupyter"
EXTENSION, STATIC = PACKAGE / "labextension", PACKAGE / "dashboard" / "static"
MADE_FROM = STATIC / "made_from.txt"
_SOURCES = (
    "src/**/*.ts",
    "schema/*.json",
    "package*.json",
    "tsconfig.json",
    "build.mjs",
    "install.json",
)
_PATIENCE_S = 240
"""npm tries for ever where its registry cannot be reached."""
_MISSING = """\
****************************************************************************************
ray_jupyter: {problem}
The front end of the dashboard is NOT built: no panel in JupyterLab, no live output, no
widget, and reports with a picture only. Everything else works. To have it, install Node 20
or newer with npm and run this again, or install a released wheel.
****************************************************************************************
"""


def digest() -> str:
    """Return what tells one state of the sources from another."""
    found = hashlib.sha256()
    for path in sorted({path for pattern in _SOURCES for path in HERE.glob(pattern)}):
        found.update(path.relative_to(HERE).as_posix().encode())
        # Line ends may differ from checkout to checkout.
        found.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return found.hexdigest()


def is_fresh() -> bool:
    """Return whether what is built was made from the sources as they are."""
    parts = (STATIC / "dashboard.js", EXTENSION / "package.json", MADE_FROM)
    return all(part.exists() for part in parts) and MADE_FROM.read_text().strip() == digest()


def build() -> bool:
    """Build what is stale; return whether the front end is there. Says so loudly if it is not."""
    if is_fresh():
        return True
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return _missing("node and npm were not found")
    try:
        if not _has_packages():
            print("installing the front end's build tools (npm ci) ...", flush=True)
            subprocess.run(
                [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1"],
                cwd=HERE, check=True, timeout=_PATIENCE_S,
            )  # fmt: skip
        subprocess.run([npm, "run", "--silent", "build"], cwd=HERE, check=True, stdout=sys.stderr)
    except (OSError, subprocess.SubprocessError) as error:
        return _missing(str(error))
    MADE_FROM.write_text(digest() + "\n")
    return True


def _has_packages() -> bool:
    """Return whether the installed packages are those of the lock file."""
    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime


def _missing(problem: str) -> bool:
    sys.stderr.write(_MISSING.format(problem=problem))
    if not MADE_FROM.exists():
        STATIC.mkdir(parents=True, exist_ok=True)
        MADE_FROM.write_text("not built\n")
    return False


if __name__ == "__main__":
    sys.exit(not build() and "--must" in sys.argv[1:])
