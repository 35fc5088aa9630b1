"""Real kernels of the running interpreter, with directories of their own."""

from __future__ import annotations

import json
import os
import queue
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from jupyter_client.session import Session
from jupyter_core.utils import run_sync

REPLY_S = 30.0
DEBUGGER_S = 60.0
ARRIVAL_S = 20.0
NUDGE_S = 5.0
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


async def _nothing() -> None: ...


# jupyter_client keeps one event loop per thread for good: have it before leaks are counted.
run_sync(_nothing)()


@dataclass
class Reply:
    """What a cell did, as a front end sees it.

    Attributes:
        status: ``"ok"``, ``"error"`` or ``"aborted"``.
        text: everything it printed or displayed, but its strip.
        strip: the last state of its strip: how long tasks take is not the test's to say.
        error: the name of the exception, its message and the traceback as shown.
    """

    status: str
    text: str = ""
    strip: str = ""
    error: tuple[str, str, str] = field(default=("", "", ""))

    @property
    def traceback(self) -> str:
        """The traceback without colours."""
        return _COLOUR.sub("", self.error[2])


class Kernel:
    """One kernel and its client."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client: BlockingKernelClient = manager.client()
        self.connect()

    def connect(self) -> None:
        self.client.start_channels()
        self.client.wait_for_ready(timeout=REPLY_S)

    def send(self, cell: str) -> str:
        """Start a cell; return the id to ``finish`` it with."""
        return self.client.execute(cell)

    def finish(self, message_id: str) -> Reply:
        """Wait until the cell and its output are there."""
        reply = Reply("unknown")
        deadline_s = time.monotonic() + REPLY_S
        while True:
            message = self._next(deadline_s)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                reply.text += content["text"]
            elif "data" in content and self.is_strip(content):
                reply.strip = content["data"]["text/plain"]
            elif kind in ("execute_result", "display_data"):
                reply.text += content["data"].get("text/plain", "")
            elif kind == "error":
                shown = "\n".join(content["traceback"])
                reply.error = content["ename"], content["evalue"], shown
            elif kind == "status" and content["execution_state"] == "idle":
                break
        while True:
            try:
                answer = self.client.get_shell_msg(timeout=REPLY_S)
            except queue.Empty:
                raise AssertionError("the kernel did not answer") from None
            if answer["parent_header"].get("msg_id") == message_id:
                reply.status = answer["content"]["status"]
                return reply

    def _next(self, deadline_s: float) -> dict[str, Any]:
        """Return what the kernel publishes next.

        ipykernel 7 may overlook a request that comes while it answers another one, until somebody
        else connects (ipykernel issue 1554): so somebody does.
        """
        while True:
            left_s = max(0.0, deadline_s - time.monotonic())
            try:
                return self.client.get_iopub_msg(timeout=min(left_s, NUDGE_S))
            except queue.Empty:
                if left_s <= NUDGE_S:
                    raise
                # With a name of its own: else the answers to this client would go there.
                other = self.manager.client(session=Session(key=self.client.session.key))
                other.start_channels(iopub=False, stdin=False, hb=False, control=False)
                other.stop_channels()

    def arriving(self, timeout_s: float = ARRIVAL_S) -> Iterator[dict[str, Any]]:
        """Yield what the kernel publishes, whatever cell it belongs to, for so long."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            try:
                yield self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue

    @staticmethod
    def is_strip(content: dict[str, Any]) -> bool:
        """Tell whether a display is the strip of a cell."""
        return str(content.get("transient", {}).get("display_id")).startswith("ray_jupyter-")

    def try_run(self, cell: str) -> Reply:
        return self.finish(self.send(cell))

    def run(self, cell: str) -> str:
        """Run a cell that must succeed; return what it printed and displayed."""
        reply = self.try_run(cell)
        assert reply.status == "ok", reply.error[2] or reply.text
        return reply.text

    def fails(self, cell: str) -> Reply:
        reply = self.try_run(cell)
        assert reply.status == "error", f"expected the cell to fail, got {reply}"
        return reply

    def debugged(self, cell: str, *lines: str) -> str:
        """Run a cell whose debugger is told these lines; return what was printed, uncoloured."""
        told = iter(lines)
        heard: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            heard.append(message["content"].get("text", ""))

        self.client.execute_interactive(
            cell, output_hook=hear, timeout=DEBUGGER_S,
            stdin_hook=lambda _: self.client.input(next(told, "q")), allow_stdin=True,
        )  # fmt: skip
        return _COLOUR.sub("", "".join(heard))

    def end(self, *, kill: bool = False) -> None:
        """Shut the kernel down, as closing a notebook does, and let go of everything."""
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=kill)
        self.manager.cleanup_resources()
        for context in (self.client.context, self.manager.context):
            context.destroy(linger=0)

    @property
    def pid(self) -> int:
        return int(self.run("import os; print(os.getpid())"))


@pytest.fixture(scope="session")
def jupyter_directories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Nobody's own settings, histories or kernels: everything is under a temporary directory."""
    root = tmp_path_factory.mktemp("jupyter")
    places = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    with pytest.MonkeyPatch.context() as patch:
        for place in places:
            patch.setenv(place, str(root / place.lower()))
        patch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
        patch.delenv("PYTHONWARNINGS", raising=False)
        kernel = root / "jupyter_data_dir" / "kernels" / "here"
        kernel.mkdir(parents=True)
        # Without its log, because ipykernel 7.4 warns of TCP at every start.
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        specification = {
            "argv": [*command, "--log-level=50", "--HistoryManager.enabled=False"],
            "display_name": "this interpreter",
            "language": "python",
        }
        kernel.joinpath("kernel.json").write_text(json.dumps(specification))
        yield root


@pytest.fixture
def start_kernel(jupyter_directories: Path) -> Iterator[Callable[[], Kernel]]:
    """Start kernels; they end with the test."""
    specs = KernelSpecManager(
        kernel_dirs=[str(jupyter_directories / "jupyter_data_dir" / "kernels")],
        ensure_native_kernel=False,
    )
    kernels: list[Kernel] = []

    def start() -> Kernel:
        manager = KernelManager(
            kernel_name="here", kernel_spec_manager=specs, context=zmq.Context()
        )
        manager.start_kernel(env=dict(os.environ))
        kernels.append(Kernel(manager))
        return kernels[-1]

    yield start
    for kernel in kernels:
        kernel.end(kill=True)


@pytest.fixture
def kernel(start_kernel: Callable[[], Kernel]) -> Any:
    """A kernel with the extension loaded and ``ray`` imported."""
    kernel = start_kernel()
    assert kernel.run("%load_ext ray_jupyter") == ""
    kernel.run("import ray_jupyter as ray")
    return kernel
