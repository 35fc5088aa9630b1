"""The widget's module in a blank page, with a model that only pretends: no Jupyter at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ray_jupyter.testing.scenes import scene

PICTURES = os.environ.get("RJ_PICTURES")
ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "labextension" / "test" / "recording.json"


@pytest.fixture
def recording() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RECORDING.read_text())
    return found


def frame(**change: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        name: [] for name in ("cells", "nodes", "edges", "lanes", "tasks", "errors")
    }
    return {
        "version": 1, "session": "s", "kind": "delta", "seq": 1, "now_us": 10**6, "totals": {},
        "bins": {"width_us": 1000, "lanes": {}, "all": False}, **empty, **change,
    }  # fmt: skip


def take(page: Any, told: dict[str, Any]) -> None:
    page.evaluate("frame => window.model.say('msg:custom', { frame })", told)


def test_a_recorded_session_is_shown_and_acknowledged(page: Any, recording: dict[str, Any]) -> None:
    assert page.get_by_text("No runtime is running yet").is_visible()
    for told in recording["frames"]:
        take(page, told)
    page.get_by_role("button", name="load, cell [3]").wait_for()
    last = recording["frames"][-1]["seq"]
    page.wait_for_function(
        "seq => document.getElementById('at').shadowRoot.querySelector('.app').dataset.seq == seq",
        arg=last,
    )
    assert page.evaluate("window.model.sent.at(-1)") == {"seen": last}
    for name in ("Graph", "Timeline", "Workers", "Objects", "Tasks", "Logs", "Overview"):
        page.get_by_role("tab", name=name).click()
        page.get_by_role("button", name="Show this view as a table").click()
        page.locator("caption").wait_for()
        page.get_by_role("button", name="Show this view as a table").click()


def test_another_session_takes_the_place_of_the_first(page: Any) -> None:
    take(page, frame(kind="snapshot", now_us=9 * 10**6, totals={"finished": 70}))
    page.get_by_text("70", exact=True).wait_for()
    rate = page.locator(".figure", has_text="per second").locator("b")
    assert rate.inner_text() == "0", "of what was before nobody knows when it was"
    take(page, frame(kind="snapshot", session="t", now_us=10**5, totals={"finished": 3}))
    page.get_by_text("3", exact=True).wait_for()


def test_keys_reach_everything(page: Any, recording: dict[str, Any]) -> None:
    take(page, recording["last"])
    page.get_by_role("tab", name="Overview").focus()
    page.keyboard.press("ArrowLeft")
    assert page.get_by_role("tab", name="Logs").get_attribute("aria-selected") == "true"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="clean, cell").focus()
    page.keyboard.press("Enter")
    page.get_by_label("The selected task", exact=True).get_by_text("finished").wait_for()
    page.keyboard.press("Escape")
    assert page.get_by_label("The selected task", exact=True).is_hidden()


def running(*lanes: int) -> dict[str, Any]:
    """Return a snapshot in which these lanes run a task each: lane 3 runs task 103."""
    return frame(
        kind="snapshot", cells=[[0, "", ""]], nodes=[[0, "work", "task", 0, 9, 9, 0, 0, 0, 0, 0, 0, 0]],
        lanes=[
            [lane, lane, lane, "RUNNING" if lane in lanes else "IDLE", "", 0, 100 + lane if lane in lanes else 0, 10, 1, 0, 0]
            for lane in range(6)
        ],
    )  # fmt: skip


def is_drawn(page: Any, seq: int) -> None:
    page.locator(f".app[data-seq='{seq}']").wait_for()


def test_a_click_is_one_also_where_rows_change_while_the_button_is_down(page: Any) -> None:
    page.get_by_role("tab", name="Tasks").click()
    take(page, running(0, 1, 2, 3))
    row = page.locator("tr[data-task='103']")
    row.hover()
    page.mouse.down()
    take(page, running(1, 3) | {"seq": 2})
    is_drawn(page, 2)
    take(page, running(3, 4) | {"seq": 3})
    is_drawn(page, 3)
    page.mouse.up()
    detail = page.get_by_label("The selected task", exact=True)
    detail.get_by_text("67", exact=True).wait_for()  # 103 in hexadecimal digits
    assert row.get_attribute("aria-selected") == "true"


def test_the_selected_task_is_not_built_anew_while_it_runs(page: Any) -> None:
    page.get_by_role("tab", name="Tasks").click()
    take(page, running(3))
    page.locator("tr[data-task='103']").click()
    cancel = page.get_by_role("button", name="Cancel this task")
    cancel.evaluate("e => { e.dataset.same = 1; }")
    taker = [[7, 0, 0, 1, 2, 900, 0, 0, 1, 0, [103], 1]]
    take(page, running(3) | {"seq": 2, "now_us": 5 * 10**6, "tasks": taker})
    page.locator(".detail").get_by_text("5.00 s").wait_for()
    assert cancel.get_attribute("data-same") == "1", "a click on it must not be lost"


def test_rows_rest_under_the_pointer(page: Any) -> None:
    def order() -> Any:
        return page.locator("tbody:visible tr").evaluate_all(
            "rows => rows.map(r => +r.dataset.task)"
        )

    page.get_by_role("tab", name="Tasks").click()
    take(page, running(2, 3))
    page.locator("tr[data-task='103']").hover()
    ended = [[102, 0, 2, 1, 2, 900, 0, 0, 1, 0, [], 1]]
    take(page, running(0, 1, 3) | {"seq": 2, "tasks": ended})
    is_drawn(page, 2)
    assert order() == [102, 103], "what moves cannot be hit"
    assert "✓ finished" in page.locator("tr[data-task='102']").inner_text()
    page.get_by_role("tab", name="Tasks").hover()
    page.locator("tr[data-task='100']").wait_for()
    assert order() == [100, 101, 103, 102]


@pytest.mark.parametrize("width", [380, 600, 850])
def test_errors_have_the_room_that_is_left_and_messages_move_nothing(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 600})
    long = "ValueError: " + "of these measurements there should be many more " * 9
    take(page, running(0) | {
        "tasks": [[7, 0, 0, 1, 2, 900, 1, 0, 1, 0, [], 1], [9, 0, 0, 1, 2, 900, 2, 0, 1, 0, [], 1]],
        "errors": [[7, "X", long]], "totals": {"failed": 12, "cancelled": 3_400, "finished": 120_000, "live": 2_000},
    })  # fmt: skip
    page.get_by_role("tab", name="Tasks").click()
    page.get_by_role("cell", name="✕ failed").wait_for()
    scroll = page.locator("#pane-tasks .scroll")
    assert scroll.evaluate("e => e.scrollWidth <= e.clientWidth"), "the table fits"
    assert page.locator("td.w").first.evaluate("e => e.clientWidth") > 90
    page.get_by_text("failed · 3,400 cancelled").wait_for()
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"errors-{width}.png"))
    top = page.locator(".bar").evaluate("e => e.offsetTop")
    page.get_by_role("cell", name="● running").click()
    page.get_by_role("button", name="Cancel this task").click()
    page.wait_for_function("model.sent.some(content => content.ask === 'cancel')")
    page.evaluate("""() => { const { request } = model.sent.find(content => content.ask === 'cancel');
        model.say('msg:custom', { reply: request, answer: { status: 'ok', text: 'cancel was asked for; what has finished stays finished' } }); }""")
    page.get_by_text("cancel was asked for").wait_for()
    assert page.locator(".bar").evaluate("e => e.offsetTop") == top, "nothing jumps"


def test_a_row_keeps_the_focus_where_others_come_and_go(page: Any) -> None:
    page.get_by_role("tab", name="Tasks").click()
    take(page, running(0, 3, 4))
    row = page.locator("tr[data-task='103']")
    row.focus()
    for seq, lanes in enumerate(((3, 4), (1, 2, 3), (3, 5), (2, 3)), start=2):
        take(page, running(*lanes) | {"seq": seq})
        is_drawn(page, seq)
        order = page.locator("tbody:visible tr").evaluate_all(
            "rows => rows.map(row => row.dataset.task - 100)"
        )
        assert order == list(lanes)
        assert page.evaluate(
            "document.getElementById('at').shadowRoot.activeElement?.dataset?.task === '103'"
        )
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert page.locator("tr[data-task='102']").get_attribute("aria-selected") == "true"


VIEWS = ("Overview", "Graph", "Timeline", "Workers", "Objects", "Tasks", "Logs")
SAID = {
    "Overview": "train", "Graph": "ParameterServer", "Timeline": "worker 4", "Workers": "% of a CPU",
    "Objects": "ndarray (12000, 64) float64", "Tasks": "✕ failed", "Logs": "accuracy 0.93",
}  # fmt: skip
"""Something that stands in the picture of each view."""
GROUNDS = {"light": "#ffffff", "dark": "#111111"}


def use_theme(page: Any, name: str) -> None:
    """Set the variables that JupyterLab's themes set."""
    ink = "rgba(0, 0, 0, 0.87)" if name == "light" else "rgba(255, 255, 255, 0.87)"
    page.evaluate(
        """([ground, ink]) => { const { style } = document.body;
        style.setProperty('--jp-layout-color1', ground); style.setProperty('--jp-ui-font-color1', ink);
        document.body.dataset.jpThemeLight = ground === '#ffffff'; }""",
        [GROUNDS[name], ink],
    )


def saved(page: Any) -> str:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save this view as an SVG file").click()
    assert download.value.suggested_filename.startswith("ray-")
    return Path(download.value.path()).read_text()


@pytest.mark.parametrize("theme", GROUNDS)
def test_each_view_is_saved_as_it_looks_and_needs_nothing_else(page: Any, theme: str) -> None:
    from xml.etree import ElementTree

    use_theme(page, theme)
    take(page, scene(400))
    if PICTURES:
        Path(PICTURES, "svg").mkdir(parents=True, exist_ok=True)
    for name in VIEWS:
        page.get_by_role("tab", name=name).click()
        page.locator(f".app[data-view={name.lower()}]").wait_for()
        text = saved(page)
        root = ElementTree.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert text.replace("http://www.w3.org/", "").count("://") == 0, "it needs no network"
        assert not {"foreignObject", "image", "style", "script"} & {
            element.tag.split("}")[1] for element in root.iter()
        }
        shown = "".join(root.itertext())
        assert SAID[name] in shown, name
        assert f'fill="{GROUNDS[theme]}"/>' in text, "the ground is the theme's"
        assert "var(" not in text
        assert "rgba(" not in text
        is_drawn = """async text => { const image = new Image();
            image.src = 'data:image/svg+xml;charset=utf-8,' + encodeURIComponent(text);
            await image.decode(); return image.naturalWidth > 300 && image.naturalHeight > 60; }"""
        assert page.evaluate(is_drawn, text)
        if PICTURES:
            Path(PICTURES, "svg", f"{name.lower()}-{theme}.svg").write_text(text)


def test_the_table_of_a_view_is_saved_too(page: Any) -> None:
    take(page, scene(400))
    page.get_by_role("tab", name="Workers").click()
    page.get_by_role("button", name="Show this view as a table").click()
    assert "tasks with it" in saved(page)


def test_names_are_text_everywhere(page: Any) -> None:
    evil = '<img src=x onerror="window.hacked=1">'
    take(page, frame(
        kind="snapshot", cells=[[0, "", ""], [1, "c", evil]],
        nodes=[[0, evil, "task", 1, 0, 0, 1, 1, 0, 1, 1, 0, 1]],
        lanes=[[0, 1, 9, "RUNNING", evil, 0, 5, 0, 1, 10, 10]],
        tasks=[[3, 0, 0, 1, 2, 3, 1, 0, 1, 0, [], 1]], errors=[[3, evil, evil]],
        objects=[[3, 1, evil, 1, [9], 0, False, 0, [evil], [1, 0, 0, 0, 0], evil]], logs=[[1, 3, 9, "stdout", evil]], hints=[evil],
    ))  # fmt: skip
    for name in ("Graph", "Timeline", "Workers", "Objects", "Tasks", "Logs"):
        page.get_by_role("tab", name=name).click()
        page.get_by_role("button", name="Show this view as a table").click()
        page.locator("table:visible").get_by_text("onerror").first.wait_for()
        page.get_by_role("button", name="Show this view as a table").click()
    page.get_by_role("tab", name="Tasks").click()
    page.get_by_role("cell", name="✕ failed").click()
    page.get_by_label("The selected task", exact=True).get_by_text("onerror").first.wait_for()
    assert (
        page.evaluate("document.getElementById('at').shadowRoot.querySelectorAll('img').length")
        == 0
    )
    assert page.evaluate("window.hacked") is None


def test_reduced_motion_and_closing(page: Any, recording: dict[str, Any]) -> None:
    page.emulate_media(reduced_motion="reduce")
    take(page, recording["last"])
    node = page.locator("g.node").first
    node.wait_for()
    assert node.evaluate("e => getComputedStyle(e).transitionDuration") == "0s"
    page.evaluate("window.undo()")
    assert page.evaluate("Object.keys(window.model.heard)") == []


def test_its_height_is_its_own(page: Any) -> None:
    """ipywidgets sets the style of a widget's element, and takes away a height it did not set."""
    high = "() => document.getElementById('at').getBoundingClientRect().height"
    page.evaluate("document.getElementById('out').style.removeProperty('height')")
    assert page.evaluate(high) == 400
    page.evaluate("model.state.height_css_px = 300; model.say('change:height_css_px')")
    assert page.evaluate(high) == 300
    page.evaluate("window.undo()")
    assert page.evaluate("document.getElementById('out').childElementCount") == 0
