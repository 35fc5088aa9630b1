"""The thread that asks the backend what has changed and hands frames to whoever shows them.

Lives here: how often is asked, when a snapshot is due, sessions that come and go. Does not:
what frames say (``frames``), where they go (``iopub``, ``widget``).

Rules
    * Sinks are called in the feed's thread, one frame at a time, and must not block.
    * Nothing here keeps a session alive, nor starts one.
    * The cost has a bound whatever the work does: answers have a bounded size, and what must
      look at every object is asked so rarely that it takes two hundredths of the time.
"""

from __future__ import annotations

import contextvars
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from ray_jupyter import session
from ray_jupyter.backends.base import Backend
from ray_jupyter.dashboard import frames
from ray_jupyter.dashboard.census import Census
from ray_jupyter.dashboard.frames import Frame
from ray_jupyter.dashboard.hints import hints
from ray_jupyter.dashboard.model import NAME, Model
from ray_jupyter.dashboard.processes import Meter
from ray_jupyter.errors import RayError
from ray_jupyter.runtime.client.printing import Decoder
from ray_jupyter.runtime.client.task_errors import text_of_task_error
from ray_jupyter.runtime.protocol.output import STDOUT, Output

LIVELY_S, FLOODED_S, QUIET_S, UNSEEN_S = 0.1, 0.3, 0.5, 2.0
"""Pauses between questions: while something happens, in a flood of tasks, and else; and
while nobody looks."""
SNAPSHOT_S = 3.0
"""After so long without one, the next frame with news is a snapshot: for pages that were
reloaded, and for gaps."""
HEARTBEAT_S = 1.0
ANSWER_S = 5.0
LOGS_MAX, LOG_MAX = 500, 2_000
_CELLS_MAX = 32

Sink = Callable[[Frame], object]


class Cell(Protocol):
    """A run of a cell, as the notebook knows it; what a session knows of it may come later.

    Attributes:
        id: of the run in the session; 0 while there is none.
        session_id: which session that is.
        name: what the front end knows the cell by.
        label: what people know it by.
    """

    id: int
    session_id: str
    name: str
    label: str


class Feed:
    """See the module. ``sinks`` get every frame; it runs while there are some.

    Attributes:
        model: of the session that runs, or of the last one; ``None`` before the first.
        is_slow: whether nobody looks, as far as is known. Frames say so: whoever does look
            and hears it may object.
        census: of the objects.
    """

    def __init__(self) -> None:
        self.model: Model | None = None
        self.sinks: list[Sink] = []
        self.census = Census()
        self.is_slow = False
        self.lock = threading.RLock()
        """Held while the model changes: whoever reads it in another thread takes it."""
        self._cells: deque[Cell] = deque(maxlen=_CELLS_MAX)
        self._logs: deque[list[Any]] = deque(maxlen=LOGS_MAX)
        self._new_logs: deque[list[Any]] = deque(maxlen=LOGS_MAX)
        self._heard: deque[tuple[int, int, int, str, str]] = deque(maxlen=LOGS_MAX)
        """What was printed, perhaps before the session was seen: when, task, pid, stream, text."""
        self._decoder = Decoder()
        self._partial: dict[tuple[int, int], tuple[int, str]] = {}
        """The beginnings of lines: task and text, by pid and stream."""
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._meter = Meter()
        self._forget()

    def _forget(self) -> None:
        self._seq = 0
        self._width_us = 0
        self._last: dict[str, int] = {}
        self._is_over, self._over_ns = False, 0
        self._snapshot_at_s = self._heartbeat_at_s = self._measured_at_s = 0.0
        self._lively_until_s = 0.0
        self.census.forget()

    # Whoever shows it

    def attach(self, sink: Sink) -> None:
        """Hand frames to ``sink`` from now on, a snapshot first."""
        self.sinks.append(sink)
        self._snapshot_at_s = 0.0
        self.start()

    def start(self) -> None:
        """Run the thread, if it does not run yet; a second call only makes it look at once."""
        if self._thread is None or not self._thread.is_alive():
            # In a copy of the context, because ipykernel finds there what belongs to a thread.
            run = contextvars.copy_context().run
            self._thread = threading.Thread(
                target=run, args=(self._run,), name="ray_jupyter dashboard", daemon=True
            )
            self._thread.start()
            if self.hear not in session.on_output:
                session.on_output.append(self.hear)
        self._wake.set()

    def stop(self) -> None:
        """End the thread and forget the sinks; what it has made until then they still get."""
        thread, self._thread = self._thread, None
        if self.hear in session.on_output:
            session.on_output.remove(self.hear)
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self.sinks.clear()
        backend, model = session.current, self.model
        if backend is not None and model is not None and model.session_id == backend.session_id:
            with suppress(RayError, TimeoutError):  # it ends just now: there is nothing to tell it
                backend.query("unwatch", model.name, ANSWER_S)

    def begin_cell(self, cell: Cell) -> None:
        """A cell begins to run."""
        self._cells.append(cell)

    def hear(self, outputs: list[Output]) -> None:
        """Note what tasks printed; called in whatever thread receives it."""
        now_ns = time.monotonic_ns()
        for output in outputs:
            _, task_id, _, pid, stream, _ = output
            name = "stdout" if stream == STDOUT else "stderr"
            whose, begun = self._partial.pop((pid, stream), (task_id, ""))
            text = self._decoder.text(output)
            text = f"{begun}{text}" if whose == task_id else f"{begun}\n{text}"
            *lines, rest = text.split("\n")
            if rest:
                self._partial[pid, stream] = (task_id, rest[-LOG_MAX:])
            whole = "\n".join(lines)
            for at in range(0, len(whole), LOG_MAX):
                self._heard.append((now_ns, task_id, pid, name, whole[at : at + LOG_MAX]))

    def name_of(self, object_id: int) -> str:
        """Return the function that made an object, or whose task has this id; under the lock."""
        node = self.model.maker(object_id) if self.model is not None else -1
        return str(self.model.nodes[node][NAME]) if self.model is not None and node >= 0 else ""

    def snapshot(self) -> Frame | None:
        """Return the whole state as it is now; ``None`` if there never was a session."""
        with self.lock:
            self._update()
            return None if self.model is None else self._snapshot(self._seq)

    # The thread

    def _run(self) -> None:
        pause_s = 0.0
        while self.sinks and self._thread is threading.current_thread():
            self._wake.wait(pause_s)
            self._wake.clear()
            with self.lock:
                flooded = self._update()
                frame = self._next_frame()
            if frame is not None:
                for sink in list(self.sinks):
                    sink(frame)
            lively = time.monotonic() < self._lively_until_s
            pause_s = FLOODED_S if flooded else LIVELY_S if lively else QUIET_S
            pause_s = UNSEEN_S if self.is_slow else pause_s

    def _update(self) -> bool:
        """Ask and fold; return whether more happened than is told task by task."""
        backend = session.current
        if backend is None:
            self._tell_over(self.model is not None)
            return False
        if self.model is None or self.model.session_id != backend.session_id:
            self._begin(backend)
        model = self.model
        assert model is not None
        try:
            answer = backend.query("changes", model.question(), ANSWER_S)
            for cell in list(self._cells):  # now: nothing in the answer is of a later one
                if cell.session_id == model.session_id:
                    model.begin_cell(cell.id, cell.name, cell.label)
            model.fold(answer, text_of_task_error)
            if model.totals != self._last:
                self._lively_until_s = time.monotonic() + 1.0
            self._measure(model)
            self.census.take(backend, model)
        except (RayError, TimeoutError):  # it ends just now, or is busy: the next look tells
            self._tell_over(session.current is not backend)
            return False
        self._is_over = False
        return bool(answer["groups"])

    def _tell_over(self, is_over: bool) -> None:
        if is_over and not self._is_over:
            self._over_ns = time.monotonic_ns()  # its clock rests from now on
        self._is_over = is_over

    def _begin(self, backend: Backend) -> None:
        started_ns = time.monotonic_ns()
        if backend is session.current and (known := session.started_at()) is not None:
            started_ns -= int(max(0.0, time.time() - known) * 1e9)
        self.model = Model(backend.session_id, started_ns, uuid.uuid4().hex)
        self._forget()
        self._logs.clear()
        self._new_logs.clear()
        self._partial.clear()

    def _measure(self, model: Model) -> None:
        now_s = time.monotonic()
        if now_s - self._measured_at_s >= HEARTBEAT_S:
            self._measured_at_s = now_s
            model.measure(self._meter.read(model.pids_here()))

    # Frames

    def _next_frame(self) -> Frame | None:
        model = self.model
        if model is None:
            return None
        now_s = time.monotonic()
        while self._heard:
            at_ns, *printed = self._heard.popleft()
            if at_ns >= model.origin_ns:  # else it was the session before
                self._new_logs.append([(at_ns - model.origin_ns) // 1000, *printed])
        frame = frames.delta(
            model, self._seq + 1, self._now_us(), self._width_us, self._new_logs
        )  # fmt: skip
        self._width_us = model.bins.width_us
        self._logs += frame["logs"]
        same = frames.is_empty(frame) and not self.census.is_news
        ended = self._is_over and not self._last.get("is_over")
        if same and model.totals == self._last and not ended:
            # For a while after the last news as well: who waits for quiet must notice it.
            is_recent = now_s < self._lively_until_s + 2 * HEARTBEAT_S
            is_due = now_s - self._heartbeat_at_s >= HEARTBEAT_S
            beats = is_due and (model.totals["live"] or is_recent)
            if not beats and self._snapshot_at_s:
                return None
        self._seq += 1
        self._last = dict(model.totals)
        self._heartbeat_at_s = now_s
        if now_s - self._snapshot_at_s >= SNAPSHOT_S or ended:
            self._snapshot_at_s = now_s
            # The snapshot has the newest tasks only: what the delta told goes with the next one.
            model.new_tasks.extendleft(reversed(frame["tasks"]))
            frame = self._snapshot(self._seq)
            if frame.get("bins_left_out"):
                self._width_us = 0
        else:
            if self.census.is_news:
                frame["objects"] = frames.fitting(self.census.rows)
            frame["hints"] = hints(model)
        self.census.is_news = False
        if self._is_over:
            self._last["is_over"] = 1
        frame["is_over"] = self._is_over
        frame["is_slow"] = self.is_slow
        return frame

    def _snapshot(self, seq: int) -> Frame:
        assert self.model is not None
        extras = {
            "hints": hints(self.model), "logs": self._logs, "objects": self.census.rows,
        }  # fmt: skip
        frame = frames.snapshot(self.model, seq, self._now_us(), extras)
        frame["started_ms"] = round(time.time() * 1000 - self._now_us() / 1000)
        frame["is_over"] = self._is_over
        return frame

    def _now_us(self) -> int:
        assert self.model is not None
        now_ns = self._over_ns if self._is_over else time.monotonic_ns()
        return (now_ns - self.model.origin_ns) // 1000
