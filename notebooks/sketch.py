"""Small pictures for the notebooks, as SVG: they show on GitHub, and need no plotting library.

A ``Picture`` shows itself in a notebook. ``curve`` draws one value after the other, ``scatter``
draws points; for more than that use matplotlib.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, MARGIN = 480, 160, 44
INK, LINE = "#888", "#2a7ab0"


@dataclass(frozen=True)
class Picture:
    """An SVG that a notebook shows.

    Attributes:
        svg: the markup.
        words: what it shows, where pictures cannot be shown.
    """

    svg: str
    words: str

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return self.words


def curve(values: Sequence[float], *, title: str, log: bool = False) -> Picture:
    """Draw ``values`` from left to right; ``log`` asks for a logarithmic scale."""
    return scatter(list(enumerate(values)), title=title, log=log, joined=True)


def scatter(
    points: Sequence[tuple[float, float]], *, title: str, log: bool = False, joined: bool = False
) -> Picture:
    """Draw points, or with ``joined`` the line through them."""
    if not points:
        raise ValueError("expected at least one point to draw, got none")
    across = [float(x) for x, _ in points]
    values = [float(y) for _, y in points]
    up = [math.log(y) for y in values] if log else values
    xs, ys = _scaled(across, MARGIN, WIDTH - 8), _scaled(up, HEIGHT - 20, 22)
    places = list(zip(xs, ys, strict=True))
    if joined:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        drawing = f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="2"/>'
    else:
        dot = '<circle cx="{:.1f}" cy="{:.1f}" r="3.5" fill="{}" fill-opacity="0.7"/>'
        drawing = "".join(dot.format(x, y, LINE) for x, y in places)
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    texts = (
        _text(MARGIN, 14, title, "start")
        + _text(MARGIN - 6, 27, high, "end")
        + _text(MARGIN - 6, HEIGHT - 20, low, "end")
        + _text(MARGIN, HEIGHT - 4, f"{min(across):.4g}", "start")
        + _text(WIDTH - 8, HEIGHT - 4, f"{max(across):.4g}", "end")
    )
    frame = f'<path d="M{MARGIN} 20V{HEIGHT - 18}H{WIDTH - 6}" fill="none" stroke="{INK}"/>'
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" font-family="sans-serif" font-size="11">'
        f"<title>{escape(title)}</title>{frame}{drawing}{texts}</svg>"
    )
    return Picture(svg, f"<{title}: {len(points)} points from {low} to {high}>")


def _scaled(values: list[float], start: float, end: float) -> list[float]:
    low, high = min(values), max(values)
    span = high - low or 1.0
    return [start + (value - low) / span * (end - start) for value in values]


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{INK}">{escape(text)}</text>'
