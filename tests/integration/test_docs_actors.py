"""The examples of the page about actors run and print what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from ray_jupyter.testing.examples import check_example, examples_of

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "actors.md"
EXAMPLES = examples_of(PAGE)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 9


@pytest.mark.parametrize("source", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_runs_and_prints_what_it_says(source: str, tmp_path: Path) -> None:
    check_example(source, tmp_path)
