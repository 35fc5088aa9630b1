"""The programs of the how-tos run and print what the pages say, also those of other libraries."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from ray_jupyter.testing.examples import check_example, examples_of

FOLDER = Path(__file__).parents[2] / "docs" / "howto"
PAGES = ("memory.md", "migrating.md", "papermill.md", "scripts.md")
PEERS = {"distributed", "ipyparallel", "joblib", "nbclient", "papermill", "ray"}
EXAMPLES = [(page, source) for page in PAGES for source in examples_of(FOLDER / page)]


def name_of(example: tuple[str, str]) -> str:
    page, source = example
    imported = re.findall(r"^(?:from|import) (\w+)", source, re.MULTILINE)
    return "-".join([Path(page).stem, *imported])


def test_there_are_examples() -> None:
    assert {page for page, _ in EXAMPLES} == set(PAGES)
    assert {word for example in EXAMPLES for word in name_of(example).split("-")} >= PEERS


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_example_prints_what_it_says(example: tuple[str, str], tmp_path: Path) -> None:
    _, source = example
    for peer in PEERS & set(re.findall(r"^(?:from|import) (\w+)", source, re.MULTILINE)):
        if importlib.util.find_spec(peer) is None:
            pytest.skip(
                f"needs {peer}, which is not installed (make test or make bench installs it)"
            )
    check_example(source, tmp_path)
