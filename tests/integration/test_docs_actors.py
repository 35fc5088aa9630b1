"""The examples of the page about actors run and print what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "actors.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 9


@pytest.mark.parametrize("source", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_runs_and_prints_what_it_says(source: str, tmp_path: Path) -> None:
    """``# -> text`` says what comes out; ``...`` in it stands for anything."""
    program = tmp_path / "example.py"
    program.write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program)],
        capture_output=True, text=True, timeout=50, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    promised = re.findall(r"# -> (.*)", source)
    pattern = "\n".join(re.escape(text).replace(r"\.\.\.", ".*") for text in promised)
    assert re.fullmatch(pattern, done.stdout.strip()), f"{done.stdout!r} is not {promised!r}"
