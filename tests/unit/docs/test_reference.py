"""The generated reference leaves nothing out: every public name has its place in it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import ray_jupyter
from ray_jupyter import magics, modes, util
from ray_jupyter.util import multiprocessing, queue, records

FOLDER = Path(__file__).parents[3] / "docs" / "reference"
TEXT = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md"))
MENTIONED = {name.rpartition(".")[2] for name in re.findall(r"^\.\. auto\w+:: (\S+)", TEXT, re.M)}


def from_whole_modules() -> set[str]:
    """Return what comes with a module (``automodule``)."""
    return {*vars(ray_jupyter.exceptions), *vars(modes), *vars(ray_jupyter.services)}


PUBLIC = sorted(
    {*ray_jupyter.__all__, *util.__all__, "map", *queue.__all__, "Pool"}
    - {name for name in ray_jupyter.__all__ if inspect.ismodule(getattr(ray_jupyter, name))}
    - {name for name in util.__all__ if inspect.ismodule(getattr(util, name))}
    - from_whole_modules()
    - {"__version__"}
)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_is_in_the_reference(name: str) -> None:
    assert name in MENTIONED


def test_modules_taken_as_a_whole_are_there() -> None:
    assert {"errors", "modes", "services", "state", "distributed", "remote"} <= MENTIONED
    assert "Pool" in multiprocessing.__all__


def test_records_of_the_state_api_are_there() -> None:
    assert {name for name in vars(records) if name.endswith("State")} <= MENTIONED


def test_every_magic_explains_itself() -> None:
    for group in magics.GROUPS:
        for method in {*group.magics["line"].values(), *group.magics["cell"].values()}:
            assert "usage: %" in (inspect.getdoc(getattr(group, method)) or ""), method


def test_the_usage_of_a_magic_names_its_ref() -> None:
    for magic in (magics.DebugMagics.ray_debug, magics.DebugMagics.ray_rerun):
        (usage,) = re.findall("(?m)^usage: .*", inspect.getdoc(magic) or "")
        assert usage.endswith("[REF]")
