"""What becomes a node; files and what they need."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter.compat2016 import graph as module
from ray_jupyter.compat2016.graph import TASKS_MAX, ComputationGraph

ROWS: list[tuple[Any, ...]] = [
    (16, 0, "load", "FINISHED", 1, 2, ()),
    (18, 16, "work", "FAILED", 2, 0, (17, 5)),
]


def test_nodes_and_edges() -> None:
    graph = ComputationGraph(ROWS)
    assert [node for node in graph.shapes if node != "op-root"] == [
        ("task", 16), ("object", 16), ("object", 17), ("task", 18), ("object", 5),
    ]  # fmt: skip
    assert graph.edges == {
        ("op-root", ("task", 16)): "launched",
        (("task", 16), ("object", 16)): "data",
        (("task", 16), ("object", 17)): "data",
        (("task", 16), ("task", 18)): "launched",
        (("object", 17), ("task", 18)): "data",
        (("object", 5), ("task", 18)): "data",
    }
    assert repr(graph) == "<computation graph of 2 tasks and 3 objects>"


def test_the_oldest_are_left_out() -> None:
    rows = [(1000 - n, 0, "f", "FINISHED", n, 1, ()) for n in range(TASKS_MAX + 3)]
    graph = ComputationGraph(rows)
    assert ("task", 1000) not in graph.shapes
    assert ("task", 1000 - 3) in graph.shapes
    assert "3 older tasks are not drawn" in graph.svg


def test_files(tmp_path: Path) -> None:
    graph = ComputationGraph(ROWS)
    graph.save(tmp_path / "g.SVG")
    assert (tmp_path / "g.SVG").read_text().startswith("<svg")
    graph.save(str(tmp_path / "g.dot"))
    assert (tmp_path / "g.dot").read_text() == graph.dot
    assert str(tmp_path / "g.dot") in repr(graph)
    with pytest.raises(ValueError, match=r"must end in \.svg.*g\.gif"):
        graph.save(tmp_path / "g.gif")


def test_pdf_without_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"\.pdf needs the program 'dot'.*write \.svg"):
        ComputationGraph(ROWS).save(tmp_path / "g.pdf")


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_png_with_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\n[ "$1" = -Tpng ] || exit 3\ncat > "$3"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    graph = ComputationGraph(ROWS)
    graph.save(tmp_path / "g.png")
    assert (tmp_path / "g.png").read_text() == graph.dot
    with pytest.raises(RuntimeError, match="exit code 3"):
        graph.save(tmp_path / "g.pdf")


def test_view_opens_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))
    with ray.init(mode="inline"):
        ray.remote(abs).remote(-1)
        graph = ray.visualize_computation_graph(view=True)
    assert graph.path is not None
    assert opened == [graph.path.as_uri()]
    assert "abs" in graph.path.read_text()


def test_needs_a_session() -> None:
    with pytest.raises(ray.NotInitializedError):
        ray.visualize_computation_graph()
