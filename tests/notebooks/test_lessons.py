"""Every notebook of ``notebooks/`` runs from top to bottom, and what it claims holds.

The long ones read ``RJ_NOTEBOOKS=quick`` and do the same with less; `notebooks/run.py` without
it runs them as readers do.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ray_jupyter.testing.scripts import load_script

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MACHINE = re.compile(r"/(?:tmp|root|home|Users|work|usr)/|File ~/|\b\d+\.\d+\.\d+\.\d+:\d")

DASHBOARD = "application/vnd.ray-jupyter.dashboard+json"


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    return load_script(FOLDER / "run.py")


@pytest.fixture(autouse=True)
def own_directories(jupyter_directories: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the user; the kernel of the running interpreter under Jupyter's name."""
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    monkeypatch.setenv("RJ_NOTEBOOKS", "quick")
    for name in ("IMAGES", "LABELS", "PIXELS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


def cells(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


def outputs(path: Path) -> str:
    return json.dumps([cell.get("outputs", []) for cell in cells(path)], ensure_ascii=False)


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) > 5


@pytest.mark.timeout(150)  # one starts a Ray cluster, where Ray is installed
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_prints_figures(path: Path, runner: ModuleType) -> None:
    pytest.importorskip("sklearn")
    before = path.read_bytes()
    lines = runner.run(path).splitlines()
    skipped = [line for line in lines if line.startswith("SKIPPED:")]
    assert path.read_bytes() == before
    tagged = any("figures" in cell["metadata"].get("tags", []) for cell in cells(path))
    assert (len(lines) > len(skipped)) == tagged
    if skipped:  # the rest ran; say so where the run's summary is read
        pytest.skip(f"{path.stem} ran, but {skipped[0]}")


def test_without_ray_the_lesson_about_clusters_says_so(runner: ModuleType, tmp_path: Path) -> None:
    import nbformat

    notebook = nbformat.read(FOLDER / "cluster.ipynb", as_version=4)
    hide = nbformat.v4.new_code_cell("import sys\nsys.modules['ray'] = None  # as if not installed")
    notebook.cells.insert(0, hide)
    path = tmp_path / "cluster.ipynb"
    nbformat.write(notebook, path)
    figures = runner.run(path, write=True)
    assert figures.startswith("SKIPPED: Ray is not installed")
    assert "there: SKIPPED" in figures
    assert "SKIPPED: Ray is not installed in this kernel's environment" in outputs(path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_a_lesson_with_claims(path: Path) -> None:
    first, *_ = cells(path)
    assert first["cell_type"] == "markdown"
    assert "".join(first["source"]).startswith("# ")
    code = ["".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "code"]
    assert any("assert " in source for source in code)
    assert len({cell["id"] for cell in cells(path)}) == len(cells(path))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_outputs_are_kept_small_and_of_no_machine(path: Path) -> None:
    shown = outputs(path)
    assert "output_type" in shown, "no outputs: python notebooks/run.py --write makes them"
    assert MACHINE.findall(shown) == []
    assert len(shown) < 150_000
    assert len(path.read_text(encoding="utf-8").splitlines()) < 500, (
        "numbers of a picture, a line each"
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_lines_of_code_fit_beside_the_margin(path: Path) -> None:
    sources = ["".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "code"]
    assert [line for source in sources for line in source.splitlines() if len(line) > 110] == []


def test_several_lessons_keep_a_picture_of_the_dashboard() -> None:
    kept = {path.stem for path in NOTEBOOKS if DASHBOARD in outputs(path)}
    assert kept >= {"01_pi", "02_tutorial", "alexnet", "debugging", "hyperopt", "trpo"}
    for path in NOTEBOOKS:
        for cell in cells(path):
            for data in (output.get("data", {}) for output in cell.get("outputs", [])):
                if DASHBOARD in data:
                    assert data[DASHBOARD]["snapshot"]["is_over"], "saved while it was running"
                    assert "ended" in "".join(data["image/svg+xml"])


def test_what_was_skipped_is_not_kept() -> None:
    """The saved outputs are of a machine that has everything."""
    assert [path.stem for path in NOTEBOOKS if "SKIPPED:" in outputs(path)] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_fail_where_they_are_meant_to(path: Path) -> None:
    for cell in cells(path):
        failed = "error" in {output["output_type"] for output in cell.get("outputs", [])}
        assert failed == ("raises-exception" in cell["metadata"].get("tags", [])), cell["source"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    text = "".join("".join(c["source"]) for c in cells(path) if c["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)
    assert [link for link in links if not (FOLDER / link).exists()] == []


def test_what_is_written_does_not_say_where_cells_are(runner: ModuleType, tmp_path: Path) -> None:
    import nbformat

    new = nbformat.v4.new_code_cell
    fails = new("1 / 0", metadata={"tags": ["raises-exception"]})
    prints = new("import traceback, sys; traceback.print_exception(sys.last_value)")
    path = tmp_path / "some.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[fails, prints]), path)
    runner.run(path, write=True)
    shown = outputs(path)
    assert "ZeroDivisionError" in shown
    assert ".py" in shown
    assert "ipykernel_" not in shown
