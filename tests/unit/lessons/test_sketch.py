"""The small pictures: what they show, as SVG and in words."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest


@pytest.fixture
def sketch() -> Any:
    import sketch

    return sketch


def test_a_curve_is_svg_and_words(sketch: Any) -> None:
    picture = sketch.curve([1.0, 10.0, 100.0], title="loss <of> it", log=True)
    root = ElementTree.fromstring(picture._repr_svg_())
    assert root.findtext("{*}title") == "loss <of> it"
    (line,) = root.findall("{*}polyline")
    heights = [float(point.split(",")[1]) for point in line.attrib["points"].split()]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.2)
    assert repr(picture) == "<loss <of> it: 3 points from 1 to 100>"


def test_points_that_are_all_the_same_can_be_drawn(sketch: Any) -> None:
    picture = sketch.scatter([(2.0, 5.0)] * 3, title="t")
    assert picture.svg.count("<circle") == 3


def test_no_points(sketch: Any) -> None:
    with pytest.raises(ValueError, match="at least one point"):
        sketch.curve([], title="t")
