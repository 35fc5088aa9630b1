"""Doors: opened where nobody else can, found, swept when nobody listens, never trusted."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ray_jupyter.runtime.transport import door
from ray_jupyter.runtime.transport.unix import peer_of

ID = "0123456789abcdef"


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The directory of this user's doors, not yet made."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return tmp_path / f"ray_jupyter-{os.getuid()}"


@pytest.fixture
def opened() -> Iterator[door.Door]:
    one = door.Door.open(ID)
    yield one
    one.close()


def abandon(session_id: str) -> Path:
    """Leave a door as a session does that is killed."""
    one = door.Door.open(session_id)
    one.socket.close()
    return one.path


def test_a_door_is_open_to_its_user_only(opened: door.Door, place: Path) -> None:
    assert opened.path == place / f"{ID}.sock"
    assert place.stat().st_mode & 0o777 == 0o700
    assert opened.path.stat().st_mode & 0o777 == 0o600
    with door.connect(opened.path, 5) as stream:
        accepted, _ = opened.socket.accept()
        with accepted:
            assert peer_of(stream) == peer_of(accepted) == (os.getpid(), os.getuid())
    assert door.find() == ([opened.path], [])


def test_closing_leaves_nothing_and_may_be_repeated(place: Path) -> None:
    one, other = door.Door.open(ID), door.Door.open("f" * 16)
    one.close()
    assert door.find() == ([other.path], [])
    one.close()
    other.close()
    assert not place.exists()


def test_the_runtime_directory_is_preferred_and_both_are_searched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opened: door.Door
) -> None:
    preferred = tmp_path / "run"
    preferred.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(preferred))
    other = door.Door.open("f" * 16)
    assert other.path.parent.parent == preferred
    assert door.find() == ([other.path, opened.path], [])
    other.close()


def test_a_place_that_cannot_be_used_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / place.name).symlink_to(tmp_path)
    one = door.Door.open(ID)
    assert one.path.parent == place
    one.close()
    assert "symbolic link" in door.find()[1][0]


def test_a_long_path_is_no_obstacle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    one = door.Door.open(ID)
    door.connect(one.path, 5).close()
    one.close()


def link(place: Path) -> None:
    (place.parent / "theirs").mkdir(mode=0o700)
    place.symlink_to(place.parent / "theirs")


def plain_file(place: Path) -> None:
    place.write_text("")


def open_to_others(place: Path) -> None:
    place.mkdir(mode=0o700)
    place.chmod(0o755)


@pytest.mark.parametrize(
    ("make", "reason"),
    [(link, "symbolic link"), (plain_file, "file"), (open_to_others, "mode 755")],
)
def test_a_directory_that_others_could_have_made_is_refused(
    place: Path, make: Any, reason: str
) -> None:
    make(place)
    with pytest.raises(OSError, match=reason):
        door.Door.open(ID)
    assert reason in door.find()[1][0]
    assert door.sweep() == []
    with pytest.raises(PermissionError, match=reason):
        door.connect(place / f"{ID}.sock", 5)


def test_another_users_is_refused(
    monkeypatch: pytest.MonkeyPatch, opened: door.Door, place: Path
) -> None:
    monkeypatch.setattr(door, "places", lambda: [place])
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    for use in (lambda: door.connect(opened.path, 5), lambda: door.Door.open("f" * 16)):
        with pytest.raises(OSError, match=f"belongs to user {os.geteuid()}"):
            use()
    monkeypatch.undo()


@pytest.mark.parametrize("kind", ["file", "link", "none"])
def test_only_a_socket_is_connected_to(opened: door.Door, kind: str) -> None:
    path = opened.path.with_name(f"{kind}.sock")
    if kind == "file":
        path.write_text("")
    elif kind == "link":
        path.symlink_to(opened.path)
    error = FileNotFoundError if kind == "none" else PermissionError
    with pytest.raises(error):
        door.connect(path, 5)
    if kind != "none":
        path.unlink()


def test_opening_takes_away_what_killed_sessions_left(place: Path) -> None:
    stale = abandon("a" * 16)
    with pytest.raises(ConnectionRefusedError):
        door.connect(stale, 5)
    one = door.Door.open(ID)
    assert [path.name for path in place.iterdir()] == [one.path.name]
    one.close()


def test_sweeping_leaves_those_alone_that_listen(opened: door.Door, place: Path) -> None:
    stale = abandon("a" * 16)
    plain = place / "note.sock"
    plain.write_text("not ours to delete")
    assert door.sweep() == [stale]
    assert sorted(place.iterdir()) == sorted([opened.path, plain])
    plain.unlink()


def test_a_door_too_busy_to_answer_is_no_dead_one(
    opened: door.Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(opened.path.parent)  # the whole path may be too long for a socket
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(200)]
    refused = 0
    for one in waiting:
        one.setblocking(False)
        refused += one.connect_ex(opened.path.name) == errno.EAGAIN
    assert refused
    assert door.sweep() == []
    for one in waiting:
        one.close()


def test_sweeping_the_last_removes_the_directory(place: Path) -> None:
    stale = abandon("a" * 16)
    assert door.sweep() == [stale]
    assert not place.exists()


def test_taking_away_may_be_repeated(place: Path) -> None:
    stale = abandon(ID)
    door.take_away(place / "other.sock")
    assert stale.exists()
    door.take_away(stale)
    assert not place.exists()
    door.take_away(stale)
