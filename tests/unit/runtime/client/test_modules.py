"""Edited modules: noticed where they are loaded again, forgotten where they were imported."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ray_jupyter.runtime.client import modules
from ray_jupyter.runtime.client.modules import Imported, Watch

Write = Callable[[str, str], ModuleType]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a module of the user's and import it, or load it again."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)

    def edit(name: str, source: str) -> ModuleType:
        path = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
        importlib.invalidate_caches()
        loaded = sys.modules.get(name)
        return importlib.import_module(name) if loaded is None else importlib.reload(loaded)

    yield edit
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("/usr/src/app/mine.py", True),
        ("/usr/lib/python3/dist-packages/theirs.py", False),
        ("/project/.venv/lib/python3.11/site-packages/theirs.py", False),
        (os.__file__, False),
        (modules.__file__, False),
        ("/project/fast.so", False),
        (None, False),
    ],
)
def test_whose_a_file_is(file: object, expected: bool) -> None:
    assert modules.is_of_user(file) is expected


def names(watch: Watch) -> list[str]:
    return [name for name, _ in watch.look()]


def test_nothing_is_noticed_where_nothing_is_loaded_again(write: Write, tmp_path: Path) -> None:
    write("mine", "def f(): return 1")
    watch = Watch()
    assert watch.look() == ()
    (tmp_path / "mine.py").write_text("def f(): return 22")  # on disk only
    assert watch.look() == ()
    assert write("mine", "def f(): return 22").f() == 22
    assert names(watch) == ["mine"]


def test_an_edit_is_noticed_once_and_remembered(write: Write) -> None:
    write("mine", "x = 1")
    write("other", "x = 1")
    watch = Watch()
    watch.look()
    write("mine", "x = 22")
    first = watch.look()
    assert watch.look() == first
    write("other", "x = 22")
    assert names(watch) == ["mine", "other"]
    assert dict(watch.look())["mine"] == dict(first)["mine"]
    write("mine", "x = 333")
    assert dict(watch.look())["mine"] > dict(first)["mine"]


def test_a_module_that_was_removed_and_imported_again(write: Write) -> None:
    write("mine", "x = 1")
    watch = Watch()
    watch.look()
    del sys.modules["mine"]
    assert watch.look() == ()
    write("mine", "x = 22")
    assert names(watch) == ["mine"]


@pytest.mark.parametrize(
    "patch",
    [
        lambda m: setattr(m.f, "__code__", (lambda: 22).__code__),
        lambda m: setattr(m.C.method, "__code__", (lambda self: 22).__code__),
        lambda m: setattr(m.R, "method", lambda self: 22),
        lambda m: setattr(m, "x", 22),
        lambda m: setattr(m, "new", object()),
        lambda m: delattr(m, "x"),
    ],
)
def test_what_is_replaced_in_place_after_an_edit(
    write: Write, tmp_path: Path, patch: Callable[[Any], None]
) -> None:
    source = (
        "import ray_jupyter as ray\nx = 1\ndef f(): return 1\n"
        "class C:\n    def method(self): return 1\n"
        "@ray.remote\nclass R:\n    def method(self): return 1\n"
    )
    mine = write("mine", source)
    watch = Watch()
    watch.look()
    (tmp_path / "mine.py").write_text(source + "# edited\n")
    assert watch.look() == ()
    patch(mine)
    assert names(watch) == ["mine"]


def test_a_module_that_changes_itself_is_not_edited(write: Write) -> None:
    mine = write("mine", "cache = None\ncount = 0")
    watch = Watch()
    watch.look()
    mine.count, mine.cache = 5, {}
    assert watch.look() == ()


def test_a_worker_forgets_what_it_imported_before_an_edit(write: Write) -> None:
    imported = Imported()
    first, other = write("mine", "x = 1"), write("other", "x = 1")
    at_ns = imported._since_ns
    imported.hear((("mine", at_ns - 1),))  # an edit before it started: it has the new one
    assert sys.modules["mine"] is first
    assert imported.edits == ()
    imported.hear((("mine", at_ns + 1),))
    assert "mine" not in sys.modules
    assert sys.modules["other"] is other
    again = write("mine", "x = 22")
    imported.hear((("mine", at_ns + 1),))
    assert sys.modules["mine"] is again
    imported.hear((("mine", at_ns + 1), ("other", at_ns + 5)))
    assert (sys.modules.get("mine"), "other" in sys.modules) == (again, False)
    assert imported.edits == (("mine", at_ns + 1), ("other", at_ns + 5))


def test_what_has_something_of_a_forgotten_module_goes_too(write: Write) -> None:
    write("mine", "class C: ...\ndef f(): ...\nclass E(Exception): ...")
    write("by_module", "import mine")
    write("by_function", "from mine import f")
    write("by_class", "from mine import C")
    write("by_instance", "import mine\nc = mine.C()\ndel mine")
    write("by_remote", "import ray_jupyter as ray\nimport mine\nr = ray.remote(mine.f)\ndel mine")
    write("twice", "import by_class\nx = by_class.C")
    write("apart", "import os\nx = 1")
    assert modules.forget(["mine"]) == {
        "mine", "by_module", "by_function", "by_class", "by_instance", "by_remote", "twice",
    }  # fmt: skip
    assert "apart" in sys.modules
    assert "os" in sys.modules


def test_a_package_goes_with_its_module(write: Write) -> None:
    write("package.__init__", "")
    write("package.part", "x = 1")
    write("package.other", "x = 1")
    assert modules.forget(["package.part"]) >= {"package", "package.part"}


def test_what_is_not_there_or_not_hers_is_let_alone() -> None:
    assert modules.forget(["no_such_module", "json", "pytest"]) == set()
    assert "json" in sys.modules
