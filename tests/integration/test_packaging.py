"""What is built from this tree can be installed and used elsewhere, without Node.

Built with hatchling's own functions: no network, and no environment but this one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from ray_jupyter import __version__

ROOT = Path(__file__).parents[2]
EXTENSION = "share/jupyter/labextensions/ray-jupyter-labextension"
DATA = f"ray_jupyter-{__version__}.data/data/{EXTENSION}/"
BUILD = "import sys; from hatchling.build import build_{0}; build_{0}(sys.argv[1])"
FRONT_END_IS_BUILT = (ROOT / "ray_jupyter" / "labextension" / "package.json").exists()
needs_front_end = pytest.mark.skipif(
    not FRONT_END_IS_BUILT, reason="the front end is not built: python labextension/front_end.py"
)
pytestmark = pytest.mark.timeout(120)


def build(kind: str, tree: Path, folder: Path, **environment: str) -> str:
    """Build a ``wheel`` or an ``sdist`` of ``tree`` into ``folder``; return what was said."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD.format(kind), str(folder)],
        cwd=tree, env=dict(os.environ, **environment), check=False, timeout=50,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="needs hatchling: the extra `test` has it")
    folder = tmp_path_factory.mktemp("dist")
    build("wheel", ROOT, folder)
    build("sdist", ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def unpacked(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree that the sdist has."""
    folder = tmp_path_factory.mktemp("unpacked")
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder)
    (tree,) = folder.iterdir()
    return tree


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def read(wheel: Path, end: str) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(end))
        return archive.read(name)


def metadata(wheel: Path) -> Message:
    return message_from_bytes(read(wheel, ".dist-info/METADATA"))


def test_the_wheel_has_every_module_and_the_types_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"ray_jupyter-{__version__}-py3-none-any.whl"
    names = names_in(wheel)
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "ray_jupyter").rglob("*.py")}
    assert modules <= names
    assert "ray_jupyter/py.typed" in names
    assert {n.split("/")[0] for n in names if ".dist-info/" not in n and ".data/" not in n} == {
        "ray_jupyter"
    }
    superfluous = ("node_modules", "__pycache__", "tests/", ".ts", ".map", ".ipynb")
    assert [name for name in names if any(part in name for part in superfluous)] == []
    assert all(name.startswith(DATA) for name in names if ".data/" in name)


def test_its_metadata_name_the_extras_and_the_design_says_what_each_is_for(wheel: Path) -> None:
    fields = metadata(wheel)
    extras = set(fields.get_all("Provides-Extra", []))
    assert extras >= {"dashboard", "cluster", "examples", "dev"}
    text = (ROOT / "docs" / "design" / "dependencies.md").read_text(encoding="utf-8")
    assert {extra for extra in extras if f"\n| `{extra}` |" not in text} == set()
    assert fields["Description-Content-Type"] == "text/markdown"
    assert fields["Version"] == __version__
    assert "Typing :: Typed" in fields.get_all("Classifier", [])


def test_its_description_links_to_nothing_that_is_not_there(wheel: Path) -> None:
    description = str(message_from_bytes(read(wheel, "METADATA")).get_payload())
    assert description.startswith("# ray_jupyter\n")
    assert "Everything measured, also what is missed (`docs/performance.md`)" in description
    assert "](" not in description.replace("](http", "")


@needs_front_end
def test_the_wheel_has_the_extension_for_jupyterlab(wheel: Path) -> None:
    names = names_in(wheel)
    package = json.loads(read(wheel, "ray-jupyter-labextension/package.json"))
    assert package["version"] == __version__, "labextension/package.json has another version"
    assert DATA + package["jupyterlab"]["_build"]["load"] in names
    how = json.loads(read(wheel, "ray-jupyter-labextension/install.json"))
    assert (how["packageManager"], how["packageName"]) == ("python", "ray_jupyter")
    assert "ray_jupyter/dashboard/static/dashboard.js" in names


def test_the_sdist_has_what_builds_and_tests_it(unpacked: Path) -> None:
    names = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")}
    wanted = {"pyproject.toml", "README.md", "LICENSE", "Makefile", "CHANGELOG.md"}
    wanted |= {"notebooks/01_pi.ipynb", "notebooks/archives.py", "docs/glossary.md"}
    wanted |= {"tests/conftest.py", ".importlinter", "labextension/front_end.py"}
    assert wanted <= names
    caches = ("node_modules", "__pycache__", ".venv", "_cache", ".hypothesis", "labextension/lib")
    assert [name for name in names if any(part in name for part in caches)] == []


@needs_front_end
def test_the_sdist_builds_the_same_wheel_without_node(
    wheel: Path, unpacked: Path, tmp_path: Path
) -> None:
    said = build("wheel", unpacked, tmp_path, PATH="")  # neither node nor npm
    assert "NOT built" not in said
    (again,) = tmp_path.glob("*.whl")
    assert read(again, "/RECORD") == read(wheel, "/RECORD")  # names, sizes and hashes of all files


def test_the_wheel_installs_and_runs_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "environment", tmp_path / "elsewhere"
    elsewhere.mkdir()
    venv.create(place, with_pip=True)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"

    def run(*arguments: str) -> str:
        environment = dict(os.environ, PATH="", PIP_DISABLE_PIP_VERSION_CHECK="1")
        environment.pop("PYTHONPATH", None)
        done = subprocess.run(
            [python, *arguments], cwd=elsewhere, env=environment, check=False, timeout=60,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    run("-m", "pip", "install", "--no-index", "--no-deps", str(wheel))
    # What it depends on comes from the environment of the tests: there may be no network.
    installed = sysconfig.get_path("purelib", vars={"base": str(place)})
    Path(installed, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    program = (
        "import ray_jupyter as ray; print(ray.__file__); "
        "ray.init(num_cpus=1); print(ray.get(ray.remote(lambda x: x + 1).remote(1)))"
    )
    where, answer = run("-c", program).splitlines()
    assert Path(where).is_relative_to(place)
    assert answer == "2"
    assert "FAIL" not in run("-m", "ray_jupyter", "doctor", "--no-trial")
    assert (place / EXTENSION / "install.json").exists() == FRONT_END_IS_BUILT
    run("-m", "pip", "uninstall", "--yes", "ray_jupyter")
    left = [path.name for path in place.rglob("*") if "ray" in path.name and "jupyter" in path.name]
    assert left == []
