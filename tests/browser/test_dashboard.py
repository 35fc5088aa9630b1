"""The dashboard as people see it: JupyterLab in Chromium, with a kernel that is busy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PICTURES = os.environ.get("RJ_PICTURES")
START = ["%load_ext ray_jupyter\n%ray_start -n 2 --quiet", "%ray_dashboard"]
WORK = """%%remote
import time
def load(part):
    time.sleep(0.03)
    print("loaded", part)
    return bytes(100_000)
def clean(block, part):
    time.sleep(0.04)
    if part == 7: raise ValueError("part 7 has no <b>date</b>")
    return len(block)
def train(seed, *sizes):
    time.sleep(0.2)
    return sum(sizes)
blocks = [load.remote(i) for i in range(120)]
refs = [clean.remote(block, i) for i, block in enumerate(blocks)]
models = [train.remote(i, *refs[10 * i + 12 : 10 * i + 22]) for i in range(10)]
"""
SLEEP = "import time\ntime.sleep(3)"
LOOP = "import time\nend = time.time() + 3\nwhile time.time() < end: pass"
QUIET_WORK = WORK.replace('print("loaded", part)', "pass").replace("120", "2000") + "time.sleep(60)"
EVIL = """import ray_jupyter as ray
def evil(): pass
evil.__name__ = evil.__qualname__ = '<img src=x onerror="window.hacked=1">'
ray.get([ray.remote(evil).remote() for _ in range(3)])
"""

EXTENDED = pytest.mark.skipif(
    os.environ.get("RJ_BROWSER") != "all", reason="only with RJ_BROWSER=all: it takes long"
)
OpenPage = Callable[[list[str]], Any]


def keep(page: Any, name: str) -> None:
    """Keep a picture, where somebody wants to look at it."""
    if PICTURES:
        page.page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def use_theme(page: Any, name: str) -> None:
    page.page.evaluate(
        "theme => jupyterapp.commands.execute('apputils:change-theme', { theme })",
        f"JupyterLab {name}",
    )
    page.wait_for(f"document.body.dataset.jpThemeLight === '{str(name == 'Light').lower()}'")
    # JupyterLab hides its splash by a timer, and stumbles over it where the next theme comes sooner.
    page.wait_for("!document.getElementById('jupyterlab-splash')")


def shades(page: Any) -> list[int]:
    """Return how light the dashboard's ground and its text are, of 765."""
    found: list[int] = page.app.evaluate(
        """app => { const style = getComputedStyle(app.getRootNode().host);
        return [style.backgroundColor, style.color].map(
          c => c.match(/[0-9]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0)); }"""
    )
    return found


def show_top(page: Any) -> None:
    page.page.evaluate("jupyterapp.shell.currentWidget.content.node.scrollTop = 0")


@pytest.mark.parametrize(
    "busy", [pytest.param(LOOP, id="loop"), pytest.param(SLEEP, id="sleep", marks=EXTENDED)]
)
def test_it_is_live_while_a_cell_is_busy(open_page: OpenPage, busy: str) -> None:
    page = open_page([*START, WORK + busy])
    page.run(0)
    page.run(1)
    page.start(2)
    page.app.get_by_role("button", name="load, cell [3]").wait_for()
    before = page.seq()
    page.app.get_by_role("tab", name="Tasks").click()
    page.app.get_by_text("✓ finished").first.wait_for()
    page.wait_for_news(before)
    assert not page.has_ended(2), "this was to be seen while the cell runs"
    status = "jupyterapp.shell.currentWidget.sessionContext.session.kernel.status"
    assert page.page.evaluate(status) == "busy"
    assert "busy" in page.page.locator("#jp-bottom-panel, .jp-StatusBar-Widget").first.inner_text()


def test_every_view_says_what_it_should(open_page: OpenPage) -> None:
    page = open_page([*START, WORK + "time.sleep(1)", EVIL])
    page.run(0)
    page.run(1)
    page.start(2)
    app = page.app
    app.get_by_text("✕ 1 failed").first.wait_for()
    show_top(page)
    keep(page, "overview")
    if PICTURES:  # the one in the documentation
        page.page.locator(".jp-NotebookPanel").screenshot(
            path=str(Path(PICTURES) / "dashboard.png")
        )
    assert shades(page)[0] > 600 > 300 > shades(page)[1]
    use_theme(page, "Dark")
    assert shades(page)[0] < 200 < 500 < shades(page)[1]
    keep(page, "dark")
    use_theme(page, "Light")
    app.get_by_role("tab", name="Timeline").click()
    app.get_by_role("tabpanel").get_by_text("tasks drawn one by one").wait_for()
    keep(page, "timeline")
    app.get_by_role("tab", name="Workers").click()
    app.get_by_text("% of a CPU").first.wait_for()
    app.get_by_role("tab", name="Objects").click()
    app.get_by_role("cell", name="100 kB").first.wait_for()
    app.get_by_role("cell", name="bytes of 100,000").first.wait_for()
    keep(page, "objects")
    app.get_by_role("tab", name="Logs").click()
    app.get_by_text("loaded 119").wait_for()
    app.get_by_role("tab", name="Tasks").click()
    app.get_by_role("cell", name="✕ failed").first.click()
    detail = app.get_by_label("The selected task", exact=True)
    detail.get_by_text("part 7 has no <b>date</b>").wait_for()
    assert detail.locator("b").count() == 0
    detail.get_by_text("bytes of 100,000 from load").wait_for()
    keep(page, "tasks")
    page.finish(2)
    detail.get_by_role("button", name="Go to cell [3]").click()
    page.wait_for("jupyterapp.shell.currentWidget.content.activeCellIndex === 2")
    app.get_by_role("tab", name="Graph").click()
    app.get_by_role("tabpanel").get_by_role("button", name="Show the single tasks").click()
    app.get_by_text("2 tasks around clean").wait_for()
    page.run(3)
    app.get_by_role("tabpanel").get_by_role("button", name="Show the single tasks").click()
    app.get_by_role("button", name="<img src=x").wait_for()
    assert page.page.evaluate("window.hacked") is None
    app.get_by_role("button", name="Show this view as a table").click()
    app.get_by_role("cell", name='<img src=x onerror="window.hacked=1">').wait_for()


def test_a_running_task_is_cancelled_while_the_cell_waits(open_page: OpenPage) -> None:
    page = open_page(
        [
            *START,
            "%%remote\ndef nap():\n    import time; time.sleep(60)\nray_ref = nap.remote()\nimport ray_jupyter as ray\nray.get(ray_ref)",
        ]
    )
    page.run(0)
    page.run(1)
    page.start(2)
    page.app.get_by_role("tab", name="Tasks").click()
    page.app.get_by_role("cell", name="● running").click()
    page.app.get_by_role("button", name="Cancel this task").click()
    page.finish(2)
    page.page.get_by_text("TaskCancelledError").first.wait_for()


FLAKY = """import pathlib, time, uuid
import ray_jupyter as ray
flag = pathlib.Path(uuid.uuid4().hex).resolve()
@ray.remote(max_retries=0)
def once(number):
    if not flag.exists():
        flag.touch()
        raise ValueError("the first time it fails")
    return number
ref = once.remote(7)
ray.wait([ref])
"""


def test_a_failed_task_runs_again_while_a_cell_is_busy(open_page: OpenPage) -> None:
    page = open_page([*START, FLAKY, "while not ray.wait([ref])[0]: pass\ntime.sleep(600)"])
    for cell in range(3):
        page.run(cell)
    page.start(3)
    page.app.get_by_role("tab", name="Tasks").click()
    page.app.get_by_role("cell", name="✕ failed").click()
    detail = page.app.get_by_label("The selected task", exact=True)
    detail.get_by_text("the first time it fails").wait_for()
    detail.get_by_role("button", name="Run this task again on a worker").click()
    detail.get_by_text("✓ finished").wait_for()
    page.app.get_by_role("cell", name="✓ finished").wait_for()
    page.app.get_by_text("once runs again, as once is defined now").wait_for()
    assert not page.has_ended(3), "this was done while the cell runs"
    status = "jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'"
    page.wait_for(status)
    page.interrupt()
    page.finish(3)


def test_a_page_that_nobody_sees_gets_few_frames(open_page: OpenPage) -> None:
    page = open_page([*START, QUIET_WORK])
    page.run(0)
    page.run(1)
    page.page.evaluate(
        """() => { window.frames_ = [];
        jupyterapp.shell.currentWidget.sessionContext.iopubMessage.connect((_, message) => {
          if (message.header.msg_type === 'ray_dashboard_frame') window.frames_.push(message.content.frame.is_slow); });
        window.hide = hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
          document.dispatchEvent(new Event('visibilitychange')); }; }"""
    )
    page.start(2)
    page.wait_for("window.frames_.at(-1) === false")
    page.page.evaluate("window.hide(true)")
    page.wait_for("window.frames_.at(-1) === true")
    before = page.seq()
    page.page.evaluate("window.hide(false)")
    page.wait_for("window.frames_.at(-1) === false")
    page.wait_for_news(before)
    page.interrupt()
    page.finish(2)


def test_it_survives_a_reload_while_busy_and_a_restart_of_the_kernel(open_page: OpenPage) -> None:
    page = open_page([*START, QUIET_WORK])
    page.run(0)
    page.run(1)
    page.reload_while_busy(2)
    session = page.app.get_attribute("data-session")
    page.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.app.get_by_text("ended after").wait_for()
    page.ready()
    page.run(0)
    page.app.and_(page.page.locator(f".app:not([data-session='{session}'])")).wait_for()
    page.page.evaluate("jupyterapp.commands.execute('ray-jupyter:open-dashboard')")
    panel = page.page.locator("#ray-jupyter-dashboard .app")
    page.wait_for(
        """old => { const at = document.querySelector('#ray-jupyter-dashboard > div')?.shadowRoot?.querySelector('.app');
        return at && at.dataset.session && at.dataset.session !== old; }""",
        arg=session,
    )
    assert panel.get_by_role("tab", name="Overview").is_visible()


def test_without_a_kernel_the_saved_picture_is_seen_also_untrusted(
    lab: Any, context: Any, open_page: OpenPage, tmp_path: Path
) -> None:
    import nbformat

    page = open_page(
        [*START, WORK + "import ray_jupyter as ray\nray.wait(models + refs, num_returns=130)"]
    )
    page.run(0)
    page.run(1)
    page.run(2)
    page.wait_for(
        """() => JSON.stringify(jupyterapp.shell.currentWidget.content.widgets[1].model.outputs.toJSON())
        .includes('249 tasks finished')"""
    )
    page.save()
    path = lab.root / page.name
    page.wait_for("!jupyterapp.shell.currentWidget.context.model.dirty")
    notebook = nbformat.read(path, 4)
    [output] = [one for one in notebook.cells[1].outputs if one.output_type == "display_data"]
    assert path.stat().st_size < 400_000
    name = lab.add(["%ray_dashboard"], outputs=[output])
    reopened = type(page)(lab, context, name)
    reopened.open(with_kernel=False)
    reopened.app.get_by_role("button", name="load, cell").wait_for()
    reopened.app.get_by_text("as it was after").wait_for()
    assert (
        reopened.page.evaluate("jupyterapp.shell.currentWidget.content.widgets[0].model.trusted")
        is False
    )
    keep(reopened, "reopened")
    reopened.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    if os.environ.get("RJ_BROWSER") == "all":
        done = subprocess.run(
            [sys.executable, "-m", "nbconvert", "--to", "html", "--stdout", str(lab.root / name)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "data:image/svg+xml;base64," in done.stdout


@EXTENDED
def test_notebook_7_has_it_too(
    context: Any, new_server: Callable[[str], Any], new_page: Callable[[Any, Any, list[str]], Any]
) -> None:
    server = new_server("notebook")
    page = new_page(server, context, [*START, WORK + SLEEP])
    page.run(0)
    page.run(1)
    page.start(2)
    page.app.get_by_role("button", name="load, cell [3]").wait_for()
    assert not page.has_ended(2)
    keep(page, "notebook7")
    page.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    # Notebook 7.6 itself fails to read a schema at its start, also without us.
    assert [error for error in page.errors if "reading 'schema'" not in error] == []
