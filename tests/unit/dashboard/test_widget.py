"""The widget without a front end: frames, acknowledgements, answers."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("anywidget", reason="needs anywidget")

from ray_jupyter.dashboard import widget
from ray_jupyter.dashboard.widget import UNACKNOWLEDGED_MAX, Dashboard


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(widget, "static_text", lambda name: "export default {}")
    made = Dashboard(height_css_px=300)
    sent: list[Any] = []
    monkeypatch.setattr(made, "send", lambda content, buffers=None: sent.append(content))
    yield made, sent
    made.close()


def frame(seq: int, kind: str = "delta") -> dict[str, Any]:
    return {"seq": seq, "kind": kind}


def test_at_most_two_frames_are_unacknowledged(shown: Any) -> None:
    dashboard, sent = shown
    dashboard._frame(frame(1, "snapshot"))
    assert dashboard.snapshot == frame(1, "snapshot")
    dashboard._received(dashboard, {"seen": 1}, [])
    for seq in range(2, 9):
        dashboard._frame(frame(seq))
    assert [content["frame"]["seq"] for content in sent] == [2, 3][:UNACKNOWLEDGED_MAX]
    dashboard._received(dashboard, {"seen": 3}, [])
    dashboard._frame(frame(9))
    assert len(sent) == UNACKNOWLEDGED_MAX, "there is a gap: only a snapshot helps"
    dashboard._frame(frame(10, "snapshot"))
    dashboard._received(dashboard, {"seen": 10}, [])
    dashboard._frame(frame(11))
    assert sent[-1]["frame"]["seq"] == 11


def test_questions_are_answered(shown: Any) -> None:
    dashboard, sent = shown
    dashboard._received(dashboard, {"ask": "nonsense", "request": 4}, [])
    assert (sent[-1]["reply"], sent[-1]["answer"]["status"]) == (4, "error")
    dashboard._received(dashboard, {"ask": "snapshot", "request": 5}, [])
    assert sent[-1]["answer"] == {"status": "ok", "frame": None}


def test_without_the_compiled_module_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widget, "static_text", lambda name: "")
    with pytest.raises(FileNotFoundError, match="Install a wheel, or install node"):
        Dashboard()
