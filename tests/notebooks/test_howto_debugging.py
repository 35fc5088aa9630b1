"""The how-to on debugging: its cells run in order, and print what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "debugging.md"
BLOCK = re.compile(r"```python\n(?P<cell>.*?)\n```(?:\n```text\n(?P<text>.*?)\n```)?", re.DOTALL)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PROMPT = "ipdb> "


def matches(expected: str, found: str) -> bool:
    pattern = ".*".join(map(re.escape, expected.split("…")))
    return re.fullmatch(pattern, found.strip(), re.DOTALL) is not None


def assert_in_order(expected: str, found: str) -> None:
    at = 0
    for piece in expected.split("…"):
        assert piece in found[at:], f"expected {piece!r} in {found[at:]!r}"
        at = found.index(piece, at) + len(piece)


def debug(kernel: Any, cell: str, expected: str) -> str:
    """Run a cell that opens the debugger; tell it what the page does; return what it says."""
    told = [line.removeprefix(PROMPT) for line in expected.split("\n") if line.startswith(PROMPT)]
    heard: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        heard.append(message["content"].get("text", ""))

    def say(_: object) -> None:
        kernel.client.input(told.pop(0) if told else "q")

    kernel.client.execute_interactive(
        cell, output_hook=hear, stdin_hook=say, allow_stdin=True, timeout=30
    )
    return "".join(heard)


def test_every_example(start_kernel: Any) -> None:
    kernel = start_kernel()
    blocks = list(BLOCK.finditer(PAGE.read_text(encoding="utf-8")))
    assert len(blocks) > 8
    for block in blocks:
        expected = block["text"] or ""
        if PROMPT in expected:
            found = debug(kernel, block["cell"], expected)
            # What was typed and what it prints come by two channels, in any order.
            lines = [line for line in expected.split("\n") if not line.startswith(PROMPT)]
            assert_in_order("…".join(lines), COLOUR.sub("", found))
            continue
        if "Traceback" in expected:
            found = kernel.fails(block["cell"]).error[2]
        else:
            found = kernel.run(block["cell"])
        found = COLOUR.sub("", found)
        assert matches(expected, found), f"expected {expected!r}, got {found!r}"
