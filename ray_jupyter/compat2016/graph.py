"""``visualize_computation_graph``: the tasks and objects of the session as a picture.

Lives here: what becomes a node and an edge, and files. Does not: places of nodes
(``layered``), what they look like (``drawing``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ray_jupyter import session
from ray_jupyter.compat2016.drawing import Shape, to_dot, to_svg
from ray_jupyter.compat2016.layered import Edge, Node

TASKS_MAX = 300
"""Tasks beyond this are not drawn, the oldest first: nobody can read more."""
ROOT = "op-root"
_BY_GRAPHVIZ = (".pdf", ".png")


class ComputationGraph:
    """Tasks and objects of a session at one moment; a notebook shows it as a picture.

    Attributes:
        shapes: what each node looks like; a node is ``"op-root"``, ``("task", id)`` or
            ``("object", id)``.
        edges: ``"launched"`` or ``"data"`` by (node, node).
        path: the file it was written to, or ``None``.
    """

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        """Take rows of tasks.

        Args:
            rows: (task id, parent id, name, state, when submitted, number of results, ids of
                the arguments) each.
        """
        self.path: Path | None = None
        self.left_out = max(0, len(rows) - TASKS_MAX)
        rows = sorted(rows, key=lambda row: (row[4], row[0]))[self.left_out :]
        self.shapes: dict[Node, Shape] = {ROOT: Shape("root", ROOT, "", "the driver")}
        self.edges: dict[Edge, str] = {}
        drawn = {row[0] for row in rows}
        for row in rows:
            self._add(row, drawn)

    def _add(self, row: tuple[Any, ...], drawn: set[int]) -> None:
        task_id, parent_id, name, state, _, num_returns, arguments = row
        task = ("task", task_id)
        self.shapes[task] = Shape("task", name, state, f"task {task_id:x}: {name}, {state}")
        parent = ("task", parent_id) if parent_id in drawn else ROOT
        self.edges[parent, task] = "launched"
        for object_id in range(task_id, task_id + num_returns):
            self._object(object_id)
            self.edges[task, ("object", object_id)] = "data"
        for object_id in arguments:
            self._object(object_id)
            self.edges[("object", object_id), task] = "data"

    def _object(self, object_id: int) -> None:
        name = f"{object_id:x}"
        self.shapes.setdefault(("object", object_id), Shape("object", name, "", f"object {name}"))

    @property
    def svg(self) -> str:
        """The picture."""
        note = f"{self.left_out} older tasks are not drawn" if self.left_out else ""
        return to_svg(self.shapes, self.edges, note)

    @property
    def dot(self) -> str:
        """The graph in the language of graphviz."""
        return to_dot(self.shapes, self.edges)

    def save(self, file_path: str | os.PathLike[str]) -> None:
        """Write the picture; the ending says how: ``.svg``, ``.dot``, ``.pdf`` or ``.png``.

        Raises:
            ValueError: another ending.
            RuntimeError: PDF or PNG, and graphviz is not there or fails.
            OSError: the file cannot be written.
        """
        path = Path(file_path)
        ending = path.suffix.lower()
        if ending == ".svg":
            path.write_text(self.svg, encoding="utf-8")
        elif ending in (".dot", ".gv"):
            path.write_text(self.dot, encoding="utf-8")
        elif ending in _BY_GRAPHVIZ:
            _draw_with_graphviz(self.dot, path)
        else:
            raise ValueError(
                f"file_path must end in .svg, .dot, .pdf or .png, got {os.fspath(file_path)!r}"
            )
        self.path = path

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        tasks = sum(shape.kind == "task" for shape in self.shapes.values())
        objects = sum(shape.kind == "object" for shape in self.shapes.values())
        place = f", in {self.path}" if self.path else ""
        return f"<computation graph of {tasks} tasks and {objects} objects{place}>"


def visualize_computation_graph(
    file_path: str | os.PathLike[str] | None = None, view: bool = False
) -> ComputationGraph:
    """Draw the tasks (boxes) and objects (ovals) of the session.

    Dotted edges lead from a task, or from ``op-root``, to the tasks that it launched; solid
    ones are data: from a task to its results, from an object to the tasks that took it.

    Args:
        file_path: where to write it: SVG, DOT, or with the program ``dot`` PDF and PNG.
        view: open the file with what this machine shows such files with.

    Returns:
        The graph, which a notebook shows as a picture.

    Raises:
        NotInitializedError: no session is running.
        ValueError, RuntimeError, OSError: see ``ComputationGraph.save``.
    """
    backend = session.connected()
    live = [(*row[:4], row[6], *row[-2:]) for row in backend.query("unfinished")]
    ended = [(*record[:4], record[5], *record[9:11]) for record in backend.events(0)[1]]
    # A task may end between the two questions: then the later answer holds.
    rows = {row[0]: row for row in live + ended}
    graph = ComputationGraph(list(rows.values()))
    if view and file_path is None:
        descriptor, file_path = tempfile.mkstemp(suffix=".svg", prefix="computation-graph-")
        os.close(descriptor)
    if file_path is not None:
        graph.save(file_path)
    if view and graph.path is not None:
        import webbrowser

        webbrowser.open(graph.path.resolve().as_uri())
    return graph


def _draw_with_graphviz(text: str, path: Path) -> None:
    program = shutil.which("dot")
    if program is None:
        raise RuntimeError(
            f"{path.suffix} needs the program 'dot' of graphviz, which is not on the PATH; "
            "write .svg instead, which needs nothing"
        )
    form = path.suffix[1:].lower()
    done = subprocess.run(
        [program, f"-T{form}", "-o", os.fspath(path)], input=text, text=True, encoding="utf-8",
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(
            f"dot could not draw {path} (exit code {done.returncode}): {done.stderr}"
        )
