"""Where the nodes of a directed graph go: in rows, edges downwards, few crossings. Pure.

The method is Sugiyama's (1981): a node's row is the length of the longest path to it; edges
over several rows are cut into pieces by *bends*, nodes without a size; rows are ordered by
the mean position of the neighbours, downwards and upwards in turn; then everything moves
towards its neighbours as far as the order allows.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise

Node = Hashable
Edge = tuple[Node, Node]
Point = tuple[float, float]

ROW_CSS_PX = 64.0
GAP_CSS_PX = 18.0
_SWEEPS = 6
_SPAN_MAX = 8
"""Edges over more rows than this have no bends: a chain of tasks that the driver launched one
by one would have more bends than anything else, quadratically many."""


def lay_out(
    widths: Mapping[Node, float], edges: Sequence[Edge]
) -> tuple[dict[Node, Point], dict[Edge, list[Point]]]:
    """Return (the centre of each node, the points that each edge passes in between).

    Args:
        widths: of the nodes, in CSS pixels; also the order that nodes of a row begin with.
        edges: (from, to). An edge that closes a circle is drawn like any other.
    """
    rows_of = _rows(widths, edges)
    width_of = dict(widths)
    chains: dict[Edge, list[Node]] = {}
    pieces: list[Edge] = []
    for edge in dict.fromkeys(edges):
        source, target = edge
        first, last = rows_of[source], rows_of[target]
        between = range(first + 1, last) if last - first <= _SPAN_MAX else ()
        bends: list[Node] = [("bend", edge, row) for row in between]
        for row, bend in enumerate(bends, start=first + 1):
            rows_of[bend] = row
            width_of[bend] = 2.0
        chains[edge] = bends
        if bends or last - first == 1:
            pieces += pairwise([source, *bends, target])
    rows: list[list[Node]] = [[] for _ in range(max(rows_of.values(), default=-1) + 1)]
    for node, row in rows_of.items():
        rows[row].append(node)
    above, below = _neighbours(pieces, rows_of)
    _order(rows, above, below)
    xs = _positions(rows, width_of, above, below)
    points = {node: (xs[node], rows_of[node] * ROW_CSS_PX) for node in rows_of}
    return (
        {node: points[node] for node in widths},
        {edge: [points[bend] for bend in bends] for edge, bends in chains.items()},
    )


def _rows(widths: Mapping[Node, float], edges: Sequence[Edge]) -> dict[Node, int]:
    """Return the row of each node; what lies on a circle is taken in the order given."""
    targets: dict[Node, list[Node]] = {node: [] for node in widths}
    missing = dict.fromkeys(widths, 0)
    for source, target in edges:
        targets[source].append(target)
        missing[target] += 1
    rows = dict.fromkeys(widths, 0)
    ready = [node for node, count in missing.items() if not count]
    waiting = dict.fromkeys(node for node, count in missing.items() if count)
    while ready or waiting:
        node = ready.pop() if ready else next(iter(waiting))
        waiting.pop(node, None)
        for target in targets[node]:
            if target in waiting:
                rows[target] = max(rows[target], rows[node] + 1)
                missing[target] -= 1
                if not missing[target]:
                    del waiting[target]
                    ready.append(target)
    return rows


def _neighbours(
    pieces: list[Edge], rows_of: Mapping[Node, int]
) -> tuple[dict[Node, list[Node]], dict[Node, list[Node]]]:
    above: dict[Node, list[Node]] = {node: [] for node in rows_of}
    below: dict[Node, list[Node]] = {node: [] for node in rows_of}
    for source, target in pieces:
        above[target].append(source)
        below[source].append(target)
    return above, below


def _order(
    rows: list[list[Node]], above: Mapping[Node, list[Node]], below: Mapping[Node, list[Node]]
) -> None:
    """Sort each row by the mean place of its neighbours in the row before."""
    place = {node: index / max(len(row), 1) for row in rows for index, node in enumerate(row)}
    for sweep in range(_SWEEPS):
        neighbours, sequence = (below, rows[::-1]) if sweep % 2 else (above, rows)
        for row in sequence:
            mean = {node: _mean([place[k] for k in neighbours[node]], place[node]) for node in row}
            row.sort(key=mean.__getitem__)
            place.update((node, index / len(row)) for index, node in enumerate(row))


def _positions(
    rows: list[list[Node]], widths: Mapping[Node, float],
    above: Mapping[Node, list[Node]], below: Mapping[Node, list[Node]],
) -> dict[Node, float]:  # fmt: skip
    xs: dict[Node, float] = {}
    for row in rows:
        x = 0.0
        for node in row:
            xs[node] = x + widths[node] / 2
            x += widths[node] + GAP_CSS_PX
    for sweep in range(2 * _SWEEPS):
        neighbours, sequence = (above, rows) if sweep % 2 else (below, rows[::-1])
        for row in sequence:
            wished = [_mean([xs[k] for k in neighbours[node]], xs[node]) for node in row]
            xs.update(zip(row, _spread(row, wished, widths), strict=True))
    left = min((xs[node] - widths[node] / 2 for node in xs), default=0.0)
    return {node: x - left for node, x in xs.items()}


def _spread(row: list[Node], wished: list[float], widths: Mapping[Node, float]) -> list[float]:
    """Return places in order, no two too near: the mean of packing from both sides."""
    near = [(widths[one] + widths[other]) / 2 + GAP_CSS_PX for one, other in pairwise(row)]
    right, left = list(wished), list(wished)
    for index in range(1, len(row)):
        right[index] = max(wished[index], right[index - 1] + near[index - 1])
    for index in range(len(row) - 2, -1, -1):
        left[index] = min(wished[index], left[index + 1] - near[index])
    return [(one + other) / 2 for one, other in zip(right, left, strict=True)]


def _mean(values: list[float], default: float) -> float:
    return sum(values) / len(values) if values else default
