"""A hundred thousand and a million tasks: what is drawn and kept is bounded, and the page answers.

The module runs in a blank page and gets every task one by one, which no kernel sends so many of. What is
asserted are bounds; how long the page was busy at a stretch is printed (a long frame is one above
50 ms, as browsers count).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ray_jupyter.dashboard import report
from ray_jupyter.testing.scenes import scene

PICTURES = os.environ.get("RJ_PICTURES")
VIEWS = ("overview", "graph", "timeline", "workers", "objects", "tasks", "logs")
ELEMENTS_MAX = 10_000
"""Of which the 300 rows of the table of tasks have 6,000, the 500 lines of the logs 2,000."""
MARKS_MAX = 8_000
"""Tasks and tiles on the canvas: at most 5,000 tasks, and 256 tiles in each lane."""

FLOOD = """async ([first, count, each, views]) => {
  const root = () => document.getElementById('at').shadowRoot;
  const say = frame => window.model.say('msg:custom', { frame });
  const seen = { long_frames_ms: [], elements: 0, marks: 0, views: {} };
  new PerformanceObserver(list => seen.long_frames_ms.push(...list.getEntries().map(e => Math.round(e.duration))))
    .observe({ entryTypes: ['longtask'] });
  const idle = () => new Promise(done => setTimeout(done));
  const note = () => {
    seen.elements = Math.max(seen.elements, root().querySelectorAll('*').length);
    for (const canvas of root().querySelectorAll('canvas.lanes')) seen.marks = Math.max(seen.marks, Number(canvas.dataset.marks || 0));
  };
  say(first);
  const frames = count / each;
  let id = 1e7;
  for (let k = 0; k < frames; k++) {
    const now = first.now_us + (k + 1) * 100000, tasks = [];
    for (let i = 0; i < each; i++) {
      id += 2;
      const start = now - 100000 + (i / each) * 100000;
      tasks.push([id, i % 5, i % 4, start - 900, start, start + 90, i % 997 ? 0 : 1, 0, 1, 0, [id - 2 * each], 1]);
    }
    say({ ...first, kind: 'delta', seq: first.seq + 1 + k, now_us: now, cells: [], nodes: [], edges: [], errors: [], logs: [],
      tasks, totals: { ...first.totals, finished: first.totals.finished + (k + 1) * each }, bins: { ...first.bins, all: false, lanes: {} } });
    if (k % 5 === 4) await idle();
    if (k % Math.ceil(frames / 14) === 0) { root().getElementById('tab-' + views[(k / Math.ceil(frames / 14)) % 7]).click(); note(); }
  }
  for (const view of views) {
    const start = performance.now();
    root().getElementById('tab-' + view).click();
    await new Promise(requestAnimationFrame);
    seen.views[view] = Math.round(performance.now() - start);
    note();
  }
  return seen;
}"""


@pytest.mark.parametrize("count", [100_000, 1_000_000])
def test_what_is_drawn_is_bounded_and_the_page_answers(page: Any, count: int) -> None:
    page.set_default_timeout(90_000)
    first = scene(400)
    seen = page.evaluate(FLOOD, [first, count, 2_000, VIEWS])
    assert seen["elements"] < ELEMENTS_MAX
    assert 0 < seen["marks"] < MARKS_MAX
    whole = f"{first['totals']['finished'] + count:,}"
    page.get_by_text(whole, exact=True).wait_for()
    page.get_by_role("tab", name="Tasks").click()
    page.get_by_role("cell", name="✕ failed").first.click()
    page.get_by_label("The selected task", exact=True).get_by_text("✕ failed").wait_for()
    page.get_by_role("tab", name="Timeline").click()
    panel = page.get_by_role("tabpanel")
    panel.get_by_text("tasks as tiles").wait_for()
    for _ in range(9):
        panel.get_by_role("button", name="Zoom in").click()
    panel.get_by_text("drawn one by one").wait_for()
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"large-{count}.png"))
    frames = seen["long_frames_ms"]
    print(
        f"{count:,} tasks: {len(frames)} long frames, the longest {max(frames, default=0)} ms; "
        f"ms per change of view: {seen['views']}; {seen['elements']} elements, {seen['marks']} marks"
    )


def test_a_report_of_a_hundred_thousand_tasks_is_small_and_needs_no_network(
    context: Any, tmp_path: Path
) -> None:
    frame = scene(100_000, told=report.TASKS_MAX, is_over=True)
    path = tmp_path / "run.html"
    path.write_text(report.page(frame), encoding="utf-8")
    assert path.stat().st_size < 5_000_000
    context.set_offline(True)
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url.split(":")[0]))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    page.get_by_text(f"{frame['totals']['finished']:,}", exact=True).wait_for()
    for name in VIEWS:
        page.get_by_role("tab", name=name.capitalize()).click()
        page.locator(f".app[data-view={name}]").wait_for()
    assert set(asked) <= {"file", "data"}
    assert errors == []
    print(f"{path.stat().st_size / 1e6:.1f} MB")
