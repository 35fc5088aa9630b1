"""The drawings of the documentation are what their script draws, and well-formed."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

FOLDER = Path(__file__).parents[3] / "docs" / "pictures"
NAMES = sorted(path.name for path in FOLDER.glob("*.svg"))


def test_drawings_are_up_to_date(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, FOLDER / "draw.py", tmp_path], check=False, timeout=50)
    assert done.returncode == 0
    drawn = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    kept = {name: (FOLDER / name).read_text(encoding="utf-8") for name in NAMES}
    assert drawn == kept, "run python docs/pictures/draw.py"


@pytest.mark.parametrize("name", NAMES)
def test_drawing_can_be_read_without_seeing_it(name: str) -> None:
    root = ElementTree.parse(FOLDER / name).getroot()
    space = "{http://www.w3.org/2000/svg}"
    assert root.findtext(f"{space}title")
    assert root.findtext(f"{space}desc")


@pytest.fixture(scope="module")
def canvas() -> Any:
    return runpy.run_path(str(FOLDER / "canvas.py"))["Canvas"]


def test_words_too_wide_for_their_box_are_refused(canvas: Any) -> None:
    with pytest.raises(ValueError, match="wider than its box"):
        canvas(400, 100, "title", "description").box(0, 0, 60, 40, "far too many words for this")


def test_a_box_too_low_for_its_lines_is_refused(canvas: Any) -> None:
    with pytest.raises(ValueError, match="does not hold"):
        canvas(400, 100, "title", "description").box(0, 0, 200, 30, "one", "two", "three")


def test_words_off_the_paper_are_refused(canvas: Any) -> None:
    with pytest.raises(ValueError, match="leaves the paper"):
        canvas(100, 100, "title", "description").words(90, 20, "off the paper")
