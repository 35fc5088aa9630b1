"""``stop``: end sessions, first by asking, then with a signal."""

from __future__ import annotations

import argparse
import os
import select
import signal
from pathlib import Path

from ray_jupyter.backends import attaching
from ray_jupyter.cli.output import NONE_RUNNING, print_json
from ray_jupyter.runtime.client.visit import Visit
from ray_jupyter.runtime.processes.lifeline import watch
from ray_jupyter.runtime.transport import door
from ray_jupyter.runtime.transport.unix import peer_of


def add_stop_options(command: argparse.ArgumentParser) -> None:
    """Add ``--all`` and ``--timeout``."""
    command.add_argument("--all", action="store_true", help="every session of this user")
    command.add_argument(
        "--timeout", type=float, default=5.0, metavar="S",
        help="seconds after which a session that does not end is killed (5)",
    )  # fmt: skip


def run_stop(asked: argparse.Namespace) -> int:
    """End one session, or all."""
    door.sweep()  # only doors that somebody listens at are left
    paths, problems = door.find()
    if asked.session is not None:
        chosen = [path for path in paths if attaching.names(asked.session, path.stem)]
        if not chosen:
            raise ConnectionError(f"no session {asked.session} of this user is running here")
    else:
        chosen = paths
    if len(chosen) > 1 and not asked.all:
        listed = "".join(f"\n  {path.stem}" for path in chosen)
        raise ValueError(f"{len(chosen)} sessions are running; use --all or --session:{listed}")
    ended = {path.stem: _end(path, asked.timeout) for path in chosen}
    if asked.json:
        print_json(ended)
    elif ended:
        print("\n".join(f"{session_id}  {how}" for session_id, how in ended.items()))
    else:
        print("; ".join([NONE_RUNNING, *problems]))
    return 0


def _end(path: Path, timeout_s: float) -> str:
    """End the session behind a door; return how.

    Raises:
        OSError: nothing helped.
    """
    with door.connect(path, timeout_s) as stream:
        pid, _ = peer_of(stream)
    end = watch(pid) if pid else None
    try:
        try:
            with Visit(path, timeout_s) as visit:
                visit.ask("stop")
            if _is_over(end, timeout_s):
                return "stopped"
        except (ConnectionError, FileNotFoundError):
            return "stopped"  # it ended meanwhile
        except (TimeoutError, ValueError):  # it hangs, or is of a version without the question
            pass
        if not _is_scheduler(pid):
            raise OSError(f"{path}: the session does not end, and its process cannot be told")
        os.killpg(pid, signal.SIGKILL)
        if not _is_over(end, timeout_s):
            raise OSError(f"{path}: process {pid} does not end, even when killed")
        door.sweep()
        return "killed, because it did not answer"
    finally:
        if end is not None:
            os.close(end)


def _is_scheduler(pid: int) -> bool:
    """Return whether this is a scheduler, which leads the process group of its session.

    Before a scheduler listens, its driver does: that must never be killed.
    """
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
        return name == "rj-scheduler" and os.getpgid(pid) == pid
    except OSError:  # it ended meanwhile, or the system does not tell
        return False


def _is_over(end: int | None, timeout_s: float) -> bool:
    """Return whether the process that ``end`` watches has ended in time."""
    if end is None:
        return True  # the system cannot tell; the session has promised
    return bool(select.select([end], [], [], timeout_s)[0])
