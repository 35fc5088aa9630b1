"""Places in cells, in text that tasks print: ``Cell In[3], line 4`` and not the name of a file.

A worker does not know which cell a file stands for, and has not the source of every one. Tracebacks
and warnings that it prints are completed here.
"""

from __future__ import annotations

import linecache
import re

from ray_jupyter.notebook import Shell

_FRAME = re.compile(r'File "([^"\n]+)", line (\d+)([^\n]*)(\n(?! {4}))?')
_WARNING = re.compile(r"(?m)^([^\s:][^:\n]*):(\d+): ")


def name_cells(shell: Shell, text: str) -> str:
    """Return the text with cells for their files, and with the lines of cells that have none."""
    if ".py" not in text and "<ipython" not in text:
        return text

    def frame(found: re.Match[str]) -> str:
        file, line, rest, end = found.groups()
        cell = _cell(shell, file)
        if not cell:
            return found[0]
        source = linecache.getline(file, int(line)).strip() if end else ""
        return f"{cell}, line {line}{rest}{end or ''}" + (f"    {source}\n" if source else "")

    def warning(found: re.Match[str]) -> str:
        cell = _cell(shell, found[1])
        return f"{cell}, line {found[2]}: " if cell else found[0]

    return _WARNING.sub(warning, _FRAME.sub(frame, text))


def _cell(shell: Shell, file: str) -> str:
    """Return what IPython calls the cell that a file stands for; empty if it stands for none."""
    name = shell.compile.format_code_name(file)
    return " ".join(name) if name else ""
