"""Without a mouse, without seeing, without telling colours apart, without things that move."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ray_jupyter.testing.scenes import scene

VIEWS = ("Overview", "Graph", "Timeline", "Workers", "Objects", "Tasks", "Logs")
FOCUSED = """() => { const at = document.getElementById('at').shadowRoot.activeElement;
return at && (at.getAttribute('aria-label') || at.textContent || at.className); }"""
REACHABLE = """() => [...document.getElementById('at').shadowRoot.querySelectorAll(
  'button, input, canvas[tabindex], g.node, tr[data-task], [role=log]')]
.filter(e => !e.disabled && e.tabIndex >= 0 && e.getClientRects().length)
.map(e => e.getAttribute('aria-label') || e.textContent || e.className)"""


def take(page: Any, told: dict[str, Any]) -> None:
    page.evaluate("frame => window.model.say('msg:custom', { frame })", told)


def walk(page: Any, most: int = 450) -> list[str]:
    """Press Tab from the chosen tab on until the dashboard is left; return what had the focus."""
    found = [str(page.evaluate(FOCUSED))]
    while len(found) < most:
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            break
        found.append(str(focused))
    return found


@pytest.mark.parametrize("name", VIEWS)
def test_tab_reaches_everything_in_the_order_in_which_it_is_read(page: Any, name: str) -> None:
    take(page, scene(30))
    page.get_by_role("tab", name=name).click()
    page.get_by_role("tab", name=name).focus()
    walked = walk(page)
    assert walked[:3] == [name, "Show this view as a table", "Save this view as an SVG file"]
    wanted = page.evaluate(REACHABLE)
    assert set(wanted) <= set(walked), "what a mouse can press a key can press"
    order = [walked.index(label) for label in wanted]
    assert order == sorted(order)


def test_where_the_focus_is_can_be_seen(page: Any) -> None:
    take(page, scene(30))
    page.get_by_role("tab", name="Tasks").focus()
    page.keyboard.press("Tab")
    outline = "e => getComputedStyle(e).outlineStyle + getComputedStyle(e).outlineWidth"
    button = page.get_by_role("button", name="Show this view as a table")
    assert button.evaluate(outline) == "solid2px"
    node = page.get_by_role("button", name="train, cell")
    page.get_by_role("tab", name="Graph").click()
    node.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert node.locator(".box").evaluate("e => getComputedStyle(e).strokeWidth") == "2.5px"


def test_rows_are_walked_with_the_arrows_and_opened_with_enter(page: Any) -> None:
    take(page, scene(400))
    page.get_by_role("tab", name="Tasks").click()
    page.locator("tr[data-task]").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_label("The selected task", exact=True).get_by_text("✕ failed").wait_for()
    assert page.locator("tr[data-task]").nth(1).get_attribute("aria-selected") == "true"
    page.keyboard.press("Escape")
    assert page.get_by_label("The selected task", exact=True).is_hidden()


def test_the_timeline_moves_by_keys_and_says_what_it_shows(page: Any) -> None:
    take(page, scene(200))
    page.get_by_role("tab", name="Timeline").click()
    canvas = page.get_by_role("img", name="Timeline of 5 workers")
    canvas.focus()
    before = canvas.get_attribute("aria-label")
    page.keyboard.press("+")
    assert canvas.get_attribute("aria-label") != before
    page.keyboard.press("0")
    assert canvas.get_attribute("aria-label") == before


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_is_a_table_too(page: Any, name: str) -> None:
    frame = scene(200)
    take(page, frame)
    page.get_by_role("tab", name=name).click()
    page.get_by_role("button", name="Show this view as a table").click()
    table = page.get_by_role("region", name="The view as a table").get_by_role("table")
    assert table.locator("caption").inner_text()
    columns = table.locator("th[scope=col]").count()
    rows = table.locator("tbody tr")
    errors, running = len(frame["errors"]), sum(lane[6] != 0 for lane in frame["lanes"])
    expected = {
        "Overview": len(frame["nodes"]), "Graph": len(frame["nodes"]),
        "Timeline": len(frame["lanes"]), "Workers": len(frame["lanes"]),
        "Objects": len(frame["objects"]), "Tasks": len(frame["tasks"]) + running,
        "Logs": len(frame["logs"]) + errors,
    }  # fmt: skip
    assert rows.count() == expected[name]
    assert rows.first.locator("td").count() == columns


def test_states_have_a_sign_and_a_word(page: Any) -> None:
    """Nothing is told by colour alone: all of it is there for who sees none."""
    take(page, scene(400))
    page.get_by_role("button", name="clean, cell [3]: 120 done · ✕ 3 failed").wait_for()
    page.get_by_role("tab", name="Workers").click()
    for words in ("● worker 1", "◐ worker 2", "○ ParameterServer", "waiting for results", "idle"):
        page.get_by_role("tabpanel").get_by_text(words).first.wait_for()
    page.get_by_role("tab", name="Tasks").click()
    for words in ("✕ failed", "● running", "✓ finished"):
        page.get_by_role("cell", name=words).first.wait_for()
    page.get_by_role("tab", name="Logs").click()
    page.get_by_role("log").get_by_text("✕ ValueError").first.wait_for()
    page.get_by_role("log").get_by_text("! ").first.wait_for()


def test_a_failed_task_is_drawn_with_a_cross_and_a_running_one_hollow(page: Any) -> None:
    take(page, scene(24))
    page.get_by_role("tab", name="Timeline").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save this view as an SVG file").click()
    root = ElementTree.fromstring(Path(download.value.path()).read_text())
    name = "{http://www.w3.org/2000/svg}"
    texts = [text.text or "" for text in root.iter(f"{name}text")]
    assert any("✕" in text for text in texts), "of the failed task"
    hollow = [r for r in root.iter(f"{name}rect") if r.get("opacity") == "0.3"]
    outlines = [r for r in root.iter(f"{name}rect") if r.get("fill") == "none"]
    assert hollow
    assert len(outlines) >= len(hollow)


def test_nothing_moves_for_who_asked_for_that(page: Any) -> None:
    moving = """() => [...document.getElementById('at').shadowRoot.querySelectorAll('*')].filter(e => {
      const style = getComputedStyle(e);
      return style.transitionDuration !== '0s' || style.animationName !== 'none'; }).length"""
    take(page, scene(60))
    page.locator("g.node").first.wait_for()
    assert page.evaluate(moving) > 0
    page.emulate_media(reduced_motion="reduce")
    for name in VIEWS:
        page.get_by_role("tab", name=name).click()
        assert page.evaluate(moving) == 0
