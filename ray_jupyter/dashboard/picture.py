"""A snapshot as a picture: what stays in a saved notebook, needs no JavaScript and no fonts.

Lives here: SVG, from a snapshot alone. Does not: where nodes go (``shelves``).
Whatever users name is text here, never markup: it all passes ``_text``. The colours, and what
each part shows, are those of the live view (``labextension/src/``).
"""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr

from ray_jupyter.config import format_size
from ray_jupyter.dashboard.frames import Frame
from ray_jupyter.dashboard.model import (
    CANCELLED,
    CELL,
    FAILED,
    FINISHED,
    KIND,
    LIVE,
    NAME,
    OTHERS,
    RUNNING,
    WALL,
)
from ray_jupyter.dashboard.shelves import arrange
from ray_jupyter.runtime.protocol.messages import ACTOR

PALETTE = (
    "#1758a0", "#c0883b", "#048059", "#83205f", "#559cbd", "#614529", "#8852fa", "#656f03", "#6b7785",
)  # fmt: skip
"""Apart for the colour-blind too (``labextension/src/drawing/palette.ts``); the last, grey, is for
what is no one function."""
_START = 3_675
"""With it usual names (load, clean, train) come to different, quiet colours."""
WIDTH_CSS_PX = 760.0
_NODES_MAX = 24
_LANES_MAX = 16
_NODE_CSS_PX = (150.0, 46.0)
_LANE_CSS_PX, _LABEL_CSS_PX, _MARGIN_CSS_PX = 18.0, 96.0, 14.0
_INK, _FAINT, _LINE, _GROUND, _BAD = "#1f2933", "#616e7c", "#cbd2d9", "#ffffff", "#b3261e"


def to_svg(frame: Frame) -> str:
    """Return the picture of a snapshot."""
    parts, height = [_headline(frame)], 46.0
    colours = colours_of([row[1] for row in frame["nodes"]])
    drawing, used = _graph(frame, colours, height)
    parts.append(drawing)
    height += used
    drawing, used = _timeline(frame, colours, height)
    parts.append(drawing)
    height += used + _MARGIN_CSS_PX
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_CSS_PX:.0f} {height:.0f}" '
        f'width="{WIDTH_CSS_PX:.0f}" height="{height:.0f}" role="img" '
        'font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif" font-size="12">'
        f"<title>{_text(summary(frame))}</title>"
        f'<rect width="100%" height="100%" rx="6" fill="{_GROUND}" stroke="{_LINE}"/>'
        f"{''.join(parts)}</svg>"
    )


def summary(frame: Frame) -> str:
    """Return the numbers of a snapshot in one line of plain text."""
    totals = frame["totals"]
    lanes = [row for row in frame["lanes"] if row[3] != "GONE"]
    busy = sum(row[3] == "RUNNING" for row in lanes)
    waiting = max(0, totals.get("live", 0) - busy)
    parts = [
        f"{busy} of {len(lanes)} workers busy",
        f"{totals.get('finished', 0):,} tasks finished",
        f"{waiting:,} waiting",
        f"{totals.get('failed', 0):,} failed",
        *([f"{totals['cancelled']:,} cancelled"] if totals.get("cancelled") else []),
        f"{format_size(totals.get('store_used_bytes', 0))} in the store",
    ]
    return " · ".join(parts)


def colours_of(names: list[str]) -> list[str]:
    """Return the colours of nodes: by name, the next free one if another name has it."""
    places: dict[str, int] = {OTHERS: len(PALETTE) - 1}
    for name in names:
        if name in places:
            continue
        taken = set(places.values())
        place = _wish(name)
        while place in taken and len(taken) < len(PALETTE):
            place = (place + 1) % (len(PALETTE) - 1)
        places[name] = place
    return [PALETTE[places[name]] for name in names]


def _wish(name: str) -> int:
    """Return the place a name would have alone: Fowler, Noll and Vo's hash from ``_START``, folded."""
    value = _START
    for character in name:
        value = ((value ^ ord(character)) * 16_777_619) & 0xFFFF_FFFF
    return (value ^ (value >> 15)) % (len(PALETTE) - 1)


def _headline(frame: Frame) -> str:
    state = "ended" if frame.get("is_over") else f"{frame['now_us'] / 1e6:.1f} s"
    return (
        f'<text x="{_MARGIN_CSS_PX}" y="26" font-weight="600" fill="{_INK}">ray_jupyter</text>'
        f'<text x="100" y="26" fill="{_FAINT}">{_text(summary(frame))}</text>'
        f'<text x="{WIDTH_CSS_PX - _MARGIN_CSS_PX}" y="26" text-anchor="end" fill="{_FAINT}">'
        f"{_text(state)}</text>"
    )


def _graph(frame: Frame, colours: list[str], top: float) -> tuple[str, float]:
    nodes = {row[0]: row[1:] for row in frame["nodes"]}
    busiest = sorted(nodes, key=lambda n: -(nodes[n][WALL] + nodes[n][LIVE] + nodes[n][FINISHED]))
    shown = sorted(busiest[:_NODES_MAX])
    if not shown:
        return "", 0.0
    wide, high = _NODE_CSS_PX
    edges = {
        (row[1], row[2]): row for row in frame["edges"]
        if row[1] in shown and row[2] in shown and row[1] != row[2]
    }  # fmt: skip
    room = WIDTH_CSS_PX - 2 * _MARGIN_CSS_PX
    places, bends = arrange(shown, list(edges), _NODE_CSS_PX, room)
    right = max(x for x, _ in places.values()) + wide / 2
    scale = min(1.0, room / right)
    shift = (WIDTH_CSS_PX - right * scale) / 2
    below = max(y for _, y in places.values()) + high
    parts = []
    for (source, target), row in edges.items():
        points = [places[source], *bends.get((source, target), ()), places[target]]
        (x, y), (to_x, to_y) = points[0], points[-1]
        middle = "".join(f" L{px:.1f},{py + high / 2:.1f}" for px, py in points[1:-1])
        dashes = ' stroke-dasharray="4 3"' if row[3] == 0 else ""
        parts.append(
            f'<path d="M{x:.1f},{y + high:.1f}{middle} L{to_x:.1f},{to_y:.1f}" fill="none" '
            f'stroke="{_FAINT}"{dashes}/>'
            f'<text x="{(x + to_x) / 2 + 4:.1f}" y="{(y + high + to_y) / 2 + 4:.1f}" '
            f'font-size="10" fill="{_FAINT}">{row[4]:,}</text>'
        )
    cells = {row[0]: row[2] for row in frame["cells"]}
    parts += [_node(nodes[n], cells.get(nodes[n][CELL], ""), colours[n], *places[n]) for n in shown]
    left_out = len(nodes) - len(shown)
    note = f"{left_out} further functions" if left_out else ""
    drawing = (
        f'<g transform="translate({shift:.1f},{top:.1f}) scale({scale:.3f})">{"".join(parts)}'
        f'<text x="0" y="{below + 12:.1f}" fill="{_FAINT}">{_text(note)}</text></g>'
    )
    return drawing, (below + (16 if note else 0)) * scale + 18


def _node(row: list[Any], cell: str, colour: str, x: float, y: float) -> str:
    wide, high = _NODE_CSS_PX
    cancelled = row[CANCELLED] if len(row) > CANCELLED else 0
    done = row[FINISHED] + row[FAILED]
    is_class = row[KIND] == ACTOR  # its actors live on after they were made
    live = 0 if is_class else row[LIVE]
    total = max(1, done + cancelled + live)
    bar = wide - 16
    good, bad, off = (bar * part / total for part in (row[FINISHED], row[FAILED], cancelled))
    state = (
        f"{row[LIVE]:,} alive · {done + cancelled:,} made"
        if is_class
        else f"{done:,} of {done + live:,}"
    )
    state += f" · {row[FAILED]:,} failed" if row[FAILED] else ""  # first: it may have to be cut
    state += f" · {row[RUNNING]:,} running" if row[RUNNING] else ""
    state += f" · {cancelled:,} cancelled" if cancelled else ""
    label = f"{cell} {row[NAME]}" if cell else row[NAME]
    return (
        f'<g transform="translate({x - wide / 2:.1f},{y:.1f})"><title>{_text(label)}</title>'
        f'<rect width="{wide}" height="{high}" rx="5" fill="{_GROUND}" stroke="{_LINE}"/>'
        f'<rect width="4" height="{high}" rx="2" fill="{colour}"/>'
        f'<text x="10" y="16" font-weight="600" fill="{_INK}">{_text(_cut(row[NAME], 20))}</text>'
        f'<text x="10" y="30" font-size="10" fill="{_FAINT}">{_text(_cut(state, 30))}</text>'
        f'<rect x="10" y="36" width="{bar:.1f}" height="5" rx="2" fill="{_LINE}"/>'
        f'<rect x="10" y="36" width="{good:.1f}" height="5" rx="2" fill="{colour}"/>'
        f'<rect x="{10 + good:.1f}" y="36" width="{bad:.1f}" height="5" fill="{_BAD}"/>'
        f'<rect x="{10 + good + bad:.1f}" y="36" width="{off:.1f}" height="5" fill="{_FAINT}"/></g>'
    )


def _timeline(frame: Frame, colours: list[str], top: float) -> tuple[str, float]:
    lanes = {row[0]: row[1:] for row in frame["lanes"]}
    bins, width_us = frame["bins"]["lanes"], frame["bins"]["width_us"]
    shown = [lane for lane in lanes if bins.get(lane)][:_LANES_MAX]
    if not shown:
        return "", 0.0
    first = min(bins[lane][0][0] for lane in shown)
    last = max(bins[lane][-1][0] for lane in shown) + 1
    room = WIDTH_CSS_PX - 2 * _MARGIN_CSS_PX - _LABEL_CSS_PX
    step = room / max(1, last - first)
    parts = []
    for index, lane in enumerate(shown):
        y = top + index * _LANE_CSS_PX
        label = _cut(lanes[lane][3] or f"worker {lanes[lane][0]}", 15)
        parts.append(
            f'<text x="{_MARGIN_CSS_PX}" y="{y + 12:.1f}" fill="{_FAINT}">{_text(label)}</text>'
        )
        for at, busy, node in bins[lane]:
            x = _MARGIN_CSS_PX + _LABEL_CSS_PX + (at - first) * step
            tall = max(1.0, (_LANE_CSS_PX - 4) * busy / 1000)
            parts.append(
                f'<rect x="{x:.1f}" y="{y + _LANE_CSS_PX - 4 - tall:.1f}" width="{max(step, 0.6):.2f}" '
                f'height="{tall:.1f}" fill="{colours[node] if 0 <= node < len(colours) else PALETTE[-1]}"/>'
            )
    y = top + len(shown) * _LANE_CSS_PX
    start_s, end_s = first * width_us / 1e6, last * width_us / 1e6
    left, right = _MARGIN_CSS_PX + _LABEL_CSS_PX, WIDTH_CSS_PX - _MARGIN_CSS_PX
    parts.append(
        f'<path d="M{left},{y} H{right}" stroke="{_LINE}"/>'
        f'<text x="{left}" y="{y + 13:.1f}" font-size="10" fill="{_FAINT}">{start_s:.1f} s</text>'
        f'<text x="{right}" y="{y + 13:.1f}" font-size="10" text-anchor="end" fill="{_FAINT}">'
        f"{end_s:.1f} s</text>"
    )
    return "".join(parts), len(shown) * _LANE_CSS_PX + 16


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _text(text: str) -> str:
    """Return text as XML, without what XML cannot hold."""
    return escape("".join(c if c.isprintable() or c == "\n" else "�" for c in text))


def attribute(text: str) -> str:
    """Return text as a quoted attribute of HTML."""
    return quoteattr(_text(text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
