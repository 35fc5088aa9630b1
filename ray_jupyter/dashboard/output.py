"""What ``%ray_dashboard`` displays: one output that every front end can show something of.

::

    the labextension's own MIME type   JupyterLab, Notebook 7: live, and the snapshot without a kernel
    a widget                           VS Code, Colab: live, if anywidget is there
    HTML with a picture                everywhere else: GitHub, nbconvert, untrusted notebooks

A widget next to the picture would hide it from exports (nbconvert prefers widgets, whose HTML
loads scripts from the network), so it is only there where nothing else is live.
"""

from __future__ import annotations

import base64
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from ray_jupyter.dashboard.frames import Frame
from ray_jupyter.dashboard.picture import attribute, summary, to_svg

MIME = "application/vnd.ray-jupyter.dashboard+json"
VIEWS = ("overview", "graph", "timeline", "tasks", "workers", "objects", "logs")
_REMEDY = (
    "This is a picture. For the live view, install ray_jupyter in the environment in which "
    "JupyterLab (or Notebook 7) itself runs, and reload the page."
)
_REMEDY_WIDGET = (
    "This is a picture. For the live view, install anywidget in this kernel's environment, "
    "restart the kernel and run the cell again."
)


def bundle(frame: Frame | None, view: str = "") -> dict[str, Any]:
    """Return the MIME bundle of a snapshot.

    Args:
        frame: the snapshot; ``None`` is one of no session.
        view: which of ``VIEWS`` is shown first; empty leaves it to the front end.
    """
    first = {"view": view} if view else {}
    if frame is None:
        text = "no runtime is running · %ray_start starts one, and the dashboard follows"
        return {
            MIME: {"snapshot": None} | first,
            "text/plain": text,
            "text/html": f"<div>{text}</div>",
        }
    svg = to_svg(frame)
    return {
        MIME: {"snapshot": frame} | first,
        "text/html": html(svg, frame),
        "image/svg+xml": svg,
        "text/plain": summary(frame),
    }


def picture(frame: Frame | None) -> dict[str, Any]:
    """Return the same without what is live."""
    return {mime: data for mime, data in bundle(frame).items() if mime != MIME}


def html(svg: str, frame: Frame) -> str:
    """Return the picture as HTML that also untrusted notebooks show."""
    data = base64.b64encode(svg.encode()).decode()
    remedy = _REMEDY_WIDGET if has_widgets_only() and not can_make_widgets() else _REMEDY
    return (
        f'<img alt={attribute(summary(frame))} src="data:image/svg+xml;base64,{data}">'
        f"<p><small>{remedy}</small></p>"
    )


def has_widgets_only() -> bool:
    """Return whether the front end is one that knows widgets and no labextensions."""
    return "VSCODE_PID" in os.environ or "VSCODE_CWD" in os.environ or "google.colab" in sys.modules


def can_make_widgets() -> bool:
    """Return whether anywidget is installed here."""
    return importlib.util.find_spec("anywidget") is not None


def static_text(name: str) -> str:
    """Return a compiled file of the front end; nothing if this installation has none."""
    path = Path(__file__).with_name("static") / name
    return path.read_text(encoding="utf-8") if path.exists() else ""
