"""Examples of pages: every block of Python runs, and prints what it says.

``# -> text`` after a print says what comes out; ``...`` in it stands for anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def examples_of(page: Path) -> list[str]:
    """Return the Python blocks of a Markdown page."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def promises_of(source: str) -> list[str]:
    """Return the lines that an example says it prints."""
    return re.findall(r"# -> (.*)", source)


def run_example(
    source: str, folder: Path, *,
    options: Sequence[str] = (), environment: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    """Run an example as a script in ``folder``; return what it printed.

    Args:
        source: the example.
        folder: an empty one.
        options: of the interpreter.
        environment: all variables; default: those of this process.

    Raises:
        AssertionError: it failed.
    """
    program = folder / "example.py"
    program.write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, *options, str(program)],
        env=os.environ if environment is None else environment,
        capture_output=True, text=True, timeout=50, cwd=folder, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_example(
    source: str, folder: Path, *,
    options: Sequence[str] = (), environment: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Run an example; see ``run_example``.

    Raises:
        AssertionError: it failed, or printed something else than it says.
    """
    printed = run_example(source, folder, options=options, environment=environment)
    promised = promises_of(source)
    pattern = "\n".join(re.escape(text).replace(r"\.\.\.", ".*") for text in promised)
    assert re.fullmatch(pattern, printed.strip()), f"{printed!r} is not {promised!r}"
