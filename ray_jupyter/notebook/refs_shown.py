"""How references and actors are shown as results of cells: what is known, without fetching a value.

``ObjectRef(…) · finished · load · In[3] · 8.0 MB · ndarray (1000, 1000) float64``. Their ``repr`` stays
what it is in scripts, and so do references inside of lists: only one that is shown by itself is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from ray_jupyter import session
from ray_jupyter.actors import ActorHandle
from ray_jupyter.config import format_size
from ray_jupyter.errors import RayError
from ray_jupyter.notebook import Shell
from ray_jupyter.notebook.cells import Cells
from ray_jupyter.notebook.redefined import Redefined
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
_ACTOR_STATES = {
    "DEPENDENCIES_UNREADY": "waits for its arguments",
    "PENDING_CREATION": "being made",
    "ALIVE": "alive",
    "RESTARTING": "restarting",
    "DEAD": "dead",
}
_Shown = ObjectRef[Any] | ActorHandle


def install(shell: Shell, cells: Cells, redefined: Redefined) -> Callable[[], None]:
    """Have references and actors shown so; return what undoes it."""
    formatters = shell.display_formatter.formatters
    text, html = formatters["text/plain"], formatters["text/html"]

    def print_text(shown: _Shown, printer: Any, cycle: bool) -> None:
        alone = len(getattr(printer, "stack", ())) <= 1
        printer.text(" · ".join([repr(shown), *(facts(shown, cells, redefined) if alone else ())]))

    def make_html(shown: _Shown) -> str:
        told = " · ".join(map(escape, facts(shown, cells, redefined)))
        return f"<div><code>{escape(repr(shown))}</code>{' · ' if told else ''}{told}</div>"

    before = [
        (formatter, kind, formatter.for_type(kind, function))
        for kind in (ObjectRef, ActorHandle)
        for formatter, function in ((text, print_text), (html, make_html))
    ]

    def remove() -> None:
        for formatter, kind, one in before:
            formatter.pop(kind, None)
            if one is not None:
                formatter.for_type(kind, one)

    return remove


def facts(shown: _Shown, cells: Cells, redefined: Redefined) -> list[str]:
    """Return what is known of a reference: state, function, cell, size, and what the value looks like.

    Of an actor: state and cell. Of both, whether the definition has been replaced since.
    """
    ref = shown._ref if isinstance(shown, ActorHandle) else shown
    backend = session.current
    if backend is None or backend.session_id != ref.session_id:
        return ["of a session that has ended"]
    try:
        told = backend.query("object", ref.id, ANSWER_S)
    except (RayError, TimeoutError):  # it ends just now, or is busy: then the name must do
        return []
    if not told:
        return []
    label = next((c.label for c in cells.newest_first() if c.id == told["cell"]), "")
    older = "older definition" if redefined.is_older(told["version"]) else ""
    if told["actor"]:
        found = [_ACTOR_STATES[told["actor"]], f"In{label}" if label else "", older]
        return [fact for fact in found if fact]
    look = looks.told(told["look"])
    is_there = told["location"] not in ("", "ERROR")
    found = [
        _STATES.get(told["state"], told["state"]) if told["name"] else "",
        # What another process has put, or yielded, is not told apart.
        told["name"] or ("put" if cells.which(ref.id) is not None else ""),
        f"In{label}" if label else "",
        format_size(told["size_bytes"]) if is_there and told["size_bytes"] else "",
        look if is_there else "",
        "on disk" if told["location"] == "DISK" else "",
        older,
    ]
    return [fact for fact in found if fact]
