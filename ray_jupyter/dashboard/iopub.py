"""The dashboard's way to JupyterLab and Notebook 7, which needs no port and no comm.

Frames are messages of our own type on the kernel's IOPub channel, without a parent, so that a
page which was reloaded while a cell runs hears them at once, and so that no cell takes them for
its output. Questions come on the control channel, which ipykernel answers in a thread of its own
also while a cell runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ray_jupyter.dashboard.frames import Frame

FRAME_TYPE = "ray_dashboard_frame"
HELLO_TYPE = "ray_dashboard_hello"
REQUEST_TYPE = "ray_dashboard_request"
REPLY_TYPE = "ray_dashboard_reply"
BUSY_AGAIN_S = 0.1
"""So long after an answer ipykernel has said that it is idle, which is true of the channel only."""
Shell: TypeAlias = Any
"""IPython's ``InteractiveShell``; its own types change with its version."""
Answerer = Callable[[dict[str, Any]], dict[str, Any]]


class KernelLink:
    """Frames to, and questions from, the front ends of this kernel.

    Args:
        shell: of the kernel.
        answer: gets a question, returns what the front end is told; in the control thread.

    Attributes:
        running: the message that the cell which runs belongs to; ``None`` between cells.
    """

    def __init__(self, shell: Shell, answer: Answerer) -> None:
        self._kernel = shell.kernel
        self._answer = answer
        self.running: dict[str, Any] | None = None

    def send(self, frame: Frame) -> None:
        """Send a frame to whoever listens. The socket is made for use in any thread."""
        self._kernel.session.send(
            self._kernel.iopub_socket, FRAME_TYPE, {"frame": frame}, parent={}
        )

    def update_output(self, display_id: str, shown: dict[str, Any], parent: dict[str, Any]) -> None:
        """Put another MIME bundle in the place of an output, also when its cell has ended."""
        content = {"data": shown, "metadata": {}, "transient": {"display_id": display_id}}
        self._kernel.session.send(
            self._kernel.iopub_socket, "update_display_data", content, parent=parent,
            ident=b"display_data",
        )  # fmt: skip

    def open(self) -> None:
        """Answer questions from now on, and say so: a panel may be open already."""
        self._kernel.control_handlers[REQUEST_TYPE] = self._reply
        self._kernel.session.send(self._kernel.iopub_socket, HELLO_TYPE, {}, parent={})

    def close(self) -> None:
        """Answer no more."""
        self._kernel.control_handlers.pop(REQUEST_TYPE, None)

    async def _reply(self, stream: Any, ident: Any, parent: Any) -> None:
        try:
            content = {"status": "ok", **self._answer(dict(parent["content"]))}
        except Exception as error:  # what a front end asks must not end the control thread
            content = {"status": "error", "text": f"{type(error).__name__}: {error}"}
        self._kernel.session.send(stream, REPLY_TYPE, content, parent, ident=ident)
        # Whatever runs by then: the cell may have said that it is busy, and not be known here yet.
        import asyncio  # kernels have it; loading the extension elsewhere stays light

        asyncio.get_running_loop().call_later(BUSY_AGAIN_S, self._tell_busy)

    def _tell_busy(self) -> None:
        """Say that the kernel is still busy: else front ends show it as idle until the cell ends."""
        running = self.running
        if running is not None:
            self._tell("busy", running)
            if self.running is not running:  # it ended meanwhile, and may have said so before
                self._tell("idle", running)

    def _tell(self, state: str, parent: dict[str, Any]) -> None:
        self._kernel.session.send(
            self._kernel.iopub_socket, "status", {"execution_state": state}, parent=parent,
            ident=b"status",
        )  # fmt: skip
