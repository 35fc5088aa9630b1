"""What the pages about the system claim is so: their programs print what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from ray_jupyter.testing.examples import check_example, examples_of

FOLDER = Path(__file__).parents[2] / "docs" / "about"
PAGES = sorted(FOLDER.glob("*.md"))
EXAMPLES = [(page.stem, source) for page in PAGES for source in examples_of(page)]
SUBJECTS = {
    "failure-model", "object-store", "processes", "reference-counting", "scheduler", "serialization",
}  # fmt: skip
NAMES = [f"{page}-{number}" for number, (page, _) in enumerate(EXAMPLES)]


def test_nothing_is_left_out() -> None:
    assert {page.stem for page in PAGES} >= SUBJECTS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_has_a_drawing_and_an_example(page: Path) -> None:
    assert "](../pictures/" in page.read_text(encoding="utf-8")
    assert examples_of(page)


@pytest.mark.parametrize(("page", "source"), EXAMPLES, ids=NAMES)
def test_example_prints_what_it_says(page: str, source: str, tmp_path: Path) -> None:
    check_example(source, tmp_path)
