"""The door of a session: the Unix socket by which other processes of its user reach it.

::

    <XDG_RUNTIME_DIR or temporary directory>/ray_jupyter-<uid>/<session id>.sock

Lives here: opening and closing a door, finding doors, connecting to one. Does not: what is
said there (``processes.visitors`` and ``client.visit``).

Rules
    * The directory belongs to the user and nobody else may enter it. One that is a symbolic
      link, another user's, or open to others is refused, never mended.
    * Files are reached through the descriptor of the directory that was checked, so that it
      cannot be exchanged in between (Linux; elsewhere by path).
    * Whoever opens or sweeps holds the directory's lock. Under the lock, a socket that
      refuses a connection belongs to a session that was killed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ray_jupyter.runtime.transport.unix import BACKLOG, peer_of

SUFFIX = ".sock"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DESCRIPTORS = Path("/proc/self/fd")


def places() -> list[Path]:
    """Return the directories where this user's doors may be, the preferred one first."""
    roots = [os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir()]
    found = [Path(root) for root in roots if root and os.path.isdir(root)]
    return [root / f"ray_jupyter-{os.getuid()}" for root in dict.fromkeys(found)]


class Door:
    """A listening socket and its name in the file system.

    The driver opens the door, and the scheduler, which inherits the socket, answers it. (It
    would start later if it had to import what opening needs.)

    Attributes:
        socket: accepts visitors.
        path: what others connect to.
    """

    def __init__(self, listener: socket.socket, path: Path) -> None:
        self.socket = listener
        self.path = path

    @classmethod
    def open(cls, session_id: str) -> Door:
        """Open the door of a session, and take away those of sessions that were killed.

        Raises:
            OSError: no directory can be used; says why, for each.
        """
        name = session_id + SUFFIX
        problems = []
        for directory in places():
            try:
                return cls(_listen(directory, name), directory / name)
            except OSError as problem:
                problems.append(f"{directory}: {problem}")
        raise OSError("; ".join(problems) or "there is no temporary directory")

    def close(self) -> None:
        """Take the door away; it may have been taken away already."""
        self.socket.close()
        take_away(self.path)


def _listen(directory: Path, name: str) -> socket.socket:
    with _locked(directory, create=True) as folder:
        _sweep(directory, folder)
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(_address(directory, folder, name))
            os.chmod(name, 0o600, dir_fd=folder)
            listener.listen(BACKLOG)
        except BaseException:
            listener.close()
            raise
        return listener


def find() -> tuple[list[Path], list[str]]:
    """Return (the doors of this user's sessions, what is wrong with directories).

    A door may be one of a session that was killed: ``connect`` tells.
    """
    doors: list[Path] = []
    problems: list[str] = []
    for directory in places():
        try:
            with _opened(directory) as folder:
                names = sorted(n for n in os.listdir(folder) if n.endswith(SUFFIX))
        except FileNotFoundError:
            continue
        except OSError as problem:
            problems.append(f"{directory}: {problem}")
            continue
        doors += [directory / name for name in names]
    return doors, problems


def connect(path: Path, timeout_s: float) -> socket.socket:
    """Return a stream to the session behind a door.

    Raises:
        ConnectionRefusedError: the session was killed and its door was left.
        FileNotFoundError: there is no such door (any more).
        PermissionError: it is another user's, or others may exchange it.
        OSError: it is no door, or does not answer.
    """
    with _opened(path.parent) as folder:
        found = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISSOCK(found.st_mode):
            raise PermissionError(errno.EPERM, "it is not a socket", str(path))
        _check_owner(found.st_uid, path)
        stream = socket.socket(socket.AF_UNIX)
        try:
            stream.settimeout(timeout_s)
            stream.connect(_address(path.parent, folder, path.name))
            _, uid = peer_of(stream)
            _check_owner(uid, path)
        except BaseException:
            stream.close()
            raise
        return stream


def sweep() -> list[Path]:
    """Take away the doors of sessions that were killed; return them."""
    swept: list[Path] = []
    for directory in places():
        with contextlib.suppress(OSError), _locked(directory) as folder:
            swept += [directory / name for name in _sweep(directory, folder)]
        remove_directory(directory)
    return swept


def take_away(path: Path) -> None:
    """Remove a door, and the directory if that was the last one."""
    with contextlib.suppress(OSError):  # it was taken away already
        os.unlink(path)
        remove_directory(path.parent)


def remove_directory(directory: Path) -> None:
    """Remove the directory if no session has a door there; never waits."""
    try:
        with _opened(directory) as folder:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rmdir(directory)
    except OSError:  # another session uses it, or it is gone
        return


def _sweep(directory: Path, folder: int) -> list[str]:
    """Remove the sockets that nobody listens on; the caller holds the lock."""
    swept = []
    for name in os.listdir(folder):
        if name.endswith(SUFFIX) and _is_dead(directory, folder, name):
            os.unlink(name, dir_fd=folder)
            swept.append(name)
    return swept


def _is_dead(directory: Path, folder: int, name: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(_address(directory, folder, name))
        except (ConnectionRefusedError, FileNotFoundError):
            return stat.S_ISSOCK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
        except OSError:  # it listens, and is busy; or it cannot be reached from here
            return False
        return False


def _address(directory: Path, folder: int, name: str) -> str:
    """Return a path for ``bind`` and ``connect``, which know no directory descriptors."""
    if _DESCRIPTORS.is_dir():
        return str(_DESCRIPTORS / str(folder) / name)
    return str(directory / name)


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    """Give a descriptor of the directory, after checking that it is ours alone.

    Raises:
        PermissionError: it is not.
        FileNotFoundError: it does not exist.
    """
    try:
        folder = os.open(directory, _DIRECTORY)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
        raise PermissionError(
            errno.EPERM, "expected a directory, found a symbolic link or a file", str(directory)
        ) from None
    try:
        found = os.fstat(folder)
        _check_owner(found.st_uid, directory)
        if found.st_mode & 0o077:
            raise PermissionError(
                errno.EPERM,
                f"others may enter it (mode {found.st_mode & 0o777:o}); expected 700: remove it",
                str(directory),
            )
        yield folder
    finally:
        os.close(folder)


@contextmanager
def _locked(directory: Path, *, create: bool = False) -> Iterator[int]:
    """Give the descriptor of the directory, locked.

    Raises:
        FileNotFoundError: it does not exist, and is not to be made.
    """
    while True:
        if create:
            with contextlib.suppress(FileExistsError):
                os.mkdir(directory, 0o700)
        with contextlib.ExitStack() as stack:
            try:
                folder = stack.enter_context(_opened(directory))
                fcntl.flock(folder, fcntl.LOCK_EX)
                is_there = os.path.samestat(os.fstat(folder), os.stat(directory))
            except FileNotFoundError:  # removed by a session that ended at this moment
                if not create:
                    raise
                continue
            if is_there:
                yield folder
                return


def _check_owner(uid: int, path: Path) -> None:
    if uid != os.getuid():
        raise PermissionError(
            errno.EPERM, f"it belongs to user {uid}, and this is user {os.getuid()}", str(path)
        )
