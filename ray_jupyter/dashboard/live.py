"""The dashboard of this process: one feed, the kernel's link, the outputs that show it.

Lives here: what is started when, and keeping the pictures in the notebook up to date. An output
gets the newest snapshot when the work pauses, every half minute while it does not, at the end of
the session, and when a cell ends: what is saved is never far behind what was seen.
"""

from __future__ import annotations

import atexit
import time
import uuid
from itertools import islice
from typing import Any

from ray_jupyter import session
from ray_jupyter.backends.base import Backend
from ray_jupyter.dashboard.feed import Cell, Feed
from ray_jupyter.dashboard.frames import Frame
from ray_jupyter.dashboard.iopub import KernelLink, Shell
from ray_jupyter.dashboard.output import bundle, picture
from ray_jupyter.dashboard.requests import Requests
from ray_jupyter.remote import RemoteFunction
from ray_jupyter.runtime.protocol.ids import Reference
from ray_jupyter.runtime.protocol.specs import TaskTemplate
from ray_jupyter.util import holders

KEEP_S, PAUSE_S = 30.0, 1.0
_OUTPUTS_MAX = 8
_ITEMS_MAX, _NAMES_MAX = 1_000, 4
"""So many items of a variable are looked at, and so many names of an object told."""


class Live:
    """See the module.

    Args:
        shell: IPython's; without a kernel (a terminal) there are pictures only.
    """

    def __init__(self, shell: Shell) -> None:
        self.feed = Feed()
        self.requests = Requests(self.feed, self.start, self._definition)
        self._shell = shell
        kernel = getattr(shell, "kernel", None)
        self._link = KernelLink(shell, self.requests) if kernel is not None else None
        self._outputs: dict[str, tuple[dict[str, Any], str]] = {}
        """By display id, the message that each output belongs to, and its first view."""
        self._kept_at_s = 0.0
        self._kept = self._kept_in_cell = ("", 0, False)
        self._quiet_since_s = 0.0
        self.feed.census.variables = lambda: variables(dict(shell.user_ns), session.current)

    def open(self) -> None:
        """Listen for what front ends ask."""
        if self._link is not None:
            self._link.open()
        session.on_end.append(self._before_end)
        # Before ZeroMQ ends, which runs after what was registered later than it: the last session
        # ends there, too, and a picture of that would be sent to nobody, with an error.
        atexit.register(self.feed.stop)

    def close(self) -> None:
        """End the thread; outputs stay as they are."""
        session.on_end.remove(self._before_end)
        atexit.unregister(self.feed.stop)
        self.feed.stop()
        if self._link is not None:
            self._link.close()

    def begin_cell(self, cell: Cell) -> None:
        """A cell begins to run."""
        self.feed.begin_cell(cell)
        if self._link is not None:
            self._link.running = self._shell.get_parent()

    def end_cell(self) -> None:
        """It has ended: bring the pictures up to date, as output of this cell.

        Clients without a page, such as nbclient and papermill, hear nothing else.
        """
        if self._link is not None:
            self._link.running = None
        if not self._outputs:
            return
        frame = self.feed.snapshot()
        if frame is None or (news := _news(frame)) == self._kept_in_cell:
            return
        self._kept_in_cell = news
        for display_id, (_, view) in self._outputs.items():
            self._shell.display_pub.publish(
                bundle(frame, view), transient={"display_id": display_id}, update=True
            )

    def start(self) -> None:
        """Send frames to the front ends, from now on."""
        if self._link is not None and self._frame not in self.feed.sinks:
            self.feed.attach(self._frame)
        self.feed.start()

    def _definition(self, name: str, num_returns: int) -> TaskTemplate | None:
        current = self._shell.user_ns.get(name)
        if type(current) is not RemoteFunction or current.__module__ != "__main__":
            return None
        if current._template.num_returns != num_returns:
            current = current.options(num_returns=num_returns)
        return current._template

    def put_away(self) -> int:
        """Have outputs be pictures from now on; return how many they were."""
        count, shown = len(self._outputs), picture(self.feed.snapshot())
        for display_id in self._outputs:
            self._shell.display_pub.publish(
                shown, transient={"display_id": display_id}, update=True
            )
        self._outputs = {}
        return count

    def show(self, view: str = "") -> None:
        """Display the dashboard below the cell that is running; ``view`` comes first."""
        self.feed.is_slow = False
        self.start()
        shown, display_id = bundle(self.feed.snapshot(), view), uuid.uuid4().hex
        self._shell.display_pub.publish(shown, transient={"display_id": display_id})
        if self._link is None:
            return
        self._outputs[display_id] = self._shell.get_parent(), view
        while len(self._outputs) > _OUTPUTS_MAX:
            self._outputs.pop(next(iter(self._outputs)))

    def _before_end(self, backend: Backend) -> None:
        """Have the last numbers of a session that somebody looks at."""
        if self.feed.sinks:
            self.feed.snapshot()

    def _frame(self, frame: Frame) -> None:
        assert self._link is not None
        self._link.send(frame)
        live, now_s = frame["totals"].get("live", 0), time.monotonic()
        is_over = bool(frame.get("is_over"))
        if live:
            self._quiet_since_s = 0.0
        elif not self._quiet_since_s:
            self._quiet_since_s = now_s
        paused = not live and now_s - self._quiet_since_s > PAUSE_S
        news = _news(frame)
        due = now_s - self._kept_at_s > KEEP_S
        is_new = news not in (self._kept, self._kept_in_cell)
        if self._outputs and is_new and (paused or due or is_over):
            self._kept_at_s, self._kept = now_s, news
            snapshot = self.feed.snapshot()
            for display_id, (parent, view) in list(self._outputs.items()):
                self._link.update_output(display_id, bundle(snapshot, view), parent)


def _news(frame: Frame) -> tuple[str, int, bool]:
    """Return what a picture must differ in to be renewed: session, tasks that have ended, its end."""
    ended = sum(frame["totals"].get(fate, 0) for fate in ("finished", "failed", "cancelled"))
    return frame["session"], ended, bool(frame.get("is_over"))


def variables(namespace: dict[str, Any], backend: Any) -> dict[int, list[str]]:
    """Return the names of notebook variables that hold each object, one list, tuple or dict deep.

    Which names count is ``holders``' to say. It does not look here as well, though: this is not the
    users' thread and comes every second, and ``who_holds`` goes four levels deep, into generators
    that may be running, and keeps what it looks at, whose end would then come in this thread.
    """
    names: dict[int, list[str]] = {}
    if backend is None:
        return names
    for place, value in holders.variables(namespace):
        for item in _items(value):
            # Nothing else is asked of users' objects.
            if issubclass(type(item), Reference) and item.session_id == backend.session_id:
                found = names.setdefault(item.id, [])
                if len(found) < _NAMES_MAX:
                    found.append(str(place))
    return names


def _items(value: Any) -> list[Any]:
    """Return what is in a container of Python's own, each time in one step; else the value itself."""
    if type(value) in (list, tuple):
        return list(value[:_ITEMS_MAX])
    if type(value) is dict:
        return list(islice(dict.values(value), _ITEMS_MAX))
    return [value]
