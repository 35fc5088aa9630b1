"""What tasks say, in the cell that people look at: JupyterLab in Chromium."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

PICTURES = os.environ.get("RJ_PICTURES")
START = (
    "%load_ext ray_jupyter\n%ray_start -n 2 --quiet\n"
    "import pathlib, time\nimport ray_jupyter as ray\n"
    "@ray.remote\n"
    "def work(i, file=None):\n"
    "    print('working on', i)\n"
    "    while file and not pathlib.Path(file).exists(): time.sleep(0.01)\n"
    "    if file: print('finally', i)\n"
    "    time.sleep(0.1)\n"
    "    return i"
)
OpenPage = Callable[[list[str]], Any]


def output_of(page: Any, cell: int) -> Any:
    return page.page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".jp-Cell-outputWrapper")


def keep(page: Any, name: str) -> None:
    if PICTURES:
        page.page.screenshot(path=str(Path(PICTURES) / f"cells-{name}.png"))


def test_late_output_appears_below_the_cell_that_submitted(
    open_page: OpenPage, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    waiting = "import time\nwhile not hasattr(time, 'over'): time.sleep(0.01)"
    page = open_page([START, f"ref = work.remote(1, {str(go)!r})", "'between'", waiting])
    for cell in (0, 1, 2):
        page.run(cell)
    page.start(3)
    output_of(page, 1).get_by_text("working on 1").wait_for()
    output_of(page, 1).get_by_text("1 running").wait_for()  # shorter cells have no strip
    go.touch()
    output_of(page, 1).get_by_text("finally 1").wait_for()
    output_of(page, 1).get_by_text("1 task · ").wait_for()
    assert not page.has_ended(3), "this was to be seen while another cell runs"
    keep(page, "late")
    for cell in (2, 3):
        assert "finally" not in output_of(page, cell).inner_text()
    page.interrupt()
    page.finish(3)


def test_the_strip_is_renewed_and_its_last_line_stays_without_a_kernel(
    open_page: OpenPage, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    page = open_page([START, f"ray.get([work.remote(i, {str(go)!r}) for i in range(12)]);"])
    page.run(0)
    page.start(1)
    output_of(page, 1).get_by_text("2 running").wait_for()
    keep(page, "strip")
    go.touch()
    page.finish(1)
    line = output_of(page, 1).get_by_text("12 tasks · ")
    line.wait_for()
    assert output_of(page, 1).get_by_text("running").count() == 0
    page.save()
    page.wait_for("!jupyterapp.shell.currentWidget.context.model.dirty")
    page.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.page.reload()
    page.ready(with_kernel=False)
    line.wait_for()
    keep(page, "strip-reopened")


def test_the_stop_button(open_page: OpenPage, tmp_path: Path) -> None:
    never = str(tmp_path / "never")
    page = open_page([START, f"ray.get([work.remote(i, {never!r}) for i in range(5)])", "6 * 7"])
    page.run(0)
    page.start(1)
    output_of(page, 1).get_by_text("working on 1").wait_for()
    output_of(page, 1).get_by_text("2 running").wait_for()  # shorter cells have no strip
    page.page.get_by_role("button", name="Interrupt the kernel").click()
    page.finish(1)
    output_of(page, 1).get_by_text("stopped: 5 cancelled").wait_for()
    shown = output_of(page, 1).inner_text()
    assert "KeyboardInterrupt" in shown
    assert "ray.get([work.remote(" in shown
    assert "ray_jupyter/" not in shown
    output_of(page, 1).get_by_text("5 cancelled · 0 failed").wait_for()
    keep(page, "stopped")
    page.run(2)
    output_of(page, 2).get_by_text("42").wait_for()


def test_an_edited_cell_says_what_still_runs_the_old_code(
    open_page: OpenPage, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    edited = "\n".join(START.split("\n")[4:]).replace("return i", "return -i")
    many = f"refs = [work.remote(i, {str(go)!r}) for i in range(5)]"
    page = open_page([START, many, edited, "refs[0]", "%ray_dashboard timeline"])
    page.run(0)
    page.run(1)
    output_of(page, 1).get_by_text("2 running").wait_for()
    page.run(2)
    output_of(page, 2).get_by_text("5 tasks (work) still run the definition of In[1]").wait_for()
    page.run(3)
    output_of(page, 3).get_by_text("older definition").wait_for()
    output_of(page, 1).get_by_text("2 running · older definition").wait_for()
    page.run(4)
    output_of(page, 4).locator("#tab-timeline[aria-selected=true]").wait_for()
    keep(page, "edited")
    go.touch()
    output_of(page, 1).get_by_text("5 of work with an older definition").wait_for()
