"""What the front pages say is true: examples run, commands exist, links lead somewhere."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from ray_jupyter.testing.examples import check_example, examples_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = examples_of(ROOT / "README.md")
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("source", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_runs_and_prints_what_it_says(source: str, tmp_path: Path) -> None:
    check_example(source, tmp_path)


def test_named_commands_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`?make ([a-z]+)`", page.read_text())}
    named |= set(re.findall(r"^ {4}make ([a-z]+)", README, re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


FRONT_PAGE = runpy.run_path(str(ROOT / "benchmarks" / "front_page.py"))


def test_the_measured_table_is_that_of_the_results() -> None:
    results = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert FRONT_PAGE["renew"](README, results) == README


def test_a_row_that_is_gone_is_named() -> None:
    page = "## Beside the peers\n\n|  | ray_jupyter |\n| --- | --: |\n| other | 1 s |\n"
    with pytest.raises(ValueError, match="the page of the results lacks"):
        FRONT_PAGE["excerpt"](page)


def test_the_front_page_is_one_screen() -> None:
    words = re.sub(r"!?\]\([^)]*\)|^\|.*$|<!--.*-->", "", README, flags=re.MULTILINE).split()
    assert len(words) < 420
