"""The dashboard of a real kernel, as a front end hears it: frames, outputs, answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ray_jupyter.dashboard.iopub import FRAME_TYPE, REPLY_TYPE, REQUEST_TYPE
from ray_jupyter.dashboard.output import MIME

WAIT_S = 20.0


@pytest.fixture
def started(kernel: Any) -> Any:
    kernel.run("%ray_start -n 2 --quiet")
    kernel.run("import time\n@ray.remote\ndef nap(s): time.sleep(s); return s")
    return kernel


def hear(kernel: Any, wanted: Any) -> dict[str, Any]:
    """Return the first message of the IOPub channel that is wanted."""
    message: dict[str, Any]
    for message in kernel.arriving():
        if wanted(message):
            return message
    raise AssertionError("the message did not come")


def renews_picture(message: dict[str, Any]) -> bool:
    """Tell the dashboard's own from the strip of a slow cell, which is renewed, too."""
    is_update = message["msg_type"] == "update_display_data"
    return is_update and "image/svg+xml" in message["content"]["data"]


def frames_with(kernel: Any, wanted: Any) -> dict[str, Any]:
    found: dict[str, Any] = hear(
        kernel, lambda m: m["msg_type"] == FRAME_TYPE and wanted(m["content"]["frame"])
    )
    return found


def ask(kernel: Any, **request: Any) -> dict[str, Any]:
    """Ask on the control channel; return the answer."""
    message = kernel.client.session.msg(REQUEST_TYPE, request)
    kernel.client.control_channel.send(message)
    while True:
        reply = kernel.client.get_control_msg(timeout=WAIT_S)
        if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
            assert reply["msg_type"] == REPLY_TYPE
            content: dict[str, Any] = reply["content"]
            return content


@pytest.mark.parametrize(
    "busy", ["time.sleep(1.5)", "t = time.time()\nwhile time.time() < t + 1.5: pass"]
)
def test_frames_come_while_a_cell_is_busy(started: Any, busy: str) -> None:
    started.run("%ray_dashboard")
    cell = started.send(f"refs = [nap.remote(0.02) for _ in range(500)]\n{busy}")
    message = frames_with(started, lambda frame: frame["totals"]["finished"] > 10)
    assert message["parent_header"] == {}
    assert message["content"]["frame"]["totals"]["live"] > 0, "the tasks still run"
    idle = hear(
        started,
        lambda m: (
            m["parent_header"].get("msg_id") == cell
            and m["content"].get("execution_state") == "idle"
        ),
    )
    assert idle["msg_type"] == "status"


def test_the_output_is_renewed_and_nothing_else_is_printed(started: Any) -> None:
    cell = started.send("%ray_dashboard")
    shown = hear(started, lambda m: m["msg_type"] == "display_data")
    assert set(shown["content"]["data"]) == {MIME, "text/html", "image/svg+xml", "text/plain"}
    started.finish(cell)
    busy = started.send("print(len(ray.get([nap.remote(0) for _ in range(20)])))")
    heard = []

    def is_renewed_with_the_cell_that_runs(message: dict[str, Any]) -> bool:
        heard.append(message)
        # Of that cell: nbclient hears no other.
        return renews_picture(message) and message["parent_header"]["msg_id"] == busy

    later = hear(started, is_renewed_with_the_cell_that_runs)
    assert later["content"]["transient"] == shown["content"]["transient"]
    assert [m["content"]["text"] for m in heard if m["msg_type"] == "stream"] == ["20\n"]
    assert "20 tasks finished" in later["content"]["data"]["text/plain"]
    snapshot = later["content"]["data"][MIME]["snapshot"]
    assert [row[2] for row in snapshot["cells"] if row[2]][-1] == "[6]"


def test_a_view_comes_first_and_closing_leaves_a_picture(started: Any) -> None:
    cell = started.send("%ray_dashboard timeline")
    shown = hear(started, lambda m: m["msg_type"] == "display_data")
    assert shown["content"]["data"][MIME]["view"] == "timeline"
    started.finish(cell)
    started.send("ray.get(nap.remote(0));")
    later = hear(started, renews_picture)
    assert later["content"]["data"][MIME]["view"] == "timeline"
    started.send("%ray_dashboard --close")
    last = hear(started, lambda m: renews_picture(m) and MIME not in m["content"]["data"])
    assert last["content"]["transient"] == shown["content"]["transient"]
    assert set(last["content"]["data"]) == {"text/html", "image/svg+xml", "text/plain"}
    assert started.run("%ray_dashboard --close") == "no dashboard is open\n"
    assert (
        "UsageError: %ray_dashboard: there is no view 'timelin'; did you mean 'timeline'?"
        in started.fails("%ray_dashboard timelin").text
    )
    assert "leave the view out" in started.fails("%ray_dashboard logs --close").text


def test_a_task_is_cancelled_while_the_cell_waits_for_it(started: Any) -> None:
    started.run("%ray_dashboard")
    cell = started.send("ray.get(nap.remote(60))")
    frame = frames_with(started, lambda f: any(lane[6] for lane in f["lanes"]))["content"]["frame"]
    task = next(lane[6] for lane in frame["lanes"] if lane[6])
    assert ask(started, ask="cancel", session=frame["session"], task=task)["status"] == "ok"
    reply = started.finish(cell)
    assert reply.error[0] == "TaskCancelledError"


def test_a_front_end_may_ask_for_frames(started: Any) -> None:
    assert ask(started, ask="start") == {"status": "ok", "running": True}
    assert frames_with(started, lambda frame: True)
    answer = ask(started, ask="nonsense")
    assert (answer["status"], "expected a request" in answer["text"]) == ("error", True)


def test_the_kernel_is_still_busy_after_an_answer(started: Any) -> None:
    started.run("%ray_dashboard")
    cell = started.send("print('runs'); time.sleep(60)")
    hear(started, lambda m: m["msg_type"] == "stream")
    assert ask(started, ask="start")["status"] == "ok"
    states = []

    def is_of_the_cell(message: dict[str, Any]) -> bool:
        states.append(message["content"].get("execution_state"))
        return states[-1] == "busy" and message["parent_header"].get("msg_id") == cell

    hear(started, is_of_the_cell)
    assert "idle" in states, "ipykernel's, of the control channel"
    started.manager.interrupt_kernel()
    assert started.finish(cell).error[0] == "KeyboardInterrupt"


def test_a_report_is_a_file(started: Any, tmp_path: Path) -> None:
    started.run("_ = ray.get([nap.remote(0) for _ in range(5)])")
    assert "MB" in started.run(f"%ray_report {tmp_path / 'run.html'}")
    assert "<!doctype html>" in (tmp_path / "run.html").read_text()
    reply = started.fails(f"%ray_report {tmp_path / 'no' / 'where.html'}")
    assert "UsageError: %ray_report: the file cannot be written" in reply.text


def test_before_there_is_a_session(kernel: Any) -> None:
    assert "no runtime is running" in kernel.run("%ray_dashboard")
    assert "no session has run yet" in kernel.fails("%ray_report x.html").text
    kernel.run("%ray_start -n 1 --quiet")
    assert frames_with(kernel, lambda frame: frame["kind"] == "snapshot")


def test_unloading_ends_the_feed(started: Any) -> None:
    started.run("%ray_dashboard")
    started.run("%unload_ext ray_jupyter")
    names = started.run("import threading; print(*(t.name for t in threading.enumerate()))")
    assert "dashboard" not in names
    started.run("ray.shutdown()")
