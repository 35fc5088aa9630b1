"""What pages name exists: extras, magics, environment variables, modules; and their examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ray_jupyter import magics
from ray_jupyter.testing.examples import check_example, examples_of

ROOT = Path(__file__).parents[3]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
SOURCES = [path for path in (ROOT / "ray_jupyter").rglob("*") if path.suffix in (".py", "")]
INDEX = ROOT / "docs" / "index.md"


def named(pattern: str, page: Path) -> set[str]:
    return set(re.findall(pattern, page.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def code() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in SOURCES if path.is_file())


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_extras_exist(page: Path) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = project.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    wanted = {
        name for group in named(r"ray_jupyter\[([a-z,]+)\]", page) for name in group.split(",")
    }
    assert wanted <= set(re.findall(r"^(\w+) = ", extras, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_magics_exist(page: Path) -> None:
    known = {name for group in magics.GROUPS for kind in group.magics.values() for name in kind}
    assert named(r"%(ray_\w+)", page) <= known


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_environment_variables_exist(page: Path, code: str) -> None:
    assert {name for name in named(r"\bRAY_JUPYTER_[A-Z_]+\b", page) if name not in code} <= {
        "RAY_JUPYTER_FRONT_END"  # of the build
    }


@pytest.fixture(scope="module")
def modules() -> list[str]:
    folders = ("ray_jupyter", "tests", "benchmarks", "notebooks", "docs")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    found += [*ROOT.glob("*.py"), *(ROOT / "labextension").glob("*.py")]
    return [f"/{path.relative_to(ROOT).as_posix()}" for path in found]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_modules_exist(page: Path, modules: list[str]) -> None:
    mentioned = named(r"`((?:\w+/)*\w+\.py)`", page) - {"setup.py"}  # which we do not have
    assert [name for name in mentioned if not any(m.endswith(f"/{name}") for m in modules)] == []


@pytest.mark.parametrize("source", examples_of(INDEX))
def test_example_of_the_first_page(source: str, tmp_path: Path) -> None:
    check_example(source, tmp_path)


def test_every_page_with_an_example_has_a_test() -> None:
    tests = "".join(
        path.read_text(encoding="utf-8")
        for pattern in ("test_docs*.py", "test_howto*.py", "test_readme.py")
        for path in (ROOT / "tests").rglob(pattern)
    )
    for page in PAGES:
        if examples_of(page) and page.parent.name != "about" and page != INDEX:
            assert page.name in tests, f"{page} has examples, and no test runs them"
