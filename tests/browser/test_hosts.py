"""The dashboard's other places: Notebook 7, the side panel, a widget among widgets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PICTURES = os.environ.get("RJ_PICTURES")
START = ["%load_ext ray_jupyter\n%ray_start -n 2 --quiet", "%ray_dashboard"]
WORK = """%%remote
import time
def load(part):
    time.sleep(0.02)
    return bytes(1000)
def nap(block):
    time.sleep(600)
"""
BUSY = WORK + "import ray_jupyter as ray\nray.get(nap.remote(load.remote(0)))"
ROLLING = WORK + "blocks = [load.remote(i) for i in range(5000)]\ntime.sleep(600)"
EXTENDED = pytest.mark.skipif(
    os.environ.get("RJ_BROWSER") != "all", reason="only with RJ_BROWSER=all: it takes long"
)
OpenPage = Callable[[list[str]], Any]
# Notebook 7.6 itself fails to read a schema at its start, also without us.
KNOWN = ("reading 'schema'", "Kernel message validation error")


def keep(page: Any, name: str) -> None:
    if PICTURES:
        page.page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


@pytest.fixture
def open_notebook7(
    context: Any, new_server: Callable[[str], Any], new_page: Callable[[Any, Any, list[str]], Any]
) -> Iterator[OpenPage]:
    """Open a notebook of these cells in Notebook 7."""
    pages: list[Any] = []

    def open_(cells: list[str]) -> Any:
        pages.append(new_page(new_server("notebook"), context, cells))
        return pages[-1]

    yield open_
    for page in pages:
        page.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        assert [error for error in page.errors if not any(k in error for k in KNOWN)] == []


@EXTENDED
def test_notebook_7_cancels_while_the_cell_waits(open_notebook7: OpenPage) -> None:
    page = open_notebook7([*START, BUSY])
    page.run(0)
    page.run(1)
    page.start(2)
    page.app.get_by_role("tab", name="Tasks").click()
    # Not just the first that runs: that may be `load`, which has ended when it is cancelled.
    page.app.get_by_role("row", name="● running nap").click()
    page.app.get_by_role("button", name="Cancel this task").click()
    page.finish(2)
    page.page.get_by_text("TaskCancelledError").first.wait_for()
    page.app.get_by_role("cell", name="⊘ cancelled").wait_for()
    keep(page, "notebook7-cancelled")


@EXTENDED
def test_notebook_7_is_live_after_a_reload_and_shows_the_picture_without_a_kernel(
    open_notebook7: OpenPage,
) -> None:
    page = open_notebook7([*START, ROLLING])
    page.run(0)
    page.run(1)
    page.reload_while_busy(2)
    page.page.evaluate(
        "jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })"
    )
    page.app.and_(page.page.locator(".dark")).wait_for()
    keep(page, "notebook7-dark")
    page.interrupt()
    page.save()
    page.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.page.reload()
    page.ready(with_kernel=False)
    page.app.get_by_role("tab", name="Overview").wait_for()
    assert page.app.get_attribute("data-session")


def test_the_side_panel_is_narrow_and_whole(open_page: OpenPage) -> None:
    page = open_page([START[0], ROLLING])
    page.run(0)
    page.page.evaluate("jupyterapp.commands.execute('ray-jupyter:open-dashboard')")
    panel = page.page.locator("#ray-jupyter-dashboard .app")
    page.start(1)
    panel.and_(page.page.locator(".narrow")).wait_for()
    panel.get_by_role("button", name="load, cell [2]").wait_for()
    assert panel.locator(".bar").evaluate("e => e.clientHeight < 70"), "tabs and tools in two lines"
    for name in ("Overview", "Timeline", "Workers", "Objects", "Tasks", "Logs"):
        panel.get_by_role("tab", name=name).click()
        bar = panel.locator(".bar")
        assert bar.evaluate("e => e.scrollWidth <= e.clientWidth"), "no tab is cut"
        assert panel.locator(".head").evaluate("e => e.scrollWidth <= e.clientWidth")
        boxes = panel.locator(f"#pane-{name.lower()}").locator(".worker, canvas.lanes, .note")
        assert boxes.evaluate_all(
            "all => all.every(e => e.scrollWidth <= e.parentElement.clientWidth + 1)"
        )
        keep(page, f"panel-{name.lower()}")
    page.interrupt()
    page.finish(1)


def test_the_widget_has_the_height_that_was_asked_for_and_is_live(open_page: OpenPage) -> None:
    page = open_page(
        [
            START[0],
            "import ray_jupyter as ray\nboard = ray.Dashboard(height_css_px=333)\nboard",
            ROLLING,
            "board.height_css_px = 500",
        ]
    )
    page.run(0)
    page.run(1)
    host = page.page.locator(".jp-Notebook .jp-Cell").nth(1).locator(".app")
    host.wait_for()
    high = "e => e.getRootNode().host.getBoundingClientRect().height"
    assert host.evaluate(high) == 333
    assert host.evaluate(
        "e => e.getBoundingClientRect().bottom <= e.getRootNode().host.getBoundingClientRect().bottom"
    )
    page.start(2)
    host.get_by_role("button", name="load").wait_for()
    assert not page.has_ended(2), "this was to be seen while the cell runs"
    keep(page, "widget")
    page.interrupt()
    page.finish(2)
    page.run(3)
    page.wait_for("""() => [...document.querySelectorAll('.jp-Notebook *')].some(
      e => e.shadowRoot?.querySelector('.app') && e.getBoundingClientRect().height === 500)""")
