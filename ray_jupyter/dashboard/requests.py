"""What the dashboard may ask for: cancelling, details, a census, a snapshot.

Each request is a dict with ``"ask"``; what comes back is JSON-ready. Ids are numbers that the
frames gave; nothing a front end sends is run or loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray_jupyter import session
from ray_jupyter.dashboard.feed import Feed

_TASKS_MAX = 5_000


class Requests:
    """Answers the requests of any host.

    Args:
        feed: whose session is meant.
        start: has frames sent to the one who asks.
    """

    def __init__(self, feed: Feed, start: Callable[[], object]) -> None:
        self._feed = feed
        self._begin = start
        self._answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "start": self._start,
            "snapshot": self._snapshot,
            "cancel": self._cancel,
            "tasks": self._tasks,
        }

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer.

        Raises:
            ValueError: no such request, or one of a session that is not the current one.
        """
        name = request.get("ask")
        if name not in self._answers:
            raise ValueError(f"expected a request of {sorted(self._answers)}, got {name!r}")
        return self._answers[name](request)

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        self._begin()
        return {"running": session.current is not None}

    def _snapshot(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"frame": self._feed.snapshot()}

    def _cancel(self, request: dict[str, Any]) -> dict[str, Any]:
        backend = session.connected()
        if request.get("session") != backend.session_id:
            raise ValueError("that session has ended, and its tasks with it")
        task_id = int(request["task"])
        backend.cancel(task_id, force=bool(request.get("force")), recursive=True)
        return {"text": "cancel was asked for; what has finished stays finished"}

    def _tasks(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return single tasks that overlap a stretch of time, evenly thinned if too many."""
        start_us, end_us = int(request["start_us"]), int(request["end_us"])
        with self._feed.lock:
            model = self._feed.model
            rows = list(model.tasks) if model is not None else []
        found = [row for row in rows if row[4] >= 0 and row[4] < end_us and row[5] > start_us]
        stride = -(-len(found) // _TASKS_MAX) or 1
        return {"tasks": found[::stride], "of": len(found)}
