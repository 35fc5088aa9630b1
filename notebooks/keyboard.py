"""Somebody who types, where nobody sits at the keyboard: for lessons about the debugger.

``with typed("p x", "q"): %debug`` answers every question that ``input`` asks with the next line,
and prints both, so that the output of the cell is what one would have seen.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def typed(*lines: str) -> Iterator[None]:
    """Let ``input`` return these lines, one after the other.

    Raises:
        EOFError: from ``input``, if it is asked once more; the debugger ends with that.
        ValueError: at the end, if not every line was asked for.
    """
    waiting = list(lines)

    def answer(prompt: object = "", /) -> str:
        if not waiting:
            raise EOFError("nothing is left to type")
        print(f"{prompt}{waiting[0]}")
        return waiting.pop(0)

    before = builtins.input
    builtins.input = answer
    try:
        yield
    finally:
        builtins.input = before
    if waiting:
        raise ValueError(f"expected to be asked for every line, but nobody asked for {waiting!r}")
