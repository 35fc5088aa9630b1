"""What is built from this tree can be installed and used elsewhere.

Built with hatchling's own functions: no network, and no environment but this one.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from ray_jupyter import __version__

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="needs hatchling: the extra `test` has it")
    folder = tmp_path_factory.mktemp("dist")
    program = (
        "import sys; from hatchling.build import build_sdist, build_wheel; "
        "build_wheel(sys.argv[1]); build_sdist(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], cwd=ROOT, check=True, timeout=50)
    return folder


def test_the_wheel_has_every_module_and_the_types(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.name == f"ray_jupyter-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (n for n in names if n.endswith(".dist-info/METADATA"))
        fields = message_from_bytes(archive.read(metadata))
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "ray_jupyter").rglob("*.py")}
    assert modules <= names
    assert "ray_jupyter/py.typed" in names
    assert {n.split("/")[0] for n in names if ".dist-info/" not in n and ".data/" not in n} == {
        "ray_jupyter"
    }
    assert set(fields.get_all("Provides-Extra", [])) >= {"cluster", "dev", "examples", "notebook"}
    assert fields["Description-Content-Type"] == "text/markdown"


def test_the_sdist_has_what_builds_and_tests_it(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"pyproject.toml", "README.md", "LICENSE", "Makefile", "CHANGELOG.md"}
    wanted |= {"notebooks/01_pi.ipynb", "notebooks/archives.py", "docs/glossary.md"}
    wanted |= {"tests/conftest.py", ".importlinter"}
    assert wanted <= names


def test_the_wheel_runs_away_from_the_tree(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import ray_jupyter as ray; "
        "assert ray.__file__.startswith(sys.argv[1]), ray.__file__; "
        "ray.init(num_cpus=1); print(ray.get(ray.remote(lambda x: x + 1).remote(1)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("2\n", "")
