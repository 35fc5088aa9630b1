"""``Dashboard()``: the dashboard as a widget, where widgets are what is live.

It needs anywidget, here and where the notebook server runs. JupyterLab and Notebook 7 have
a better way (``output``), which also survives a reload of the page.
"""

from __future__ import annotations

import threading
from typing import Any

from ray_jupyter.dashboard.feed import Feed
from ray_jupyter.dashboard.frames import Frame
from ray_jupyter.dashboard.output import static_text
from ray_jupyter.dashboard.requests import Requests

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise ImportError(
        "ray_jupyter.Dashboard() needs anywidget, which is not installed here: pip install "
        "anywidget (also in the environment where JupyterLab runs), then restart. %ray_dashboard "
        "needs none"
    ) from error

UNACKNOWLEDGED_MAX = 2
"""A view that has not said it drew so many frames gets no further ones, then a snapshot."""


class Dashboard(anywidget.AnyWidget):
    """The dashboard as a widget that composes with others.

    Args:
        height_css_px: of the view.

    Raises:
        FileNotFoundError: this installation lacks the compiled module.
    """

    height_css_px = traitlets.Int(420).tag(sync=True)
    snapshot = traitlets.Dict().tag(sync=True)
    """The newest snapshot: what a view that opens later begins with."""

    def __init__(self, height_css_px: int = 420, **options: Any) -> None:
        module = static_text("dashboard.js")
        if not module:
            raise FileNotFoundError(
                "ray_jupyter/dashboard/static/dashboard.js is missing: this checkout was "
                "installed without Node. Install a wheel, or install node and npm, then pip install again"
            )
        super().__init__(_esm=module, height_css_px=height_css_px, **options)
        self._feed = Feed()
        self._requests = Requests(self._feed, self._feed.start)
        self._acknowledged = self._sent = 0
        self._skipped = False
        self._lock = threading.Lock()
        self.on_msg(self._received)
        self._feed.attach(self._frame)

    def close(self) -> None:
        """End the feed and the widget."""
        if hasattr(self, "_feed"):  # else its construction failed
            self._feed.stop()
        super().close()

    def _frame(self, frame: Frame) -> None:
        with self._lock:
            waiting = self._sent - self._acknowledged
            is_snapshot = frame["kind"] == "snapshot"
            if is_snapshot:
                self.snapshot = frame
                self._skipped = False
            if self._skipped or (waiting >= UNACKNOWLEDGED_MAX and self._acknowledged):
                self._skipped = True  # until the next snapshot, which is a trait: always sent
                return
            if not is_snapshot:
                self._sent = frame["seq"]
                self.send({"frame": frame})

    def _received(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        if "seen" in content:
            self._acknowledged = max(self._acknowledged, int(content["seen"]))
            return
        try:
            answer = {"status": "ok", **self._requests(content)}
        except Exception as error:  # told in the view: a request must not break the widget
            answer = {"status": "error", "text": f"{type(error).__name__}: {error}"}
        self.send({"reply": content.get("request"), "answer": answer})
