"""Examples of pages: every block of Python runs, and prints what it says.

``# -> text`` after a print says what comes out; ``...`` in it stands for anything.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def examples_of(page: Path) -> list[str]:
    """Return the Python blocks of a Markdown page."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def check_example(source: str, folder: Path) -> None:
    """Run an example as a script in ``folder``.

    Raises:
        AssertionError: it failed, or printed something else than it says.
    """
    program = folder / "example.py"
    program.write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program)],
        capture_output=True, text=True, timeout=50, cwd=folder, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    promised = re.findall(r"# -> (.*)", source)
    pattern = "\n".join(re.escape(text).replace(r"\.\.\.", ".*") for text in promised)
    assert re.fullmatch(pattern, done.stdout.strip()), f"{done.stdout!r} is not {promised!r}"
