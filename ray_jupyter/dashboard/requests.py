"""What the dashboard may ask for: cancelling, running again, details, a snapshot.

Each request is a dict with ``"ask"``; what comes back is JSON-ready. Ids are numbers that the
frames gave; nothing a front end sends is run or loaded. Answers are made in whatever thread hears
the question, while a cell runs: nothing here runs code of the user's, nor waits for tasks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray_jupyter import session
from ray_jupyter.backends.base import Backend, Capability
from ray_jupyter.dashboard.feed import Feed
from ray_jupyter.runtime.client.arguments import ALL_IN_STORE
from ray_jupyter.runtime.protocol.specs import TaskTemplate
from ray_jupyter.runtime.store import looks

_TASKS_MAX = 5_000
_ANSWER_S = 5.0
_SHOWN_MAX = 12
"""So many arguments of a task are shown."""
Definition = Callable[[str, int], TaskTemplate | None]
"""Gives what the notebook calls by the name of a task now, with so many returns."""


class Requests:
    """Answers the requests of any host.

    Args:
        feed: whose session is meant.
        start: has frames sent to the one who asks.
        definition: of a function that may have been mended.
    """

    def __init__(
        self, feed: Feed, start: Callable[[], object],
        definition: Definition = lambda name, num_returns: None,
    ) -> None:  # fmt: skip
        self._feed = feed
        self._begin = start
        self._definition = definition
        self._answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "start": self._start,
            "slow": self._slow,
            "snapshot": self._snapshot,
            "cancel": self._cancel,
            "resume": self._resume,
            "task": self._task,
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
        self._feed.is_slow = False
        self._begin()
        return {"running": session.current is not None}

    def _slow(self, request: dict[str, Any]) -> dict[str, Any]:
        """Nobody looks, says one: whoever does hears it, and asks to start."""
        self._feed.is_slow = True
        return {}

    def _snapshot(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"frame": self._feed.snapshot()}

    def _cancel(self, request: dict[str, Any]) -> dict[str, Any]:
        backend, task_id = _meant(request)
        backend.cancel(task_id, force=bool(request.get("force")), recursive=True)
        return {"text": "cancel was asked for; what has finished stays finished"}

    def _resume(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a failed task again on a worker, as its function is defined now."""
        backend, task_id = _meant(request)
        told = _told(backend, task_id)
        if told.get("obstacle", "it is not remembered"):
            return {"text": f"it cannot run again: {told.get('obstacle', 'it is not remembered')}"}
        with self._feed.lock:
            name = self._feed.name_of(task_id)
        template = self._definition(name, told["num_returns"])
        first, *others = backend.resume(task_id, template)
        how = "as it was sent" if template is None else f"as {name} is defined now"
        more = f", and {len(others):,} that failed because of it" if others else ""
        return {"text": f"{first} runs again, {how}{more}"}

    def _task(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return what a task was given, as short texts, and why it cannot run again."""
        backend, task_id = _meant(request)
        told = _told(backend, task_id)
        if not told:
            return {"arguments": None, "obstacle": "it is not remembered"}
        return {"arguments": self._arguments(backend, told), "obstacle": told["obstacle"]}

    def _arguments(self, backend: Backend, told: dict[str, Any]) -> list[list[str]] | None:
        """Return [name or nothing, text] of each argument; ``None`` if they cannot be told."""
        if not told["arguments"]:
            return []
        if told["arguments"] == ALL_IN_STORE:
            return [["", "all of them are in the store: they are large together"]]
        found = looks.preview(told["arguments"])
        if found is None:
            return None
        args, kwargs, slots = found
        given: dict[int | str, str] = dict(enumerate(args)) | kwargs
        for slot, object_id in list(zip(slots, told["deps"], strict=False))[:_SHOWN_MAX]:
            given[slot] = self._object(backend, object_id)
        shown = [["" if type(k) is int else str(k), text] for k, text in given.items()]
        more = len(shown) - _SHOWN_MAX
        return shown[:_SHOWN_MAX] + ([["", f"and {more:,} more"]] if more > 0 else [])

    def _object(self, backend: Backend, object_id: int) -> str:
        told = backend.query("object", object_id, _ANSWER_S)
        look = looks.told(told.get("look", ""))
        with self._feed.lock:
            name = told.get("name") or self._feed.name_of(object_id)
        return f"{look or 'value'} from {name}" if name else f"{look or 'value'}, in the store"

    def _tasks(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return single tasks that overlap a stretch of time, evenly thinned if too many."""
        start_us, end_us = int(request["start_us"]), int(request["end_us"])
        with self._feed.lock:
            model = self._feed.model
            rows = list(model.tasks) if model is not None else []
        found = [row for row in rows if row[4] >= 0 and row[4] < end_us and row[5] > start_us]
        stride = -(-len(found) // _TASKS_MAX) or 1
        return {"tasks": found[::stride], "of": len(found)}


def _meant(request: dict[str, Any]) -> tuple[Backend, int]:
    """Return the session and the task that a request is about."""
    backend = session.connected()
    if request.get("session") != backend.session_id:
        raise ValueError("that session has ended, and its tasks with it")
    return backend, int(request["task"])


def _told(backend: Backend, task_id: int) -> dict[str, Any]:
    """Return what the backend remembers of a task; nothing if it remembers no such things."""
    if Capability.OBJECT_TABLE in backend.lacks:
        return {}
    told: dict[str, Any] = backend.query("task", task_id, _ANSWER_S)
    return told
