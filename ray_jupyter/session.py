"""The one global: which session this process is connected to.

Lives here: ``current`` (the backend, or ``None``), starting and ending it, and forgetting
it in forked children. Does not: the meaning of ``init``'s keywords (``api``).

Rules
    * Only this module assigns ``current`` and ``generation``; everyone may read them.
    * A worker process calls ``attach``; ``start`` and ``shutdown`` are the driver's.
    * A child forked from a driver has no session: it must not use what its parent owns,
      and must not release it either.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from ray_jupyter import uncaught
from ray_jupyter.errors import NotInitializedError, StaleRefError
from ray_jupyter.runtime.client.printing import LinePrinter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ray_jupyter.backends.base import Backend
    from ray_jupyter.config import Config
    from ray_jupyter.runtime.client.client import Client
    from ray_jupyter.runtime.protocol.ids import Reference
    from ray_jupyter.runtime.protocol.output import Output

current: Backend | None = None
generation = 0
"""Grows when what a remote function was registered with may be out of date: a new session,
a new notebook cell. Templates are then registered again at their next call."""

ADDRESS_VARIABLE = "RAY_ADDRESS"
"""Names, in the environment, the session to attach to where nothing else is said."""

on_attach: list[Callable[[Backend], object]] = []
"""Called with each backend that becomes the current one."""
on_end: list[Callable[[Backend], object]] = []
"""Called before the session ends by ``shutdown``: the last chance to ask it. Not at the exit of the
process, which waits for nobody."""
show_output: Callable[[list[Output]], None] = LinePrinter()
"""What is done with what tasks print; a notebook puts its own in place."""
on_output: list[Callable[[list[Output]], object]] = []
"""Who else wants to hear it, before it is shown: the dashboard."""

_info: Session | None = None
_forked = False
_lock = threading.RLock()


class Session:
    """What ``init`` returns: describes the session, and ends it when used in ``with``."""

    def __init__(
        self, backend: Backend, config: Config, started_at: float, *, is_attached: bool = False,
        address: str = "",
    ) -> None:  # fmt: skip
        self.backend = backend
        self.address = address
        """What ``init`` was given to attach to; empty if the session was started here."""
        self.config = config
        self.started_at = started_at
        self.is_attached = is_attached
        """Whether another process started it; it then goes on when this one leaves."""

    @property
    def session_id(self) -> str:
        """The session's random name, part of every ``ObjectRef``."""
        return self.backend.session_id

    def resize(self, num_cpus: int) -> None:
        """Have another number of workers from now on: objects, actors and running tasks stay.

        Of fewer workers, those that run something go on until it ends.

        Args:
            num_cpus: how many, at least 1.

        Raises:
            ValueError: it is no such number, or work that has not ended needs more CPUs.
            RuntimeError: the session has ended.
            NotImplementedError: tasks run inline, or on a Ray cluster.
        """
        from dataclasses import replace

        from ray_jupyter.config import make_config

        asked = make_config(num_cpus=num_cpus).num_cpus
        if current is not self.backend:
            raise RuntimeError("this session has ended: there are no workers to be more or fewer")
        self.backend.resize(asked)
        self.config = replace(self.config, num_cpus=asked)

    def disconnect(self) -> None:
        """End the session (or leave it, if attached) if it is still the current one."""
        if current is self.backend:
            shutdown()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.disconnect()

    def _facts(self) -> list[tuple[str, str]]:
        from ray_jupyter.config import format_size

        workers = self.config.num_cpus
        started = time.strftime("%H:%M:%S", time.localtime(self.started_at))
        return [
            ("workers", f"{workers} worker{'s' if workers != 1 else ''}"),
            ("store", f"store {format_size(self.config.object_store_memory_bytes)}"),
            ("mode", self._mode() + self._condition()),
            ("started", started),
        ]

    def _mode(self) -> str:
        is_cluster = self.config.mode == "ray_cluster"
        return f"Ray cluster at {self.address}" if is_cluster else self.config.mode

    def _condition(self) -> str:
        if current is not self.backend:
            return ", left" if self.is_attached else ", ended"
        return ", attached" if self.is_attached else ""

    def __repr__(self) -> str:
        facts = dict(self._facts())
        return f"<ray_jupyter session {facts['workers']} | {facts['store']} | {facts['mode']}>"

    def _repr_html_(self) -> str:
        facts = dict(self._facts())
        return (
            f"<div><b>ray_jupyter</b> session · {facts['workers']} · {facts['store']} · "
            f"{facts['mode']} · started {facts['started']}</div>"
        )


def started_at() -> float | None:
    """Return when the session of this driver started, in seconds since the epoch."""
    return _info.started_at if _info is not None else None


def start(arguments: dict[str, Any], *, ignore_reinit_error: bool = False) -> Session:
    """Start a session, or return the running one when ``arguments`` agree with it.

    Args:
        arguments: fields of ``Config``; ``None`` values count as not given.
        ignore_reinit_error: return the running session whatever the arguments.

    Raises:
        RuntimeError: a session with other arguments is running, or this is a worker.
        ValueError: an argument is not usable.
    """
    from ray_jupyter.config import make_config

    given = {name: value for name, value in arguments.items() if value is not None}
    config = make_config(**given)
    with _lock:
        _check_is_driver()
        if _info is None:
            return _begin(Session(_new_backend(config), config, time.time()))
        if not ignore_reinit_error:
            _check_agrees(_info.config, config, given)
        return _info


def _check_is_driver() -> None:
    """Refuse where a task runs."""
    if current is not None and _info is None:
        raise RuntimeError(
            "init() was called inside a task or actor, which has the driver's session "
            "already; call it in the driver only"
        )


def _begin(info: Session) -> Session:
    """Make a session this process's."""
    global _info
    _info = info
    info.backend.show = _show
    attach(info.backend)
    uncaught.install()
    return info


def _check_agrees(running: Config, asked: Config, names: Iterable[str]) -> None:
    for name in names:
        has, wants = getattr(running, name), getattr(asked, name)
        if has != wants:
            raise RuntimeError(
                f"a session with {name}={has!r} is running, and init() asks for {wants!r}; "
                "call shutdown() first, or pass ignore_reinit_error=True to keep it"
            )


def join(
    address: str, namespace: str | None = None, options: Mapping[str, Any] | None = None
) -> Session:
    """Attach this process to a running session, or return the current one if it is that.

    Args:
        address: see ``backends.attaching``.
        namespace: where names of actors are looked up; ``None`` is the session's own.
        options: further keywords of ``init``, for a Ray cluster.

    Raises:
        RuntimeError: another session is current, or the found one has another Python.
        ConnectionError: there is no such session.
        ValueError: there are several, or it is no address.
        PermissionError: it is another user's.
    """
    from dataclasses import replace

    from ray_jupyter.backends import attaching

    with _lock:
        _check_is_driver()
        if _info is not None:
            if address in ("auto", _info.address) or attaching.names(address, _info.session_id):
                if namespace is not None:
                    asked = replace(_info.config, namespace=namespace)
                    _check_agrees(_info.config, asked, ["namespace"])
                return _info
            raise RuntimeError(
                f"a session is running here, and init() asks for the one at {address!r}; "
                "call shutdown() first"
            )
        backend, config, started_at = attaching.attach(address, namespace, options)
        return _begin(Session(backend, config, started_at, is_attached=True, address=address))


def _show(outputs: list[Output]) -> None:
    for hear in on_output:
        hear(outputs)
    show_output(outputs)


def _new_backend(config: Config) -> Backend:
    if config.mode == "inline":
        from ray_jupyter.backends.inline import InlineBackend

        return InlineBackend(config)
    from ray_jupyter.backends.local import LocalBackend

    return LocalBackend(config)


def attach(backend: Backend) -> None:
    """Make ``backend`` the current one: a worker's connection, or what ``start`` made."""
    global current, _forked
    current, _forked = backend, False
    new_generation()
    for tell in on_attach:
        tell(backend)


def attach_worker(client: Client) -> None:
    """Make the API work inside tasks; a worker process calls this with its connection."""
    from ray_jupyter.backends.local import LocalBackend

    attach(LocalBackend.of_worker(client))


def require() -> Backend:
    """Return the current backend; start a default session when there is none.

    Raises:
        NotInitializedError: this process was forked from a driver.
    """
    backend = current
    if backend is not None:
        return backend
    if _forked:
        raise NotInitializedError(
            "this process was forked from one with a ray_jupyter session, which stays the "
            "parent's; call init() here to start another"
        )
    address = os.environ.get(ADDRESS_VARIABLE, "local")
    return (start({}) if address in ("", "local") else join(address)).backend


def connected() -> Backend:
    """Return the current backend.

    Raises:
        NotInitializedError: there is none.
    """
    if current is None:
        raise NotInitializedError("no session is running; call init() first")
    return current


def owner_of(ref: Reference) -> Backend:
    """Return the current backend if it is the one ``ref`` belongs to.

    Raises:
        StaleRefError: the reference is of a session that has ended, or of another process.
    """
    backend = current
    if backend is not None and backend.session_id == ref.session_id:
        return backend
    if _forked:
        raise StaleRefError(
            f"{ref!r} belongs to the session of the process that this one was forked from; "
            "get its value there and pass the value"
        )
    raise StaleRefError(
        f"{ref!r} belongs to a session that has ended, and its objects ended with it; "
        "run the code that made it again"
    )


def new_generation() -> None:
    """Have every remote function registered again at its next call (it may have changed)."""
    global generation
    generation += 1


def shutdown() -> None:
    """End the session, or leave it if another process started it; nothing if there is none.

    Raises:
        RuntimeError: called inside a task, whose session is the driver's.
    """
    backend = current
    if backend is not None and _info is None:
        raise RuntimeError("shutdown() inside a task or actor: only the driver ends a session")
    if backend is not None:
        for tell in on_end:  # without the lock: those who are told may wait for other threads
            tell(backend)
    _end()


def _end() -> None:
    global current, _info
    with _lock:
        if _info is None:  # another thread was faster
            return
        backend, current, _info = current, None, None
        if backend is not None:
            uncaught.remove()
            backend.shutdown()


atexit.register(_end)


def _forget_in_child() -> None:
    global current, _info, _forked, _lock
    _forked = _forked or current is not None
    current, _info, _lock = None, None, threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
