"""The picture: well-formed, boxes and ovals, and names are text whatever is in them."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_jupyter.compat2016.drawing import Shape, to_dot, to_svg

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {
    "root": Shape("root", "op-root", "", "the driver"),
    1: Shape("task", "work", "FINISHED", "task 1"),
    2: Shape("object", "1", "", "object 1"),
    3: Shape("task", "later", "RUNNING", "task 3"),
}
EDGES = {("root", 1): "launched", (1, 2): "data", (2, 3): "data", ("root", 3): "launched"}


def test_boxes_ovals_and_edges() -> None:
    tree = ElementTree.fromstring(to_svg(SHAPES, EDGES, "a note"))
    assert len(tree.findall(f".//{SVG}rect")) == 3
    assert len(tree.findall(f".//{SVG}ellipse")) == 1
    classes = [path.get("class") for path in tree.findall(f".//{SVG}path") if path.get("class")]
    assert sorted(str(name) for name in classes) == ["data", "data", "launched", "launched"]
    assert [rect.get("class") for rect in tree.findall(f".//{SVG}rect")] == [
        "root", "task", "task running",
    ]  # fmt: skip
    assert "a note" in [text.text for text in tree.findall(f".//{SVG}text")]


def test_a_wide_graph_shrinks_to_its_page() -> None:
    root = ElementTree.fromstring(to_svg(SHAPES, EDGES, ""))
    assert root.get("style") == "max-width:100%;height:auto"
    assert root.get("viewBox")


@given(st.text())
def test_any_name_is_text(name: str) -> None:
    shapes = {0: Shape("task", name, "FAILED", name)}
    tree = ElementTree.fromstring(to_svg(shapes, {}))
    assert len(list(tree.iter())) == len(
        list(ElementTree.fromstring(to_svg(SHAPES | {0: shapes[0]}, {})).iter())
    ) - 3 * len(SHAPES) - len(SHAPES)  # a group, a title, a form and a text for each node


@pytest.mark.parametrize("name", ["<script>", "a&b", "\x00", "\ud800", "x" * 100])
def test_names_that_would_break_it(name: str) -> None:
    text = to_svg({0: Shape("task", name, "", name)}, {})
    ElementTree.fromstring(text.encode("utf-8"))
    assert "<script>" not in text


def test_the_language_of_graphviz() -> None:
    text = to_dot(
        {1: Shape("task", 'a"b\\', "", ""), 2: Shape("object", "1", "", "")}, {(1, 2): "data"}
    )
    assert text.splitlines() == [
        "digraph computation {",
        '  n0 [shape=box, label="a\\"b\\\\"];',
        '  n1 [shape=ellipse, label="1"];',
        "  n0 -> n1 [style=solid];",
        "}",
    ]
