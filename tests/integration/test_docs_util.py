"""The examples of the page on utilities run on both backends, and print what it says."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ray_jupyter.testing.examples import check_example

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "util.md"
EXAMPLES = re.findall(
    r"^## (\S+).*?^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
)


def test_every_section_has_an_example() -> None:
    assert len(EXAMPLES) == PAGE.read_text("utf-8").count("\n## ") > 5


@pytest.mark.parametrize("mode", ["local", "inline"])
@pytest.mark.parametrize(
    "source", [source for _, source in EXAMPLES], ids=[name for name, _ in EXAMPLES]
)
def test_example(source: str, mode: str, tmp_path: Path) -> None:
    """``# -> text`` says what comes out; ``...`` in it stands for anything."""
    environment = {**os.environ, "RAY_JUPYTER_MODE": mode, "PYTHONIOENCODING": "utf-8"}
    check_example(source, tmp_path, options=("-W", "error"), environment=environment)
