"""Where the boxes of a graph go in a picture of a given width: parts that touch nobody wrap.

A notebook's cells make graphs that have nothing to do with one another. In one row they would be
drawn too small to read; like books they are put side by side, and on the next shelf when one is full.
"""

from __future__ import annotations

from collections.abc import Sequence

from ray_jupyter.compat2016.layered import lay_out

Point = tuple[float, float]
_GAP_CSS_PX = 18.0


def arrange(
    nodes: Sequence[int], edges: Sequence[tuple[int, int]], size: Point, room: float
) -> tuple[dict[int, Point], dict[tuple[int, int], list[Point]]]:
    """Return the places of nodes (middle, top) and the bends of edges.

    Args:
        nodes: in the order in which parts of the graph are placed.
        edges: pairs of them.
        size: width and height of every box.
        room: the width of the picture; a part that is wider alone stays as it is.
    """
    wide, high = size
    places: dict[int, Point] = {}
    bends: dict[tuple[int, int], list[Point]] = {}
    left = top = shelf = 0.0
    for part in _parts(nodes, edges):
        own = [edge for edge in edges if edge[0] in part]
        at, bent = lay_out(dict.fromkeys(part, wide), own)
        start = min(x for x, _ in at.values()) - wide / 2
        width = max(x for x, _ in at.values()) + wide / 2 - start
        if left and left + width > room:
            left, top, shelf = 0.0, top + shelf + _GAP_CSS_PX, 0.0
        places |= {node: (at[node][0] - start + left, at[node][1] + top) for node in part}
        for edge in own:
            bends[edge] = [(x - start + left, y + top) for x, y in bent.get(edge, ())]
        left += width + _GAP_CSS_PX
        shelf = max(shelf, max(y for _, y in at.values()) + high)
    return places, bends


def _parts(nodes: Sequence[int], edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the connected parts, each in the order of ``nodes``, by their first node."""
    neighbours: dict[int, set[int]] = {node: set() for node in nodes}
    for one, other in edges:
        neighbours[one].add(other)
        neighbours[other].add(one)
    found: list[list[int]] = []
    seen: set[int] = set()
    for node in nodes:
        if node in seen:
            continue
        reached, waiting = {node}, [node]
        while waiting:
            news = neighbours[waiting.pop()] - reached
            reached |= news
            waiting += news
        seen |= reached
        found.append([node for node in nodes if node in reached])
    return found
