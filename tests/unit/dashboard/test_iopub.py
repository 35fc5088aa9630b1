"""What front ends hear when they have asked something while a cell runs."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from ray_jupyter.dashboard import iopub

CELL = {"msg_id": "the cell"}


@pytest.fixture
def heard() -> list[tuple[str, Any]]:
    """What the link sends: a status with whose it is, or the type of the message."""
    return []


@pytest.fixture
def link(heard: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch) -> iopub.KernelLink:
    def send(_: Any, kind: str, content: Any, parent: Any, ident: Any = None) -> None:
        heard.append((content.get("execution_state", kind), parent))

    monkeypatch.setattr(iopub, "BUSY_AGAIN_S", 0.0)
    kernel = SimpleNamespace(session=SimpleNamespace(send=send), iopub_socket=None)
    return iopub.KernelLink(SimpleNamespace(kernel=kernel), lambda question: {})


def answer(link: iopub.KernelLink, *, begins: Any) -> None:
    """Answer a question; ``begins`` runs after the answer, before the kernel is looked at again."""

    async def main() -> None:
        await link._reply(None, None, {"content": {}})
        begins()
        await asyncio.sleep(0)  # one round of the loop, in which calls that are due are made
        await asyncio.sleep(0)

    # In a thread: in this one a loop runs already, where tests of the browser came before.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, main()).result()


def test_a_cell_that_runs_is_busy_again(link: Any, heard: list[tuple[str, Any]]) -> None:
    link.running = CELL
    answer(link, begins=lambda: None)
    assert heard == [(iopub.REPLY_TYPE, {"content": {}}), ("busy", CELL)]


def test_a_cell_that_began_during_the_answer_is_busy_again(
    link: Any, heard: list[tuple[str, Any]]
) -> None:
    """It has said that it is busy before we know of it; the channel's idle came after that."""
    answer(link, begins=lambda: setattr(link, "running", CELL))
    assert heard[1:] == [("busy", CELL)]


def test_between_cells_nothing_is_said(link: Any, heard: list[tuple[str, Any]]) -> None:
    answer(link, begins=lambda: None)
    assert heard == [(iopub.REPLY_TYPE, {"content": {}})]
