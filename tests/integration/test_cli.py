"""``python -m ray_jupyter``: each command on a session of this process, some in a shell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.cli import main
from ray_jupyter.runtime.transport import door
from ray_jupyter.testing.faults import Driver, is_running, session_pids
from ray_jupyter.testing.suite.base import echo, eventually, fail

HOST = """
import sys, ray_jupyter as ray
print(ray.init(num_cpus=1).session_id)
sys.stdin.read()
"""


@pytest.fixture
def own() -> Iterator[str]:
    with ray.init(num_cpus=2) as info:
        yield info.session_id


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Callable[[], Driver]]:
    started: list[Driver] = []

    def start() -> Driver:
        started.append(Driver(HOST, tmp_path / f"host_{len(started)}.py"))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command line here: (exit code, output, errors)."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        return code, *capsys.readouterr()

    return call


Run = Callable[..., tuple[int, str, str]]


def test_status(own: str, run: Run) -> None:
    ray.get(echo.remote(1))
    code, text, errors = run("status")
    assert (code, errors) == (0, "")
    for words in ("2 workers", own[:8], f"driver   {os.getpid()}", "2 of 2 CPU", "1 finished"):
        assert words in text
    [facts] = json.loads(run("status", "--json", "--session", own[:4])[1])
    assert facts["session_id"] == own
    assert facts["statistics"]["workers"] == 2
    assert facts["drivers"] == [os.getpid()]


def test_status_after_resizing(own: str, run: Run) -> None:
    session = ray.init()
    session.resize(3)
    try:
        for words in ("3 workers", "3 of 3 CPU"):
            assert words in run("status")[1]
    finally:
        session.resize(2)


def test_status_of_several_and_of_one_that_hangs(
    own: str, host: Callable[[], Driver], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = host().hear()
    code, text, errors = run("status")
    assert (code, text.count("local runtime"), errors) == (0, 2, "")
    pid = session_pids().scheduler
    monkeypatch.setattr("ray_jupyter.backends.attaching.sessions.__defaults__", (0.2,))
    os.kill(pid, signal.SIGSTOP)
    try:
        code, text, errors = run("status")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (code, other[:8] in text, own in errors) == (0, True, True)


@pytest.mark.parametrize("command", ["status", "memory", "list tasks", "summary tasks"])
def test_without_a_session(command: str, run: Run) -> None:
    code, text, errors = run(*command.split())
    assert code == 1
    assert "no session of this user is running here" in text + errors


def test_memory_says_who_keeps_what(own: str, run: Run) -> None:
    large = ray.put(np.ones(10**6))
    array = ray.get(large)
    small = ray.put([large])
    code, text, _ = run("memory")
    assert code == 0
    lines = text.splitlines()
    [line] = [line for line in lines if line.startswith(large.hex())]
    for words in ("8.0 MB", "memory", "put", f"driver ({os.getpid()})", "looks at it", "object "):
        assert words in line
    assert any(f"{os.getpid()}  driver" in line for line in lines)
    found = json.loads(run("memory", "--json", "--limit", "1")[1])
    assert [row["object_id"] for row in found["objects"]] == [large.hex()]
    assert found["holders"][0]["objects"] == 2
    del array, small


def test_list_and_summary(own: str, run: Run) -> None:
    kept = ray.put(1)
    ray.wait([fail.options(name="failing").remote()])
    ray.get([echo.remote(i) for i in range(3)])
    done = {"echo": {"FINISHED": 3}, "failing": {"FAILED": 1}}

    def counts() -> Any:
        groups = json.loads(run("summary", "tasks", "--json")[1])["summary"]
        return {name: group["state_counts"] for name, group in groups.items()}

    eventually(lambda: counts() == done)
    header, *rows = run("summary", "tasks")[1].splitlines()
    assert sorted(header.split()) == ["FAILED", "FINISHED", "NAME", "TYPE"]
    assert len(rows) == 2
    code, text, _ = run("list", "tasks", "--filter", "state=FAILED")
    header, *rows = text.splitlines()
    assert (code, header.split()[:3]) == (0, ["TASK_ID", "NAME", "STATE"])
    assert ["failing" in row and "TASK_EXECUTION_EXCEPTION" in row for row in rows] == [True]
    [row] = json.loads(run("list", "tasks", "-f", "name!=echo", "--detail")[1])
    assert row["name"] == "failing"
    assert row["end_time_ms"] > 0
    assert kept.hex() in run("list", "objects")[1]
    assert len(json.loads(run("list", "workers", "--json")[1])) == 3
    assert "ALIVE" in run("list", "nodes")[1]
    assert run("list", "actors")[1].startswith("ACTOR_ID")
    assert json.loads(run("summary", "objects", "--json")[1])["total_objects"] == 1
    assert run("summary", "actors")[0] == 0
    assert "--limit" in run("list", "tasks", "--limit", "1")[2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("list", "tasks", "--filter", "nam=1"), "did you mean 'name'"),
        (("list", "tasks", "--filter", "name"), "FIELD=VALUE"),
        (("list", "tasks", "--limit", "0"), "limit must be"),
        (("list", "tasks", "--session", "0000"), "no session of this user whose id begins"),
        (("memory", "--session", "host:1"), "expected 'auto', the id of a session"),
        (("stop", "--session", "0000"), "no session 0000"),
    ],
)
def test_mistakes_are_told_in_one_line(
    own: str, run: Run, arguments: tuple[str, ...], words: str
) -> None:
    code, text, errors = run(*arguments)
    assert (code, text, errors.count("\n")) == (1, "", 1)
    assert words in errors


@pytest.mark.parametrize("arguments", [(), ("start",), ("list", "jobs"), ("status", "--jso")])
def test_a_wrong_command_line_exits_with_2(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m ray_jupyter" in capsys.readouterr().err


def test_stop_ends_a_session_and_its_driver_is_told(own: str, run: Run) -> None:
    pids = session_pids()
    assert run("stop")[:2] == (0, f"{own}  stopped\n")
    eventually(lambda: not any(map(is_running, (pids.scheduler, pids.template, *pids.workers))))
    assert door.find() == ([], [])
    with pytest.raises(ray.RaySystemError, match="session has ended"):
        ray.get(echo.remote(1))
    assert run("stop")[0] == 0


def test_stop_needs_to_know_which(own: str, host: Callable[[], Driver], run: Run) -> None:
    other = host().hear()
    code, _, errors = run("stop")
    assert code == 1
    assert own in errors
    assert other in errors
    assert run("stop", "--session", other[:6], "--json")[1].split() == [
        "{", f'"{other}":', '"stopped"', "}",
    ]  # fmt: skip
    assert ray.get(echo.remote(1), timeout=20) == 1
    host().hear()
    assert run("stop", "--all")[1].count("stopped") == 2


def test_stop_kills_what_does_not_answer(own: str, run: Run) -> None:
    pids = session_pids()
    os.kill(pids.scheduler, signal.SIGSTOP)
    code, text, _ = run("stop", "--timeout", "0.3")
    assert (code, text) == (0, f"{own}  killed, because it did not answer\n")
    eventually(lambda: not any(map(is_running, (pids.scheduler, pids.template, *pids.workers))))
    assert door.find() == ([], [])


def test_doctor_finds_all_well_and_what_is_left(
    host: Callable[[], Driver], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    running = host().hear()
    stale = door.Door.open("a" * 16)
    stale.socket.close()
    spilled, live = (tmp_path / f"ray_jupyter-{name}" for name in ("b" * 16, running))
    spilled.mkdir()
    live.mkdir()
    code, text, errors = run("doctor", "--no-trial")
    assert (code, errors) == (0, "")
    assert "FAIL" not in text
    assert f"took away {stale.path}" in text
    assert f"{spilled} is of a dead session" in text
    assert "-> python -m ray_jupyter doctor --clean" in text
    assert str(live) not in text
    assert "1 sessions running" in text
    assert spilled.exists()
    findings = {f["subject"]: f for f in json.loads(run("doctor", "--clean", "--json")[1])}
    assert f"removed {spilled}" in findings["leftovers"]["text"]
    assert (findings["trial"]["outcome"], spilled.exists(), live.exists()) == ("ok", False, True)
    assert findings.keys() >= {"python", "packages", "memory", "sockets", "limits", "kernels"}


def test_doctor_fails_where_nothing_can_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(size_bytes: int) -> int:
        raise OSError("not enough of it")

    monkeypatch.setattr("ray_jupyter.runtime.store.segment.create", refuse)
    code, text, _ = run("doctor", "--no-trial")
    assert code == 1
    assert "FAIL memory" in text
    assert "not enough of it" in text


def shell(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ray_jupyter", *arguments],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip


def test_from_a_shell(own: str) -> None:
    assert own[:8] in shell("status").stdout
    assert "ray_jupyter 0." in shell("--version").stdout
    help_text = shell("--help").stdout
    for command in ("status", "stop", "doctor", "memory", "list", "summary"):
        assert command in help_text


def test_output_that_nobody_reads_is_no_error(own: str) -> None:
    refs = [echo.remote(i) for i in range(2000)]
    ray.get(refs)
    command = f"{sys.executable} -m ray_jupyter list tasks --limit 2000 | head -1"
    done: Any = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, timeout=50, check=True
    )
    assert done.stdout.startswith("TASK_ID")
    assert done.stderr == ""
