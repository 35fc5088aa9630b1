"""The examples of the page on resources run, and print what it says."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ray_jupyter.testing.examples import check_example

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "resources.md"
EXAMPLES = re.findall(
    r"^## ([^\n]+)\n(?:(?!^## ).)*?^```python\n(.*?)^```",
    PAGE.read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)
NEEDS_PROCESSES = {"Retries", "Lost objects"}


def test_every_section_has_an_example() -> None:
    assert len(EXAMPLES) == PAGE.read_text("utf-8").count("\n## ") == 6


@pytest.mark.parametrize("mode", ["local", "inline"])
@pytest.mark.parametrize(("name", "source"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_example(name: str, source: str, mode: str, tmp_path: Path) -> None:
    """``# -> text`` says what comes out; ``...`` in it stands for anything."""
    if mode == "inline" and name in NEEDS_PROCESSES:
        pytest.skip("the page says that this needs processes")
    hidden = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    check_example(source, tmp_path, environment={**hidden, "RAY_JUPYTER_MODE": mode})
