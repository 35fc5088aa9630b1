"""Run notebooks without a browser: ``python notebooks/run.py [--write] NOTEBOOK...``.

Prints what the cells tagged ``figures`` print, so every number shown was measured in this
run, and lines of others that begin with ``SKIPPED:``. The files stay as they are, unless ``--write`` asks to keep the outputs in them. Ends with
1 if a cell fails, after its traceback.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

TIMEOUT_S = 300
"""For one cell; the longest of ours takes some seconds."""
_CELL_FILE = re.compile(r"(?:\b[A-Za-z]:)?[\\/](?:[^\\/\s\"']+[\\/])*ipykernel_\d+[\\/](?=\d+\.py)")
"""The folder that a kernel says its cells are in: there is none, and it differs each time."""
_DASHBOARD = "application/vnd.ray-jupyter.dashboard+json"


def run(path: Path, *, write: bool = False) -> str:
    """Execute a notebook in a kernel of this environment; return its figures.

    Args:
        path: the notebook.
        write: whether the outputs are kept in it.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed; the message is its traceback.
    """
    import nbformat
    from nbclient import NotebookClient
    from traitlets.config import Config

    notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    with TemporaryDirectory(prefix="kernel-") as sockets:
        # Nobody else has to reach this kernel: socket files instead of ports.
        address = {"transport": "ipc", "ip": f"{sockets}/kernel"} if os.name == "posix" else {}
        client = NotebookClient(
            notebook,
            timeout=TIMEOUT_S,
            resources={"metadata": {"path": str(path.parent)}},
            config=Config(ConnectionFileMixin=address),
        )
        client.execute()
    if write:
        path.write_text(_kept(notebook), encoding="utf-8")
    return "".join(line for cell in notebook.cells for line in _figures(cell))


def _figures(cell: Any) -> list[str]:
    """Return the lines of a cell that are to be read: figures, and what it says was skipped."""
    lines = [
        line
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stdout"
        for line in output.text.splitlines(keepends=True)
    ]
    if "figures" in cell.metadata.get("tags", []):
        return lines
    return [line for line in lines if line.startswith("SKIPPED:")]


def _kept(notebook: Any) -> str:
    """Return what is kept: nothing that differs without need, and no line per number."""
    snapshots: dict[str, str] = {}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran: different each time
        for output in cell.get("outputs", []):
            _without_folders(output)
            data = output.get("data", {})
            if _DASHBOARD in data:
                data.pop("text/html", None)  # the same picture as the SVG, once more
                name = f"<snapshot {len(snapshots)}>"
                snapshots[json.dumps(name)] = json.dumps(data[_DASHBOARD], separators=(",", ":"))
                data[_DASHBOARD] = name
    notebook.metadata.language_info = {"name": "python"}
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
    for name, snapshot in snapshots.items():
        text = text.replace(name, snapshot)
    return text + "\n"


def _without_folders(output: Any) -> None:
    """Take out of text, and of an error, where the files of cells are said to be."""
    for name in ("text", "evalue"):
        if name in output:
            output[name] = _CELL_FILE.sub("", output[name])
    if "traceback" in output:
        output.traceback = [_CELL_FILE.sub("", line) for line in output.traceback]


def main(paths: list[str]) -> int:
    """Run each notebook, print its figures, return the exit code."""
    # A kernel of this environment, whatever the user has registered under the same name.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    from nbclient.exceptions import CellExecutionError

    write = "--write" in paths
    files = [Path(path) for path in paths if path != "--write"]
    if not files:
        print(__doc__, file=sys.stderr)
        return 2
    for path in files:
        try:
            print(f"{path}\n{run(path, write=write)}", end="", flush=True)
        except CellExecutionError as error:
            print(f"{path} failed:\n{error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
