"""How a reference is shown as the result of a cell: what is known of its value, without the value.

``ObjectRef(…) · finished · load · In[3] · 8.0 MB · ndarray (1000, 1000) float64``. Its ``repr`` stays
what it is in scripts, and so do references inside of lists: only one that is shown by itself is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from ray_jupyter import session
from ray_jupyter.backends.base import Capability
from ray_jupyter.config import format_size
from ray_jupyter.errors import RayError
from ray_jupyter.notebook import Shell
from ray_jupyter.notebook.cells import Cells
from ray_jupyter.refs import ObjectRef
from ray_jupyter.runtime.store import looks

ANSWER_S = 1.0
_STATES = {
    "PENDING_ARGS_AVAIL": "waits for its arguments",
    "PENDING_NODE_ASSIGNMENT": "waits for a worker",
    "SUBMITTED_TO_WORKER": "waits in a worker",
    "RUNNING": "running",
    "FINISHED": "finished",
    "FAILED": "failed",
}


def install(shell: Shell, cells: Cells) -> Callable[[], None]:
    """Have references shown so; return what undoes it."""
    formatters = shell.display_formatter.formatters
    text, html = formatters["text/plain"], formatters["text/html"]

    def print_text(ref: ObjectRef[Any], printer: Any, cycle: bool) -> None:
        alone = len(getattr(printer, "stack", ())) <= 1
        printer.text(" · ".join([repr(ref), *(facts(ref, cells) if alone else ())]))

    def make_html(ref: ObjectRef[Any]) -> str:
        told = " · ".join(map(escape, facts(ref, cells)))
        return f"<div><code>{escape(repr(ref))}</code>{' · ' if told else ''}{told}</div>"

    before = text.for_type(ObjectRef, print_text), html.for_type(ObjectRef, make_html)

    def remove() -> None:
        for formatter, one in zip((text, html), before, strict=True):
            formatter.pop(ObjectRef, None)
            if one is not None:
                formatter.for_type(ObjectRef, one)

    return remove


def facts(ref: ObjectRef[Any], cells: Cells) -> list[str]:
    """Return what is known of a reference: state, function, cell, size, and what the value looks like."""
    backend = session.current
    if backend is None or backend.session_id != ref.session_id:
        return ["of a session that has ended"]
    if Capability.OBJECT_TABLE in backend.lacks:
        return []
    try:
        told = backend.query("object", ref.id, ANSWER_S)
    except (RayError, TimeoutError):  # it ends just now, or is busy: then the name must do
        return []
    if not told:
        return []
    label = next((c.label for c in cells.newest_first() if c.id == told["cell"]), "")
    look = looks.told(told["look"])
    is_there = told["location"] not in ("", "ERROR")
    found = [
        _STATES.get(told["state"], told["state"]) if told["name"] else "",
        told["name"] or "put",
        f"In{label}" if label else "",
        format_size(told["size_bytes"]) if is_there else "",
        look if is_there else "",
        "on disk" if told["location"] == "DISK" else "",
    ]
    return [fact for fact in found if fact]
