"""Which variables hold an object, and when pictures in the notebook are renewed."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

from ray_jupyter.dashboard import frames
from ray_jupyter.dashboard.iopub import FRAME_TYPE
from ray_jupyter.dashboard.live import Live, variables
from ray_jupyter.dashboard.model import Model
from ray_jupyter.runtime.protocol.ids import Reference


class Watchful:
    """Breaks when anything is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for in a thread that is not the user's")


def ref(object_id: int, session_id: str = "s") -> Reference:
    made = Reference()
    made.id, made.session_id = object_id, session_id
    return made


def test_variables_outputs_and_lists() -> None:
    namespace = {
        "a": ref(1), "parts": [ref(1), ref(2), 3], "_5": (shown := ref(2)), "_oh": {5: shown},
        "by_name": {"x": ref(3)}, "old": ref(1, "another"), "text": "x", "In": ["parts"],
    }  # fmt: skip
    names = variables(namespace, SimpleNamespace(session_id="s"))
    assert names == {1: ["a", "parts"], 2: ["parts", "Out[5]"], 3: ["by_name"]}
    assert variables(namespace, None) == {}


def test_nothing_is_asked_of_other_objects() -> None:
    with pytest.raises(AssertionError):
        _ = Watchful().anything
    assert (
        variables(
            {"w": Watchful(), "x": [Watchful()], "y": {1: Watchful()}},
            SimpleNamespace(session_id="s"),
        )
        == {}
    )


class FakeKernel:
    """Remembers what is sent: (message type, its content)."""

    def __init__(self) -> None:
        self.control_handlers: dict[str, Any] = {}
        self.iopub_socket = None
        self.sent: list[tuple[str, Any]] = []
        self.session = SimpleNamespace(
            send=lambda _, kind, content, **__: self.sent.append((kind, content))
        )


@pytest.fixture
def shell() -> Any:
    published: list[Any] = []
    return SimpleNamespace(
        kernel=FakeKernel(), user_ns={}, published=published, get_parent=dict,
        display_pub=SimpleNamespace(publish=lambda data, **_: published.append(data)),
    )  # fmt: skip


def test_a_picture_that_came_with_its_cell_is_not_sent_again(
    shell: Any, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live(shell)
    monkeypatch.setattr(live, "start", lambda: None)
    now = frames.snapshot(model, 1, 0, {"hints": [], "logs": deque(), "objects": []})
    over = {**now, "is_over": True}
    monkeypatch.setattr(live.feed, "snapshot", lambda: over)
    live.show()
    live.end_cell()
    assert len(shell.published) == 2  # shown, then brought to its last state
    live._frame(over)
    assert [kind for kind, _ in shell.kernel.sent] == [FRAME_TYPE]
    another = {**over, "session": "another"}
    live._frame(another)
    assert [kind for kind, _ in shell.kernel.sent][1:] == [FRAME_TYPE, "update_display_data"]


def test_nothing_is_sent_when_the_process_has_ended(
    shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ZeroMQ ends at exit, too: whatever is sent later is an error on the user's terminal."""
    at_exit: list[Any] = []
    monkeypatch.setattr("atexit.register", at_exit.append)
    monkeypatch.setattr("atexit.unregister", at_exit.remove)
    live = Live(shell)
    live.open()
    assert at_exit == [live.feed.stop]
    live.close()
    assert at_exit == []
