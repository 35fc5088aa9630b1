"""Runtime environments: what may be asked for, how two are merged, entering one and leaving it."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from ray_jupyter import environment
from ray_jupyter.environment import check_environment, described, entered, merged


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "rj_unit_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("NUMBER = 1\n")
    (tmp_path / "rj_unit_beside.py").write_text("")
    return folder


@pytest.mark.parametrize("value", [None, {}, {"env_vars": {}}, {"pip": None, "py_modules": []}])
def test_nothing_is_the_empty_text(value: Any) -> None:
    assert check_environment("runtime_env", value) == environment.NONE


def test_equal_ones_have_equal_texts(package: Path) -> None:
    one = {"working_dir": package, "env_vars": {"B": "2", "A": "1"}}
    two = {"env_vars": {"A": "1", "B": "2"}, "working_dir": str(package)}
    text = check_environment("runtime_env", one)
    assert text == check_environment("runtime_env", two)
    assert check_environment("runtime_env", text) == text
    assert described(text) == two


def test_paths_are_absolute(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(package.parent)
    text = check_environment("e", {"working_dir": ".", "py_modules": ["rj_unit_package"]})
    assert described(text) == {"working_dir": str(package.parent), "py_modules": [str(package)]}


def test_modules_may_be_given_themselves(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(package.parent)
    modules = [importlib.import_module(name) for name in ("rj_unit_package", "rj_unit_beside")]
    text = check_environment("e", {"py_modules": modules})
    beside = str(package.parent / "rj_unit_beside.py")
    assert described(text) == {"py_modules": [str(package), beside]}
    for module in modules:
        del sys.modules[module.__name__]


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        ([], TypeError, "must be a dict"),
        ("nonsense", TypeError, "must be a dict"),
        ({"pip": ["x"]}, NotImplementedError, r"e\['pip'\].*pip install"),
        ({"conda": "x"}, NotImplementedError, "conda"),
        ({"uv": ["x"]}, NotImplementedError, "uv"),
        ({"container": {"image": "x"}}, NotImplementedError, "start the session in the container"),
        ({"working_dirs": "x"}, ValueError, "there are: env_vars, py_modules, working_dir"),
        ({"env_vars": ["A"]}, TypeError, "env_vars"),
        ({"env_vars": {"A": 1}}, TypeError, "'A': 1"),
        ({"env_vars": {"A=B": "1"}}, ValueError, "A=B"),
        ({"working_dir": 1}, TypeError, "must be a path"),
        ({"working_dir": "/not/there"}, ValueError, "'/not/there' does not exist"),
        ({"working_dir": __file__}, ValueError, "is not a directory"),
        ({"working_dir": "s3://bucket/x.zip"}, NotImplementedError, "download it"),
        ({"py_modules": "package"}, TypeError, "must be a list"),
        ({"py_modules": [1]}, TypeError, r"py_modules'\]\[0\] must be a path"),
        ({"py_modules": ["/not/there"]}, ValueError, r"py_modules'\]\[0\].*does not exist"),
        ({"py_modules": [sys.executable]}, ValueError, "neither a directory nor a .py file"),
        ({"py_modules": ["/"]}, ValueError, "cannot be imported"),
    ],
)
def test_what_is_refused(value: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        check_environment("e", value)


def test_variables_are_merged_and_the_rest_replaced() -> None:
    parent = json.dumps({"env_vars": {"A": "1", "B": "1"}, "working_dir": "/a"})
    child = json.dumps({"env_vars": {"B": "2"}, "working_dir": "/b"})
    assert described(merged(parent, child)) == {
        "env_vars": {"A": "1", "B": "2"}, "working_dir": "/b"
    }  # fmt: skip
    assert merged(parent, "") == merged("", parent) == merged(parent, parent) == parent


def test_what_was_entered_is_left_without_a_trace(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RJ_UNIT", "before")
    text = check_environment("e", {
        "env_vars": {"RJ_UNIT": "${RJ_UNIT} and after", "RJ_NEW": "${RJ_NONE}"},
        "working_dir": str(package), "py_modules": [str(package)],
    })  # fmt: skip
    before = (dict(os.environ), Path.cwd(), list(sys.path), list(sys.meta_path))
    with entered(text):
        assert os.environ["RJ_UNIT"] == "before and after"
        assert os.environ["RJ_NEW"] == ""
        assert Path.cwd() == package
        assert importlib.import_module("rj_unit_package").NUMBER == 1
        with pytest.raises(ImportError):
            importlib.import_module("rj_unit_beside")
    assert (dict(os.environ), Path.cwd(), list(sys.path), list(sys.meta_path)) == before
    assert "rj_unit_package" not in sys.modules


def test_what_has_gone_changes_nothing(package: Path) -> None:
    gone = package.parent / "gone"
    text = json.dumps({"working_dir": str(gone), "env_vars": {"RJ_UNIT": "x"}})
    with pytest.raises(environment.RuntimeEnvSetupError, match="gone"), entered(text):
        pass
    text = json.dumps({"py_modules": [str(gone)], "env_vars": {"RJ_UNIT": "x"}})
    with pytest.raises(environment.RuntimeEnvSetupError, match="not there any more"):
        environment.enter(text)
    assert "RJ_UNIT" not in os.environ
