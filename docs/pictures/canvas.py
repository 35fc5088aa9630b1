"""Boxes, arrows and words as SVG that is readable on light and on dark pages.

Lives here: how the drawings of the documentation look. Does not: what they show (``draw``).

A drawing brings its own paper, and takes the reader's colour scheme, so that it is readable
wherever it is shown. Words that would not fit into their box are an error, not a surprise.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

Point = tuple[float, float]

LINE_HEIGHT = 17
_NARROW, _WIDE = frozenset("iljtfr.,:;|'!()[] "), frozenset("mwMW@%→")
_STYLE = """
svg{--paper:#fcfcfd;--ink:#1c2330;--soft:#535c6a;--line:#6e7787;--plain:#fff;--plain-line:#8a93a3;\
--you:#efe8fc;--you-line:#7d4fc4;--decide:#e4edfd;--decide-line:#2f66c8;--work:#e2f3e8;\
--work-line:#2b8050;--memory:#fdf0da;--memory-line:#b0710c;--bad:#fde6e4;--bad-line:#c23b31}
@media(prefers-color-scheme:dark){svg{--paper:#1a1e26;--ink:#e8ecf3;--soft:#b3bbc8;--line:#95a0b2;\
--plain:#262c37;--plain-line:#7b8697;--you:#352a4d;--you-line:#b79af0;--decide:#1f3356;\
--decide-line:#7fabf5;--work:#1d3b2a;--work-line:#6fc492;--memory:#463418;--memory-line:#e0ac58;\
--bad:#4a2624;--bad-line:#f08a80}}
text{font:13px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;fill:var(--ink)}
.title{font-weight:600}.soft{fill:var(--soft)}.code{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:12px}
.arrow{fill:none;stroke:var(--line);stroke-width:1.6}.dashed{stroke-dasharray:5 4}
.plate{fill:var(--paper)}marker path{fill:var(--line)}
"""
KINDS = ("plain", "you", "decide", "work", "memory", "bad")


def width_of(text: str, look: str = "") -> float:
    """Return about how many units wide a line is; rather more than less."""
    if look == "code":
        return 7.4 * len(text)
    ems = sum(0.34 if c in _NARROW else 0.9 if c in _WIDE else 0.58 for c in text)
    ems += sum(0.12 for c in text if c.isupper())
    return 13 * ems * (1.06 if look == "title" else 1.0)


class Canvas:
    """One drawing.

    Args:
        width: in units, which are CSS pixels where the drawing is not scaled.
        height: the same.
        title: what it is, for those who cannot see it.
        description: what is to be seen, in a sentence or two.
    """

    def __init__(self, width: int, height: int, title: str, description: str) -> None:
        self._width, self._height = width, height
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" aria-labelledby="t d">',
            f'<title id="t">{escape(title)}</title><desc id="d">{escape(description)}</desc>',
            f"<style>{_STYLE}" + "".join(f".{k}{{fill:var(--{k});stroke:var(--{k}-line)}}" for k in KINDS)
            + "</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
            'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
            '<path d="M0 0 8 4 0 8z"/></marker></defs>',
            f'<rect class="plate" width="{width}" height="{height}" rx="10"/>',
        ]  # fmt: skip

    def box(
        self, x: float, y: float, width: float, height: float, title: str = "", *lines: str,
        kind: str = "plain", look: str = "", top: bool = False,
    ) -> None:  # fmt: skip
        """Draw a box with a title and lines below it, in the middle (or at its ``top``).

        Raises:
            ValueError: it does not fit.
        """
        rows = [(title, "title")] * bool(title) + [(line, look or "soft") for line in lines]
        room = len(rows) * LINE_HEIGHT + 6
        if room > height or x < 0 or y < 0 or x + width > self._width or y + height > self._height:
            raise ValueError(f"a box of {width} x {height} at {x}, {y} does not hold {rows}")
        self._parts.append(
            f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6" '
            'stroke-width="1.4"/>'
        )
        first = y + 20 if top else y + (height - len(rows) * LINE_HEIGHT) / 2 + 13
        for row, (text, row_look) in enumerate(rows):
            if width_of(text, row_look) > width - 8:
                raise ValueError(f"{text!r} is wider than its box of {width}")
            self._write(x + width / 2, first + row * LINE_HEIGHT, text, row_look, "middle")

    def words(
        self, x: float, y: float, *lines: str, look: str = "soft", anchor: str = "start"
    ) -> None:
        """Write lines, the first at ``y``.

        Raises:
            ValueError: they leave the paper.
        """
        for row, line in enumerate(lines):
            left = x - width_of(line, look) * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
            if left < 0 or left + width_of(line, look) > self._width + 8:
                raise ValueError(f"{line!r} at {x} leaves the paper, which is {self._width} wide")
            self._write(x, y + row * LINE_HEIGHT, line, look, anchor)

    def arrow(self, *points: Point, both: bool = False, dashed: bool = False) -> None:
        """Draw an arrow along ``points``."""
        path = "M" + " ".join(f"{x} {y}" for x, y in points)
        start = ' marker-start="url(#tip)"' if both else ""
        style = "arrow dashed" if dashed else "arrow"
        self._parts.append(f'<path class="{style}" d="{path}" marker-end="url(#tip)"{start}/>')

    def cells(
        self, x: float, y: float, height: float, cells: Sequence[tuple[float, str, str]]
    ) -> None:
        """Draw boxes side by side: width, words and kind of each."""
        for width, words, kind in cells:
            self.box(x, y, width, height, "", *words.split("\n"), kind=kind)
            x += width

    def _write(self, x: float, y: float, text: str, look: str, anchor: str) -> None:
        place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}"'
        self._parts.append(f'<text class="{look}" {place}>{escape(text)}</text>')

    def svg(self) -> str:
        """Return the file."""
        return "\n".join([*self._parts, "</svg>"]) + "\n"
