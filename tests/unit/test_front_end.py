"""The front end: its own tests, what it weighs, and that its lock file names no address."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from ray_jupyter.testing.scripts import load_script

ROOT = Path(__file__).parents[2]
HERE = ROOT / "labextension"
LIMIT_BYTES = 150_000


@pytest.fixture
def front_end() -> ModuleType:
    return load_script(HERE / "front_end.py")


def needs_node() -> None:
    if shutil.which("node") is None or not (HERE / "node_modules").exists():
        pytest.skip("needs node and the front end's packages: python labextension/front_end.py")


def test_the_lock_file_has_no_addresses() -> None:
    text = (HERE / "package-lock.json").read_text()
    assert "://" not in text
    packages = json.loads(text)["packages"]
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    with_integrity = sum("integrity" in entry for entry in packages.values())
    assert with_integrity >= len(packages) - 1


def test_what_is_built_is_fresh_and_small(front_end: ModuleType) -> None:
    if not front_end.is_fresh():
        pytest.skip("the front end is not built: run python labextension/front_end.py")
    assert (front_end.STATIC / "dashboard.js").stat().st_size < LIMIT_BYTES
    files = [path for path in front_end.EXTENSION.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < LIMIT_BYTES


def test_its_own_tests_pass() -> None:
    needs_node()
    done = subprocess.run(
        ["node", "test.mjs"], cwd=HERE, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
    assert "# pass 0" not in done.stdout


def test_without_node_it_says_loudly_what_is_missing(
    front_end: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(front_end, "STATIC", tmp_path / "static")
    monkeypatch.setattr(front_end, "MADE_FROM", tmp_path / "static" / "made_from.txt")
    monkeypatch.setenv("PATH", "")
    assert front_end.build() is False
    assert "NOT built" in capsys.readouterr().err
    assert front_end.MADE_FROM.read_text() == "not built\n"
    assert not front_end.is_fresh()


def test_no_source_is_made_of_markup() -> None:
    banned = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(")
    found = [
        f"{path.name}: {word}"
        for path in (HERE / "src").rglob("*.ts")
        for word in banned
        if word in path.read_text()
    ]
    assert found == []


def test_python_and_typescript_name_the_same_columns() -> None:
    from ray_jupyter.dashboard.model import COLUMNS

    wire = (HERE / "src" / "model" / "wire.ts").read_text()
    for name, row, places in (
        ("nodes", "NodeRow", 1), ("edges", "EdgeRow", 1), ("lanes", "LaneRow", 1), ("tasks", "TaskRow", 0),
    ):  # fmt: skip
        body = wire.split(f"type {row} = [")[1].split("];")[0]
        fields = [field for field in body.split(",") if ":" in field]
        assert len(fields) == len(COLUMNS[name]) + places, name
