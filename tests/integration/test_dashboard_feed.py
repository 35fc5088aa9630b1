"""The feed of a real session: frames come, sessions come and go, nothing is left."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.dashboard import frames, replay, report
from ray_jupyter.dashboard.feed import Feed
from ray_jupyter.dashboard.requests import Requests
from ray_jupyter.testing.dashboard import Viewer
from ray_jupyter.testing.suite.base import eventually


@pytest.fixture
def feed() -> Iterator[Feed]:
    made = Feed()
    yield made
    made.stop()
    ray.shutdown()


def begin_cell(feed: Feed) -> None:
    """A cell begins, as the notebook tells it."""
    backend = session.connected()
    run = {"id": backend.begin_cell(), "session_id": backend.session_id}
    feed.begin_cell(SimpleNamespace(**run, name="cell", label="[1]"))


def square(x: int) -> int:
    print("squaring", x)
    return x * x


def fail() -> None:
    raise ValueError("<img src=x onerror=alert(1)>")


@pytest.mark.parametrize("mode", ["local", "inline"])
def test_what_a_view_sees_is_what_happened(feed: Feed, mode: str) -> None:
    viewer, seen = Viewer(), []

    def take(frame: Any) -> None:
        seen.append(frame)
        viewer.apply(json.loads(json.dumps(frame)))

    feed.attach(take)
    ray.init(num_cpus=2, mode=mode)
    begin_cell(feed)
    squares = [ray.remote(square).remote(i) for i in range(300)]
    doubled = [ray.remote(square).options(name="again").remote(ref) for ref in squares]
    ray.wait([*doubled, ray.remote(fail).remote()], num_returns=301)

    def counts() -> dict[str, tuple[int, int]]:
        nodes = viewer.tables.get("nodes", {}).values()
        return {row[0]: (row[5], row[6]) for row in nodes}

    eventually(lambda: counts() == {"square": (300, 0), "again": (300, 0), "fail": (0, 1)})
    assert [frame["seq"] for frame in seen] == list(range(1, len(seen) + 1))
    assert seen[0]["kind"] == "snapshot"
    assert viewer.tables["cells"][1] == ["cell", "[1]"]
    [edge] = viewer.tables["edges"].values()
    assert edge[2:] == [1, 300]
    assert all(frames.size_bytes(frame) <= frames.FRAME_BYTES for frame in seen)
    errors = [row for frame in seen for row in frame["errors"]]
    assert any("onerror" in row[2] for row in errors)
    if mode == "local":
        lines = [row for frame in seen for row in frame.get("logs", [])]
        eventually(
            lambda: sum(row[4].count("squaring") for f in seen for row in f.get("logs", [])) >= 200
        )
        assert lines == [] or lines[0][3] == "stdout"


def test_sessions_come_and_go(feed: Feed) -> None:
    seen: list[Any] = []
    feed.attach(seen.append)
    ray.init(num_cpus=1)
    eventually(lambda: seen)
    first = seen[-1]["session"]
    ray.shutdown()
    eventually(lambda: seen[-1]["is_over"])
    first, second = feed.snapshot(), feed.snapshot()
    assert first is not None
    assert second is not None
    assert first["now_us"] == second["now_us"], "the clock of a session that has ended rests"
    assert seen[-1]["kind"] == "snapshot"
    ray.init(num_cpus=1)
    eventually(lambda: seen[-1]["session"] != first)
    new = next(frame for frame in seen if frame["session"] != first)
    assert (new["seq"], new["kind"], new["is_over"]) == (1, "snapshot", False)


def test_without_a_session_nothing_is_started(feed: Feed) -> None:
    assert feed.snapshot() is None
    feed.attach(lambda frame: None)
    feed.start()
    assert session.current is None


def test_the_thread_ends_and_starts_again(feed: Feed) -> None:
    def names() -> list[str]:
        return [t.name for t in threading.enumerate() if t.name == "ray_jupyter dashboard"]

    feed.attach(lambda frame: None)
    feed.start()
    assert names() == ["ray_jupyter dashboard"]
    feed.stop()
    assert names() == []
    assert session.on_output == []
    feed.attach(lambda frame: None)
    assert names() == ["ray_jupyter dashboard"]


def test_a_running_task_is_cancelled(feed: Feed) -> None:
    started = threading.Event()
    ray.init(num_cpus=1)
    requests = Requests(feed, started.set)
    ref = ray.remote(lambda: threading.Event().wait(60)).remote()
    eventually(lambda: (feed.snapshot() or {"nodes": []})["nodes"])
    answer = requests({"ask": "cancel", "session": session.connected().session_id, "task": ref.id})
    assert "cancel was asked for" in answer["text"]
    with pytest.raises(ray.TaskCancelledError):
        ray.get(ref, timeout=20)
    with pytest.raises(ValueError, match="that session has ended"):
        requests({"ask": "cancel", "session": "another", "task": ref.id})
    with pytest.raises(ValueError, match="expected a request of"):
        requests({"ask": "exec"})
    assert requests({"ask": "start"}) == {"running": True}
    assert started.is_set()


def divide(a: int, *, by: int = 0, block: Any = None) -> float:
    return a / by


def test_what_a_task_was_given_is_told_when_asked_for(feed: Feed) -> None:
    ray.init(num_cpus=1)
    requests = Requests(feed, lambda: None)
    block = ray.remote(square).remote(3)
    ref = ray.remote(divide).options(max_retries=0).remote(7, block=block)
    ray.wait([ref])
    feed.snapshot()
    about = {"ask": "task", "session": session.connected().session_id, "task": ref.id}
    assert requests(about) == {
        "arguments": [["", "7"], ["block", "int from square"]], "obstacle": "",
    }  # fmt: skip
    assert requests(about | {"task": block.id}) == {
        "arguments": None, "obstacle": "it is not remembered",
    }  # fmt: skip


def test_a_failed_task_runs_again_as_it_is_defined_now(feed: Feed) -> None:
    ray.init(num_cpus=1)
    mended = ray.remote(lambda a, by=0, block=None: a)
    asked = []

    def definition(name: str, num_returns: int) -> Any:
        asked.append((name, num_returns))
        return mended._template

    ref = ray.remote(divide).options(max_retries=0).remote(7)
    needing = ray.remote(square).remote(ref)
    ray.wait([ref, needing], num_returns=2)
    eventually(lambda: (feed.snapshot() or {"errors": []})["errors"])
    requests = Requests(feed, lambda: None, definition)
    about = {"ask": "resume", "session": session.connected().session_id, "task": ref.id}
    text = requests(about)["text"]
    assert text.endswith("runs again, as divide is defined now, and 1 that failed because of it")
    assert asked == [("divide", 1)]
    assert ray.get([ref, needing]) == [7, 49]
    eventually(lambda: not (feed.snapshot() or {"errors": [0]})["errors"])
    assert "cannot run again" in requests(about)["text"]


def test_nobody_looks(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray_jupyter.dashboard.feed.UNSEEN_S", 3600.0)
    seen: list[Any] = []
    requests = Requests(feed, feed.start)
    feed.attach(seen.append)
    ray.init(num_cpus=1)
    ray.get(ray.remote(square).remote(1))
    eventually(lambda: seen and not seen[-1]["is_slow"])
    requests({"ask": "slow"})
    feed.start()  # look once more, and then not for an hour
    eventually(lambda: seen[-1]["is_slow"])
    told = len(seen)
    ray.get([ray.remote(square).remote(i) for i in range(20)])
    assert len(seen) == told
    requests({"ask": "start"})
    eventually(lambda: seen[-1]["totals"]["finished"] == 21 and not seen[-1]["is_slow"])


def test_older_tasks_are_told_when_asked_for(feed: Feed) -> None:
    ray.init(num_cpus=1)
    ray.get([ray.remote(square).remote(i) for i in range(20)])
    eventually(lambda: len((feed.snapshot() or {"tasks": []})["tasks"]) == 20)
    answer = Requests(feed, lambda: None)({"ask": "tasks", "start_us": 0, "end_us": 10**12})
    assert (answer["of"], len(answer["tasks"])) == (20, 20)


def test_a_report_and_a_replay_are_files(
    feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray.init(num_cpus=1)
    ray.wait([ray.remote(fail).remote()])
    size_bytes = report.write_report(tmp_path / "r.html", feed)
    assert (tmp_path / "r.html").stat().st_size == size_bytes
    assert "<img src=x" not in (tmp_path / "r.html").read_text()
    monkeypatch.setattr(replay, "static_text", lambda name: "export class Replay {}")
    replay.main(["--page", str(tmp_path / "p.html")])
    assert "new dashboard.Replay" in (tmp_path / "p.html").read_text()
