"""The how-to's cells run in order, and print what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

HOWTO = Path(__file__).parents[2] / "docs" / "howto"
BLOCK = re.compile(r"```python\n(?P<cell>.*?)\n```(?:\n```text\n(?P<text>.*?)\n```)?", re.DOTALL)


def matches(expected: str, found: str) -> bool:
    pattern = ".*".join(map(re.escape, expected.split("…")))
    return re.fullmatch(pattern, found.strip(), re.DOTALL) is not None


@pytest.mark.parametrize(
    ("page", "least"), [("notebook.md", 11), ("dashboard.md", 5), ("progress.md", 9)]
)
def test_every_example(start_kernel: Any, tmp_path: Path, page: str, least: int) -> None:
    if page == "progress.md":
        pytest.importorskip("tqdm", reason="make test installs it")
    kernel = start_kernel()
    kernel.run(f"import os; os.chdir({str(tmp_path)!r})")  # what it writes is nobody's
    blocks = list(BLOCK.finditer((HOWTO / page).read_text(encoding="utf-8")))
    assert len(blocks) >= least
    for block in blocks:
        expected = block["text"] or ""
        if expected.startswith("UsageError"):
            reply = kernel.fails(block["cell"])
            found = reply.text + reply.error[1]
        else:
            found = kernel.run(block["cell"])
        assert matches(expected, found), f"expected {expected!r}, got {found!r}"


def test_a_difference_is_seen() -> None:
    assert matches("in … s", "in 0.2 s\n")
    assert not matches("42", "41")
    assert not matches("", "unexpected")
