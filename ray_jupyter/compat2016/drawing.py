"""A computation graph as text: SVG, and the language of graphviz. Pure.

Tasks are boxes, objects are ovals; a dotted edge says *launched*, a solid one is data. Names
are the user's and are always escaped text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

from ray_jupyter.compat2016.layered import Edge, Node, Point, lay_out

_HEIGHT_CSS_PX = 28.0
_LETTER_CSS_PX = 7.0
_MARGIN_CSS_PX = 12.0
_NAME_MAX = 32
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STYLE = (
    ".rj-graph{font:12px system-ui,sans-serif}"
    ".rj-graph text{text-anchor:middle;dominant-baseline:central;fill:#1b1f24}"
    ".rj-graph .task{fill:#dbeafe;stroke:#1d4ed8}.rj-graph .failed{fill:#fee2e2;stroke:#b91c1c;"
    "stroke-width:2}.rj-graph .running{fill:#fef3c7;stroke:#b45309}"
    ".rj-graph .object{fill:#f3f4f6;stroke:#4b5563}.rj-graph .root{fill:#e5e7eb;stroke:#111827}"
    ".rj-graph .note{fill:#6b7280}.rj-graph path{fill:none;stroke:#6b7280}.rj-graph .launched{stroke-dasharray:2 4}"
)


class Shape(NamedTuple):
    """What a node looks like.

    Attributes:
        kind: ``"root"``, ``"task"`` or ``"object"``.
        name: what stands in it.
        state: one of Ray's task states, or nothing.
        title: what a pointer that rests on it shows.
    """

    kind: str
    name: str
    state: str
    title: str


def to_svg(shapes: Mapping[Node, Shape], edges: Mapping[Edge, str], note: str = "") -> str:
    """Return the drawing.

    Args:
        shapes: by node.
        edges: ``"launched"`` or ``"data"``, by edge.
        note: a line below the drawing.
    """
    widths = {node: _width(shape) for node, shape in shapes.items()}
    centres, bends = lay_out(widths, list(edges))
    right = max((centres[node][0] + widths[node] / 2 for node in shapes), default=0.0)
    bottom = max((y for _, y in centres.values()), default=0.0) + _HEIGHT_CSS_PX / 2
    width = right + 2 * _MARGIN_CSS_PX
    height = bottom + _HEIGHT_CSS_PX / 2 + 2 * _MARGIN_CSS_PX + (24 if note else 0)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="rj-graph" role="img" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        'style="max-width:100%;height:auto">',  # a wide graph shrinks to its page
        f"<title>Computation graph of {len(shapes)} nodes</title><style>{_STYLE}</style>",
        '<defs><marker id="rj-tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#6b7280;stroke:none"/></marker>'
        "</defs>",
        f'<g transform="translate({_MARGIN_CSS_PX:.0f} '
        f'{_MARGIN_CSS_PX + _HEIGHT_CSS_PX / 2:.0f})">',
    ]
    for (source, target), kind in edges.items():
        points = [centres[source], *bends[source, target], centres[target]]
        lines.append(f'<path class="{kind}" d="{_curve(points)}" marker-end="url(#rj-tip)"/>')
    lines += [_node(shape, centres[node], widths[node]) for node, shape in shapes.items()]
    if note:
        lines.append(
            f'<text class="note" x="{right / 2:.0f}" y="{bottom + 20:.0f}">{_text(note)}</text>'
        )
    return "\n".join([*lines, "</g></svg>"])


def to_dot(shapes: Mapping[Node, Shape], edges: Mapping[Edge, str]) -> str:
    """Return the graph in the language of graphviz."""
    numbers = {node: number for number, node in enumerate(shapes)}
    lines = ["digraph computation {"]
    for node, shape in shapes.items():
        form = "ellipse" if shape.kind == "object" else "box"
        lines.append(f'  n{numbers[node]} [shape={form}, label="{_quoted(shape.name)}"];')
    for (source, target), kind in edges.items():
        style = "dotted" if kind == "launched" else "solid"
        lines.append(f"  n{numbers[source]} -> n{numbers[target]} [style={style}];")
    return "\n".join([*lines, "}\n"])


def _width(shape: Shape) -> float:
    return max(40.0, len(_short(shape.name)) * _LETTER_CSS_PX + 20)


def _short(name: str) -> str:
    return name if len(name) <= _NAME_MAX else name[: _NAME_MAX - 1] + "…"


def _node(shape: Shape, centre: Point, width: float) -> str:
    x, y = centre
    looks = {"FAILED": "failed", "FINISHED": "", "": ""}.get(shape.state, "running")
    classes = f'class="{shape.kind}{" " + looks if looks else ""}"'
    if shape.kind == "object":
        form = (
            f'<ellipse {classes} cx="{x:.1f}" cy="{y:.1f}" rx="{width / 2:.1f}" '
            f'ry="{_HEIGHT_CSS_PX / 2:.0f}"/>'
        )
    else:
        form = (
            f'<rect {classes} x="{x - width / 2:.1f}" y="{y - _HEIGHT_CSS_PX / 2:.1f}" '
            f'width="{width:.1f}" height="{_HEIGHT_CSS_PX:.0f}"/>'
        )
    name = f'<text x="{x:.1f}" y="{y:.1f}">{_text(_short(shape.name))}</text>'
    return f"<g><title>{_text(shape.title)}</title>{form}{name}</g>"


def _curve(points: Sequence[Point]) -> str:
    """Return a path from below the first node to the top of the last, upright at each point."""
    ends = list(points)
    ends[0] = (ends[0][0], ends[0][1] + _HEIGHT_CSS_PX / 2)
    ends[-1] = (ends[-1][0], ends[-1][1] - _HEIGHT_CSS_PX / 2)
    parts = [f"M{ends[0][0]:.1f} {ends[0][1]:.1f}"]
    for (x0, y0), (x1, y1) in pairwise(ends):
        middle = (y0 + y1) / 2
        parts.append(f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}")
    return "".join(parts)


def _text(value: str) -> str:
    return escape(_NOT_IN_XML.sub("\ufffd", value))


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ").replace("\0", " ")
