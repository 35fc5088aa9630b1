"""What tasks print appears in the cell that submitted them, also when that cell has long ended.

A ``print`` from a helper thread lands in whatever cell the version of ipykernel thinks of, so
nothing is printed: a message goes to the front end with the header of the right cell. Only while
that very cell waits in its own thread is its own ``sys.stdout`` used, in the order of its other
output; and below ``%%capture``, whose it is.
"""

from __future__ import annotations

import json
import sys
import threading
from itertools import groupby
from typing import Any

from ray_jupyter.notebook import Shell
from ray_jupyter.notebook.cells import Cell, Cells
from ray_jupyter.notebook.lines import Overwriting, collapse
from ray_jupyter.notebook.logs import Line, Logs
from ray_jupyter.notebook.places import name_cells
from ray_jupyter.notebook.settings import RayMagics
from ray_jupyter.runtime.client.printing import Decoder, LinePrinter, plain_text
from ray_jupyter.runtime.protocol.output import RICH, STDERR, Output

_Key = tuple[int, int]
"""A pipe: (pid, stream)."""


class TaskOutput:
    """Takes what tasks print; see ``session.show_output``.

    Attributes:
        logs: the last of it.
    """

    def __init__(self, shell: Shell, cells: Cells, settings: RayMagics) -> None:
        self.logs = Logs()
        self._shell = shell
        self._decoder = Decoder()
        self._printer = LinePrinter()
        self._front = CellOutput(shell, cells, settings) if hasattr(shell, "kernel") else None

    def __call__(self, outputs: list[Output]) -> None:
        """Show it; in the thread that received it."""
        texts = []
        for output in outputs:
            root, task_id, name, pid, stream, data = output
            rich = stream == RICH
            text = f"{plain_text(data)}\n" if rich else self._decoder.text(output)
            text = name_cells(self._shell, text)
            self.logs.add(Line(root, task_id, name, pid, text))
            texts.append(text)
        if self._front is None:
            self._printer(outputs)
        else:
            self._front.show(outputs, texts)

    def bars(self, cell: Cell) -> list[str]:
        """Return the lines of a cell's tasks that are being overwritten."""
        return self._front.bars(cell) if self._front is not None else []

    def finish(self, cell: Cell) -> None:
        """The cell's tasks have ended: nothing will be overwritten any more."""
        if self._front is not None:
            self._front.finish(cell)


class CellOutput:
    """Routes output to cells in a kernel."""

    def __init__(self, shell: Shell, cells: Cells, settings: RayMagics) -> None:
        self._shell = shell
        self._cells = cells
        self._settings = settings
        self._pipes: dict[_Key, tuple[Cell, Overwriting]] = {}
        self._lock = threading.RLock()

    def show(self, outputs: list[Output], texts: list[str]) -> None:
        """Send outputs to their cells; ``texts`` are what to show for them."""
        pairs = [(self._cells.of(o[0]), o, t) for o, t in zip(outputs, texts, strict=True)]
        with self._lock:
            self._show(pairs)

    def _show(self, pairs: list[tuple[Cell, Output, str]]) -> None:
        for cell in dict.fromkeys(cell for cell, _, _ in pairs):
            mine = [(output, text) for of, output, text in pairs if of is cell]
            # Rich output keeps its place among the text, and the streams their order.
            for rich, run in groupby(mine, lambda pair: pair[0][4] == RICH):
                if rich:
                    for output, _ in run:
                        self._publish(cell, *json.loads(output[5]))
                else:
                    self._show_text(cell, list(run))

    def _show_text(self, cell: Cell, run: list[tuple[Output, str]]) -> None:
        by_stream: dict[int, list[tuple[int, str]]] = {}
        for (_, _, _, pid, stream, _), text in run:
            if self._settings.strip == "live":
                text = self._overwriting(cell, (pid, stream)).feed(text)
            by_stream.setdefault(stream, []).append((pid, text))
        for stream, chunks in by_stream.items():
            self._write(cell, stream, collapse(chunks))

    def _overwriting(self, cell: Cell, key: _Key) -> Overwriting:
        of, lines = self._pipes.get(key, (None, None))
        if of is not cell or lines is None:
            if of is not None and lines is not None:
                self._write(of, key[1], lines.end())
            lines = Overwriting()
            self._pipes[key] = cell, lines
        return lines

    def bars(self, cell: Cell) -> list[str]:
        """See ``TaskOutput.bars``."""
        pipes = list(self._pipes.values())
        return [lines.bar for of, lines in pipes if of is cell and lines.bar]

    def finish(self, cell: Cell) -> None:
        """See ``TaskOutput.finish``."""
        with self._lock:
            self._finish(cell)

    def _finish(self, cell: Cell) -> None:
        for (_, stream), (of, lines) in self._pipes.items():
            if of is cell:
                self._write(cell, stream, lines.end())

    def _write(self, cell: Cell, stream: int, text: str) -> None:
        text = cell.budget.take(text, self._settings.output_chars)
        if not text:
            return
        ours = sys.stderr if stream == STDERR else sys.stdout
        if cell is self._cells.current:
            if threading.current_thread() is threading.main_thread() or is_captured(self._shell):
                ours.write(text)
                return
            ours.flush()  # what the cell printed before comes first
        name = "stderr" if stream == STDERR else "stdout"
        send(self._shell, cell, "stream", {"name": name, "text": text})

    def _publish(self, cell: Cell, kind: str, content: dict[str, Any]) -> None:
        if cell is self._cells.current:
            sys.stdout.flush()
            if is_captured(self._shell) and kind == "display_data":
                self._shell.display_pub.publish(**content)
                return
        send(self._shell, cell, kind, content)


def is_captured(shell: Shell) -> bool:
    """Return whether the running cell's output goes to ``%%capture`` and not to a front end."""
    return not hasattr(shell.display_pub, "pub_socket")


def send(shell: Shell, cell: Cell, kind: str, content: dict[str, Any]) -> None:
    """Send front ends a message that belongs to a cell; in any thread."""
    kernel = shell.kernel
    topic = f"stream.{content['name']}" if kind == "stream" else kind
    kernel.session.send(
        kernel.iopub_socket, kind, content, parent=cell.header, ident=topic.encode()
    )
