"""The picture and the pages: well-formed, and no text of users' is markup in them."""

from __future__ import annotations

import json
import re
from collections import deque
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ray_jupyter.dashboard import frames, output, report
from ray_jupyter.dashboard.feed import Feed
from ray_jupyter.dashboard.model import CANCELLED, Model
from ray_jupyter.dashboard.picture import PALETTE, colours_of, summary, to_svg
from ray_jupyter.testing.dashboard import Cluster

EVIL = "<img src=x onerror=alert(1)>"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def frame(cluster: Cluster, model: Model) -> dict[str, Any]:
    model.begin_cell(1, "a", '[1] "&<b>')
    cluster.end(1, EVIL, cell=1)
    cluster.end(2, "</script><script>alert(2)</script>\x1b[0m", arguments=(1,), status="FAILED")
    cluster.workers = [(1, 101, "RUNNING", EVIL, 0, [], 0, "")]
    cluster.totals = {"finished": 1_200, "failed": 1, "live": 5, "store_used_bytes": 3_000_000}
    cluster.tell(model)
    return frames.snapshot(model, 1, 2_500_000, {"hints": [], "logs": deque(), "objects": []})


def test_names_are_text(frame: dict[str, Any]) -> None:
    root = ElementTree.fromstring(to_svg(frame))
    tags = {element.tag for element in root.iter()}
    assert tags <= {SVG + name for name in ("svg", "title", "rect", "text", "g", "path")}
    texts = [element.text or "" for element in root.iter()]
    assert any(text.startswith("<img src=x") for text in texts)
    assert any("\N{REPLACEMENT CHARACTER}" in text for text in texts)


def test_the_numbers_are_in_words(frame: dict[str, Any]) -> None:
    assert summary(frame) == (
        "1 of 1 workers busy · 1,200 tasks finished · 4 waiting · 1 failed · 3.0 MB in the store"
    )


def test_a_class_says_how_many_live(cluster: Cluster, model: Model) -> None:
    cluster.end(1, "Tally", kind="actor")
    cluster.end(2, "Tally", kind="actor", status="FAILED")
    cluster.live = [("Tally", "actor", 1, 0)]
    cluster.tell(model)
    frame = frames.snapshot(model, 1, 0, {"hints": [], "logs": deque(), "objects": []})
    assert "1 alive · 2 made · 1 failed" in to_svg(frame)


def test_what_was_cancelled_is_told_apart(cluster: Cluster, model: Model) -> None:
    for task_id, status in enumerate(["FINISHED", "FAILED", "CANCELLED", "CANCELLED"], start=1):
        cluster.end(task_id, status=status)
    cluster.totals = {"finished": 1, "failed": 3}
    cluster.tell(model)
    frame = frames.snapshot(model, 1, 0, {"hints": [], "logs": deque(), "objects": []})
    assert "1 tasks finished · 0 waiting · 1 failed · 2 cancelled" in summary(frame)
    assert "2 of 2 · 1 failed · 2 cancell…" in to_svg(frame)
    for row in frame["nodes"]:
        del row[1 + CANCELLED :]  # as in a notebook of an older version
    assert "2 of 2 · 1 failed" in to_svg(frame)


def test_an_empty_session_has_a_picture(model: Model) -> None:
    empty = frames.snapshot(model, 1, 0, {"hints": [], "logs": deque(), "objects": []})
    ElementTree.fromstring(to_svg(empty))


def test_functions_have_the_colours_of_the_live_view() -> None:
    labextension = Path(__file__).parents[3] / "labextension"
    told = json.loads((labextension / "test" / "colours.json").read_text())
    assert colours_of(told["names"]) == [PALETTE[place] for place in told["places"]]
    source = (labextension / "src" / "drawing" / "palette.ts").read_text()
    light = source.split("LIGHT: readonly string[] = [")[1].split("]")[0]
    assert tuple(re.findall("#[0-9a-f]{6}", light)) == PALETTE


def test_the_output_has_something_for_everybody(frame: dict[str, Any]) -> None:
    shown = output.bundle(frame)
    assert json.loads(json.dumps(shown[output.MIME]))["snapshot"]["seq"] == 1
    assert re.match(r'<img alt="[^"<>]*" src="data:image/svg\+xml;base64,', shown["text/html"])
    assert "<img src=x" not in shown["text/html"]
    assert shown["text/plain"] == summary(frame)
    assert "install ray_jupyter in the environment in which JupyterLab" in shown["text/html"]


def test_without_a_session_it_says_what_to_do() -> None:
    assert "%ray_start" in output.bundle(None)["text/plain"]


def test_where_only_widgets_are_live_the_widgets_package_is_named(
    frame: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSCODE_PID", "1")
    monkeypatch.setattr(output, "can_make_widgets", lambda: False)
    assert "install anywidget" in output.bundle(frame)["text/html"]


@pytest.mark.parametrize("module", ["", "export const mount = () => 0; // </script>"])
def test_a_report_cannot_be_left_by_a_name(
    frame: dict[str, Any], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "static_text", lambda name: module)
    page = report.page(frame)
    assert "alert(2)</script>" not in page
    assert page.count("</script>") == (2 if module else 0)
    if module:
        found = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
        assert found is not None
        assert json.loads(found[1])["nodes"][0][1] == EVIL


def test_a_report_needs_a_session(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has not"):
        report.write_report(tmp_path / "r.html", Feed())


def test_a_report_of_a_hundred_thousand_tasks_is_small(
    cluster: Cluster, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    for task in range(1, 100_001):
        cluster.end(
            task + (7 << 32), f"function {task % 7}", worker=task % 8, arguments=(task, task + 1)
        )
    cluster.tell(model, most=100_000)
    full = frames.snapshot(model, 1, 0, {"hints": [], "logs": deque(), "objects": []})
    full["tasks"] = list(model.tasks)[-report.TASKS_MAX :]
    monkeypatch.setattr(report, "static_text", lambda name: "m" * 150_000)
    assert len(report.page(full).encode()) < 5_000_000
