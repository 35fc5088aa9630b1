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
    # JSON inside a script element: nothing in it may look like the element's end.
    data = json.dumps(frame, separators=(",", ":")).replace("<", "\\u003c")
    module = static_text("dashboard.js")
    picture = base64.b64encode(to_svg(frame).encode()).decode()
    title = html.escape(f"ray_jupyter · {summary(frame)}")
    shown = (
        f'<noscript><img alt="{title}" src="data:image/svg+xml;base64,{picture}"></noscript>'
        if module
        else f'<img alt="{title}" src="data:image/svg+xml;base64,{picture}">'
    )
    source = base64.b64encode(module.encode()).decode()
    script = (
        f'<script type="application/json" id="frame">{data}</script>'
        '<script type="module">'
        f'const url = "data:text/javascript;base64,{source}";'
        "const { mount } = await import(url);"
        'mount(document.getElementById("dashboard"),'
        ' JSON.parse(document.getElementById("frame").textContent));'
        "</script>"
        if module
        else ""
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>body{{margin:16px;font-family:system-ui,sans-serif}}"
        f"#dashboard{{height:calc(100vh - 32px)}}</style></head><body>"
        f'<div id="dashboard"></div>{shown}{script}</body></html>'
    )
