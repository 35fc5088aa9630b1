"""The leak check must see each kind of leak, name it, and forgive what ends in time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from ray_jupyter.runtime.transport import door
from ray_jupyter.testing import leaks

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="this system has no /proc"
)
WAITS_FOR_STDIN = "import sys; sys.stdin.read()"


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def child(cleanup: ExitStack, source: str, **options: object) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", source],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )
    cleanup.enter_context(process)
    cleanup.callback(process.kill)
    return process


def leak_message(before: leaks.Snapshot) -> str:
    with pytest.raises(AssertionError) as caught:
        leaks.assert_no_leaks(before, deadline_s=0)
    return str(caught.value)


def test_nothing_done_is_nothing_left() -> None:
    leaks.assert_no_leaks(leaks.snapshot(), deadline_s=0)


@needs_proc
def test_child_process_is_named(cleanup: ExitStack) -> None:
    before = leaks.snapshot()
    process = child(cleanup, WAITS_FOR_STDIN)
    assert f"process {process.pid}: " in leak_message(before)
    assert WAITS_FOR_STDIN in leak_message(before)


@needs_proc
def test_child_that_nobody_waited_for_is_a_zombie(cleanup: ExitStack) -> None:
    before = leaks.snapshot()
    process = child(cleanup, "")
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert f"process {process.pid}: zombie" in leak_message(before)


@needs_proc
def test_orphan_in_its_own_session_is_still_ours(cleanup: ExitStack) -> None:
    # The child starts a grandchild, prints its pid and ends: init is the parent from then on.
    source = (
        "import subprocess, sys\n"
        f"p = subprocess.Popen([sys.executable, '-c', {WAITS_FOR_STDIN!r}],"
        " start_new_session=True, stdin=0)\n"
        "print(p.pid, flush=True)\n"
        "import os; os._exit(0)"
    )
    before = leaks.snapshot()
    parent = child(cleanup, source)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.wait()
    assert f"process {pid}: " in leak_message(before)
    assert parent.stdin is not None
    parent.stdin.close()  # ends the orphan
    parent.stdout.close()
    leaks.assert_no_leaks(before)


@needs_proc
def test_process_of_somebody_else_is_not_ours(
    cleanup: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = leaks.snapshot()
    monkeypatch.setenv("RAY_JUPYTER_LEAK_SCOPE", "another run")
    source = (
        "import subprocess, sys\n"
        f"subprocess.Popen([sys.executable, '-c', {WAITS_FOR_STDIN!r}], stdin=0)\n"
        "import os; os._exit(0)"
    )
    parent = child(cleanup, source)
    parent.wait()
    monkeypatch.undo()
    assert "process" not in leak_message(before)  # only the pipes to it are ours
    parent.stdin.close()  # type: ignore[union-attr]


@needs_proc
def test_descriptor_is_named(tmp_path: Path, cleanup: ExitStack) -> None:
    before = leaks.snapshot()
    cleanup.enter_context((tmp_path / "open").open("w"))
    assert str(tmp_path / "open") in leak_message(before)


@needs_proc
@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no memfd")
def test_segment_is_seen_while_mapped_even_when_its_descriptor_is_closed() -> None:
    import mmap

    before = leaks.snapshot()
    descriptor = os.memfd_create("ray_jupyter-test")
    os.ftruncate(descriptor, mmap.PAGESIZE)
    with closing(mmap.mmap(descriptor, mmap.PAGESIZE)):
        os.close(descriptor)
        assert f"segment /memfd:ray_jupyter-test in process {os.getpid()}" in leak_message(before)
    leaks.assert_no_leaks(before)


def test_thread_is_named_and_forgiven_when_it_ends_in_time() -> None:
    before = leaks.snapshot()
    go_on = threading.Event()
    thread = threading.Thread(target=go_on.wait, name="left-behind")
    thread.start()
    try:
        assert "left-behind" in leak_message(before)
    finally:
        threading.Timer(0.05, go_on.set).start()
    leaks.assert_no_leaks(before)  # waits for both threads


def test_watchdog_of_the_next_test_is_not_a_leak() -> None:
    before = leaks.snapshot()
    timer = threading.Timer(60, print)
    timer.name = "pytest_timeout tests/next"
    timer.start()
    try:
        leaks.assert_no_leaks(before, deadline_s=0)
    finally:
        timer.cancel()
        timer.join()


def test_session_directory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = leaks.snapshot()
    (tmp_path / "ray_jupyter-0123").mkdir()
    assert f"directory {tmp_path / 'ray_jupyter-0123'}" in leak_message(before)


def test_without_proc_it_says_what_it_cannot_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaks, "_PROC", tmp_path / "nothing")
    before = leaks.snapshot()
    assert before.blind_to == ("processes", "descriptors", "segments")
    leaks.assert_no_leaks(before)


def test_process_name_with_parentheses_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "7"
    folder.mkdir()
    (folder / "stat").write_bytes(b"7 (a) S (b) Z 1 7 7")
    monkeypatch.setattr(leaks, "_PROC", tmp_path)
    assert leaks._stat(7) == ["Z", "1", "7", "7"]
    assert leaks._command_line(7).startswith("zombie")


def test_door_of_a_killed_session_is_named(
    cleanup: ExitStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    other = door.Door.open("b" * 16)
    cleanup.callback(other.close)
    before = leaks.snapshot()
    left = door.Door.open("a" * 16)
    cleanup.callback(left.close)
    left.socket.close()
    assert f"door {left.path}" in leak_message(before)
