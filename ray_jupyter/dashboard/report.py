"""One HTML file of a session: the same views as live, without a kernel and without a network.

Lives here: the page. What draws is the widget's module, put into the page as it is.
"""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path

from ray_jupyter.dashboard.feed import Feed
from ray_jupyter.dashboard.frames import Frame
from ray_jupyter.dashboard.output import static_text
from ray_jupyter.dashboard.picture import summary, to_svg

TASKS_MAX = 20_000
"""So many single tasks are in a report; at some 60 bytes each it stays below 5 MB."""


def write_report(path: Path, feed: Feed) -> int:
    """Write the report of a feed's session; return its size in bytes.

    Raises:
        ValueError: there is no session.
        OSError: the file cannot be written.
    """
    frame = feed.snapshot()
    if frame is None or feed.model is None:
        raise ValueError("expected a feed that has seen a session, got one that has not")
    with feed.lock:
        frame["tasks"] = list(feed.model.tasks)[-TASKS_MAX:]
        frame["errors"] = list(feed.model.errors.values())
    text = page(frame)
    return path.write_bytes(text.encode())


def page(frame: Frame) -> str:
    """Return the page of a snapshot."""
    module = static_text("dashboard.js")
    picture = base64.b64encode(to_svg(frame).encode()).decode()
    title = html.escape(f"ray_jupyter · {summary(frame)}")
    image = f'<img alt="{title}" src="data:image/svg+xml;base64,{picture}">'
    show = "dashboard.mount(document.getElementById('dashboard'), data);"
    body = f"<noscript>{image}</noscript>{script_of(module, frame, show)}" if module else image
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>body{{margin:16px;font-family:system-ui,sans-serif}}"
        "#dashboard{height:calc(100vh - 32px)}</style></head><body>"
        f'<div id="dashboard"></div>{body}</body></html>'
    )


def script_of(module: str, data: object, program: str) -> str:
    """Return script elements in which ``program`` sees the ``dashboard`` module and ``data``."""
    # JSON inside a script element: nothing in it may look like the element's end.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    source = base64.b64encode(module.encode()).decode()
    return (
        f'<script type="application/json" id="data">{text}</script><script type="module">'
        f'import * as dashboard from "data:text/javascript;base64,{source}";'
        "const data = JSON.parse(document.getElementById('data').textContent);"
        f"{program}</script>"
    )
