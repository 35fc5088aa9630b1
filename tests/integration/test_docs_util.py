"""The examples of the page on utilities run on both backends, and print what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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
    program = tmp_path / "example.py"
    program.write_text(source, encoding="utf-8")
    environment = {**os.environ, "RAY_JUPYTER_MODE": mode, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)], env=environment,
        capture_output=True, text=True, timeout=50, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    promised = re.findall(r"# -> (.*)", source)
    pattern = "\n".join(re.escape(text).replace(r"\.\.\.", ".*") for text in promised)
    assert re.fullmatch(pattern, done.stdout.strip()), f"{done.stdout!r} is not {promised!r}"
