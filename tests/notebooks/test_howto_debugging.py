"""The how-to on debugging: its cells run in order, and print what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "debugging.md"
BLOCK = re.compile(r"```python\n(?P<cell>.*?)\n```(?:\n```text\n(?P<text>.*?)\n```)?", re.DOTALL)
PROMPT = "ipdb> "


def matches(expected: str, found: str) -> bool:
    pattern = ".*".join(map(re.escape, expected.split("…")))
    return re.fullmatch(pattern, found.strip(), re.DOTALL) is not None


def assert_in_order(expected: str, found: str) -> None:
    at = 0
    for piece in expected.split("…"):
        assert piece in found[at:], f"expected {piece!r} in {found[at:]!r}"
        at = found.index(piece, at) + len(piece)


def test_every_example(start_kernel: Any) -> None:
    kernel = start_kernel()
    blocks = list(BLOCK.finditer(PAGE.read_text(encoding="utf-8")))
    assert len(blocks) > 8
    for block in blocks:
        expected = block["text"] or ""
        if PROMPT in expected:
            said = expected.split("\n")
            told = [line.removeprefix(PROMPT) for line in said if line.startswith(PROMPT)]
            found = kernel.debugged(block["cell"], *told)
            # What was typed and what it prints come by two channels, in any order.
            assert_in_order("…".join(line for line in said if not line.startswith(PROMPT)), found)
            continue
        if "Traceback" in expected:
            found = kernel.fails(block["cell"]).traceback
        else:
            found = kernel.run(block["cell"])
        assert matches(expected, found), f"expected {expected!r}, got {found!r}"
