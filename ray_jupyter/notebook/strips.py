"""When the strip of a cell is shown: while its tasks run, and once when they have ended.

A thread looks at the cells that have something running, at most twice a second, and renews one display
per cell in place. A cell that submits nothing shows nothing, nor does one whose tasks are quick.
"""

from __future__ import annotations

import mmap
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ray_jupyter import session
from ray_jupyter.backends.base import Backend, Capability
from ray_jupyter.errors import RaySystemError
from ray_jupyter.notebook import Shell, strip
from ray_jupyter.notebook.cells import Cell, Cells
from ray_jupyter.notebook.output import TaskOutput, is_captured, send
from ray_jupyter.notebook.redefined import Redefined
from ray_jupyter.notebook.settings import RayMagics
from ray_jupyter.runtime.client.task_errors import text_of_task_error
from ray_jupyter.runtime.protocol.messages import FAILED

LOOK_S = 0.5
"""So often the numbers are renewed, and so long tasks run before anything is shown."""
_ANSWER_S = 5.0
_LATE_S = 2.0
"""A backend without fresh state knows how a task has ended after so long, and more."""
_LEFT = "the session ended before these tasks"
_PAGE_BYTES = mmap.PAGESIZE


class _Watched:
    """A cell that has something running, or may still submit something."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.is_shown = False
        self.is_over = False
        self.peak_bytes = 0
        self.next_s = 0.0
        """When to look again: what takes long changes slowly."""


class Strips:
    """The strips of a shell's cells."""

    def __init__(
        self, shell: Shell, cells: Cells, output: TaskOutput, settings: RayMagics,
        redefined: Redefined,
    ) -> None:  # fmt: skip
        self._redefined = redefined
        self._shell = shell
        self._cells = cells
        self._output = output
        self._settings = settings
        self._watched: list[_Watched] = []
        self._is_in_cell = False
        self._unheard: dict[str, dict[str, Any]] = {}
        """The last states of strips that were sent while no cell ran, by their display ids."""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._stopped = False
        self._thread: threading.Thread | None = None

    def before_cell(self) -> None:
        """A cell begins: its tasks are watched."""
        with self._changed:
            self._is_in_cell = True
            self._watched.append(_Watched(self._cells.current))
            if self._thread is None and hasattr(self._shell, "kernel"):
                self._thread = threading.Thread(
                    target=self._run, daemon=True, name="ray_jupyter-strips"
                )
                self._thread.start()
            self._changed.notify()

    def after_cell(self) -> None:
        """The cell has ended: say so now if its tasks have, too.

        Clients without a page, such as nbclient and papermill, hear only what comes with a cell that
        runs: so this is also the time for the strips of earlier cells.
        """
        with self._lock:
            self._end(self._cells.current)
            for watched in self._shown():
                self._look(watched)
            for content in self._unheard.values():
                send(self._shell, self._cells.current, "update_display_data", content)
            self._unheard.clear()
            self._is_in_cell = False

    def before_end(self, backend: Backend) -> None:
        """The session is about to end: look once more, at one that tells late several times."""
        is_late = Capability.FRESH_STATE in backend.lacks
        deadline_s = time.monotonic() + (_LATE_S if is_late else 0.0)
        while True:
            with self._lock:
                for watched in list(self._watched):
                    self._look(watched, is_last=True)
                is_done = not self._shown()
            if is_done or time.monotonic() >= deadline_s:
                return
            time.sleep(_LATE_S / 20)

    def _shown(self) -> list[_Watched]:
        return [watched for watched in self._watched if watched.is_shown]

    def _end(self, cell: Cell) -> None:
        for watched in [w for w in self._watched if w.cell is cell]:
            watched.is_over = True
            self._look(watched)
        if self._thread is None:  # nobody else will ever look
            self._watched.clear()

    def stop(self) -> None:
        """Watch nothing any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        with self._changed:
            while not self._stopped:
                if not self._watched:
                    self._changed.wait()
                    continue
                self._changed.wait(LOOK_S)
                now_s = time.monotonic()
                for watched in list(self._watched):
                    if now_s >= watched.next_s and not self._stopped:
                        self._look(watched)

    def _look(self, watched: _Watched, *, is_last: bool = False) -> None:
        """Show how it is with a cell; under the lock. ``is_last``: its session submits no more."""
        cell, report = watched.cell, {}
        backend = session.current
        if backend is not None and cell.is_of_this_session:
            with suppress(RaySystemError, TimeoutError):  # the session is ending
                report = backend.query("cell", cell.id, timeout_s=_ANSWER_S)
        if not report:
            if watched.is_over or cell is not self._cells.current:
                self._watched.remove(watched)
                if watched.is_shown:
                    self._show(watched, _LEFT)
            return
        now_ns = time.monotonic_ns()
        older = self._redefined.in_cell(cell)
        took_ns = (now_ns if report["unfinished"] else report["last_ns"]) - report["first_ns"]
        watched.next_s = time.monotonic() + min(took_ns / 1e11, 5.0)
        watched.peak_bytes = max(watched.peak_bytes, _used_bytes(report))
        if report["unfinished"]:
            if took_ns >= LOOK_S * 1e9 and self._settings.strip == "live":
                bars = self._output.bars(cell)
                self._show(watched, strip.progress(report, now_ns, bars, older=older))
            return
        if not (watched.is_over or is_last):
            return  # it may submit more
        self._watched.remove(watched)
        if not watched.is_over:  # to another session
            self._watched.append(_Watched(cell))
        self._output.finish(cell)
        if watched.is_shown or (took_ns >= LOOK_S * 1e9 and self._settings.strip != "off"):
            text = strip.summary(
                report, peak_bytes=watched.peak_bytes, why=_why(report["error"]), older=older
            )
            self._show(watched, text)

    def _show(self, watched: _Watched, text: str) -> None:
        cell = watched.cell
        if not hasattr(self._shell, "kernel"):
            print(text)
            return
        if cell is self._cells.current and is_captured(self._shell) and not watched.is_over:
            return
        content: dict[str, Any] = {
            "data": {"text/plain": text, "text/html": strip.html(text)},
            "metadata": {},
            "transient": {"display_id": f"ray_jupyter-{cell.session_id}-{cell.id}"},
        }
        if not watched.is_shown:
            watched.is_shown = True
            send(self._shell, cell, "display_data", content)
            return
        if not self._is_in_cell:
            self._unheard[content["transient"]["display_id"]] = content
        # Not with its own cell, which may have ended: the display's id says where it goes.
        send(self._shell, self._cells.current, "update_display_data", content)


def _why(error: tuple[int, str, tuple[Any, ...]] | None) -> str:
    """Return in one line what the first failed task of a cell says."""
    if error is None:
        return ""
    _, name, value = error
    text = text_of_task_error(value[1]) if value[0] == FAILED else ": ".join(value[1:])
    lines = [line for line in text.splitlines() if line.strip()]
    return f"{lines[-1] if lines else 'unknown'} (in {name})"


def _used_bytes(report: dict[str, Any]) -> int:
    """Return the memory that workers use for themselves, and the store; 0 if nobody says."""
    used: int = report["store_used_bytes"]
    for pid in report["pids"]:
        try:
            text = Path(f"/proc/{pid}/statm").read_text()
        except OSError:  # it has ended, or this system has no such file
            continue
        _, resident, shared, *_ = map(int, text.split())
        used += (resident - shared) * _PAGE_BYTES
    return used
