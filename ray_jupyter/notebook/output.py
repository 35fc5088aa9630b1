"""What tasks print appears in the cell that submitted them, also when that cell has long ended.

A ``print`` from a helper thread lands in whatever cell the version of ipykernel thinks of, so
nothing is printed: a message goes to the front end with the header of the right cell. Only while
that very cell waits in its own thread is its own ``sys.stdout`` used, in the order of its other
output, and below ``%%capture`` as well.
"""

from __future__ import annotations

import sys
import threading
from bisect import bisect_right
from typing import Any

from ray_jupyter import session
from ray_jupyter.notebook import Shell
from ray_jupyter.runtime.client.printing import Decoder
from ray_jupyter.runtime.protocol.output import STDOUT, Output


class CellOutput:
    """Routes output to cells.

    Attributes:
        limit_chars: what one cell may show; more is dropped, and the cell says so.
    """

    limit_chars = 1_000_000

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._decoder = Decoder()
        self._session_id = ""
        self._first_ids: list[int] = []
        """Where the ids of each cell's tasks begin; increasing."""
        self._headers: list[dict[str, Any]] = []
        self._current: dict[str, Any] = {}
        self._shown_chars: dict[str, int] = {}

    def before_cell(self) -> None:
        """A cell begins: what is submitted from now on belongs to it."""
        self._current = self._shell.get_parent()
        if session.current is not None:
            self._begin(session.current.next_id)

    def _begin(self, first_id: int) -> None:
        if session.current is not None and session.current.session_id != self._session_id:
            self._session_id = session.current.session_id
            self._first_ids, self._headers, first_id = [], [], 0
        self._first_ids.append(first_id)
        self._headers.append(self._current)

    def __call__(self, outputs: list[Output]) -> None:
        """Show what tasks printed; in the thread that received it."""
        texts: dict[tuple[int, int], str] = {}
        for output in outputs:
            key = output[0], output[4]
            texts[key] = texts.get(key, "") + self._decoder.text(output)
        for (root, stream), text in texts.items():
            self._show(self._header(root), stream, text)

    def _header(self, root: int) -> dict[str, Any]:
        if session.current is None or session.current.session_id != self._session_id:
            self._begin(0)  # the session was started by the cell that is running
        at = bisect_right(self._first_ids, root) - 1
        return self._headers[max(at, 0)]

    def _show(self, header: dict[str, Any], stream: int, text: str) -> None:
        cell = header.get("header", {}).get("msg_id", "")
        shown = self._shown_chars.get(cell, 0)
        if shown >= self.limit_chars:
            return
        self._shown_chars[cell] = shown + len(text)
        if shown + len(text) >= self.limit_chars:
            text = (
                f"{text[: self.limit_chars - shown]}\n... the tasks of this cell printed more than "
                f"{self.limit_chars:,} characters: the rest is not shown\n"
            )
        ours = sys.stdout if stream == STDOUT else sys.stderr
        if header is self._current:
            if threading.current_thread() is threading.main_thread():
                ours.write(text)
                return
            ours.flush()  # what the cell printed before comes first
        kernel = self._shell.kernel
        name = "stdout" if stream == STDOUT else "stderr"
        kernel.session.send(
            kernel.iopub_socket, "stream", {"name": name, "text": text},
            parent=header, ident=b"stream." + name.encode(),
        )  # fmt: skip
