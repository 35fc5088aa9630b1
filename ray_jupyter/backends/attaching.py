"""Finding the running sessions of this user, and attaching to one of them, or to a Ray cluster.

An address is ``"auto"`` (the only session there is, else the Ray cluster of this machine), a
session's id or how it begins, or the path of its door. Network addresses are Ray's:
``host:port`` of a cluster's head, or ``ray://host:port`` of its client server; there is nothing
here that listens on one.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray_jupyter.config import Config, make_config

if TYPE_CHECKING:
    from ray_jupyter.backends.base import Backend
    from ray_jupyter.runtime.client.visit import Visit

_START = "start one with init() (%ray_start in a notebook)"
_ID = re.compile(r"[0-9a-f]{4,16}")


def sessions(timeout_s: float = 2.0) -> tuple[list[Visit], list[str]]:
    """Return (a visit to each running session of this user, what could not be visited)."""
    from ray_jupyter.runtime.client.visit import Visit
    from ray_jupyter.runtime.transport import door

    if not hasattr(os, "fork"):
        return [], []
    paths, problems = door.find()
    visits: list[Visit] = []
    for path in paths:
        try:
            visits.append(Visit(path, timeout_s))
        except (ConnectionError, FileNotFoundError):  # it was killed, or ended at this moment
            continue
        except OSError as problem:
            problems.append(f"{path}: {problem}")
    return visits, problems


def resolve(address: str, timeout_s: float = 10.0) -> Visit:
    """Return a visit to the session that an address means.

    Raises:
        ConnectionError: there is none, or it has ended.
        ValueError: several sessions are running, or it is no address.
        PermissionError: it is another user's.
    """
    from ray_jupyter.runtime.client.visit import Visit

    if os.sep in address and "://" not in address:
        try:
            return Visit(Path(address), timeout_s)
        except (ConnectionError, FileNotFoundError) as error:
            raise ConnectionError(f"no session answers at {address}; {_START}") from error
    if address != "auto" and not _ID.fullmatch(address):
        raise ValueError(
            f"address={address!r}: expected 'auto', the id of a session of this user (or its "
            "first 4 letters), or the path of its socket; other machines cannot be reached"
        )
    found, problems = sessions(timeout_s)
    matching = [visit for visit in found if address == "auto" or names(address, _id_of(visit))]
    try:
        if len(matching) == 1:
            found.remove(matching[0])
            return matching[0]
        if not matching:
            wanted = "" if address == "auto" else f" whose id begins with {address}"
            hints = [f"no session of this user{wanted} is running here; {_START}", *problems]
            raise ConnectionError("; ".join(hints))
        listed = "".join(f"\n  {describe(visit)}" for visit in matching)
        raise ValueError(f"{len(matching)} sessions are running; say which by its id:{listed}")
    finally:
        for visit in found:
            visit.close()


class Asking:
    """A session that is only asked: the part of a ``Backend`` that needs no attaching.

    Raises:
        ConnectionError, ValueError, PermissionError: see ``resolve``.
    """

    def __init__(self, address: str) -> None:
        self._visit = resolve(address)
        self.session_id = _id_of(self._visit)

    def query(self, question: str, argument: Any = None, timeout_s: float | None = None) -> Any:
        """See ``Backend.query``."""
        return self._visit.ask(question, argument, timeout_s)

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._visit.close()


def names(address: str, session_id: str) -> bool:
    """Return whether an address names this session."""
    path = Path(address)
    is_path = os.sep in address and path.stem == session_id
    return is_path or (_ID.fullmatch(address) is not None and session_id.startswith(address))


def describe(visit: Visit) -> str:
    """Return one line: the session's id, and whose it is."""
    facts = visit.facts
    return (
        f"{facts['session_id']}  process {facts['driver_pid']} ({facts['program']}), "
        f"Python {facts['python']}"
    )


def _id_of(visit: Visit) -> str:
    return str(visit.facts["session_id"])


def is_cluster(address: str) -> bool:
    """Return whether an address is that of a Ray cluster."""
    return "://" in address or (":" in address and os.sep not in address)


def attach(
    address: str, namespace: str | None = None, options: Mapping[str, Any] | None = None
) -> tuple[Backend, Config, float]:
    """Attach to a session; return its backend, what it was started with, and when.

    Args:
        address: see the module docstring.
        namespace: where names of actors are looked up; ``None`` is the session's own.
        options: further keywords of ``init`` that a Ray cluster takes.

    Raises:
        RuntimeError: it has another Python or another version of this package.
        TypeError: ``namespace`` is no text.
        ImportError: a Ray cluster is asked for, and Ray is not installed here.
        ConnectionError, ValueError, PermissionError: see ``resolve``.
    """
    if namespace is not None:
        make_config(namespace=namespace)
    if is_cluster(address):
        return _connect(address, namespace, options or {})
    if address == "auto" and _is_alone():
        try:
            return _connect(address, namespace, options or {})
        except ConnectionError as error:
            none = f"no session of this user is running here; {_START}; {error}"
            raise ConnectionError(none) from error
    if options:
        raise ValueError(
            f"init(address={address!r}) attaches to a session that is running already, with its "
            f"own settings; leave out {', '.join(options)}"
        )
    return _attach(address, namespace)


def _attach(address: str, namespace: str | None) -> tuple[Backend, Config, float]:
    from ray_jupyter.backends.local import LocalBackend

    with resolve(address) as visit:
        try:
            backend = LocalBackend.attached(visit, namespace)
        except ValueError as error:
            raise RuntimeError(
                f"cannot attach to session {_id_of(visit)}, because values could not be "
                f"exchanged: {error}; use the same environment in both processes"
            ) from None
        config = Config(**visit.facts["config"] | {"namespace": backend.namespace})
        return backend, config, visit.facts["started_s"]


def _is_alone() -> bool:
    """Return whether no session of this user runs here, so that a cluster of Ray is meant."""
    found, problems = sessions()
    for visit in found:
        visit.close()
    return not found and not problems and importlib.util.find_spec("ray") is not None


def _connect(
    address: str, namespace: str | None, options: Mapping[str, Any]
) -> tuple[Backend, Config, float]:
    try:
        from ray_jupyter.backends.ray_cluster.connecting import connect
    except ImportError as error:
        if error.name != "ray":
            raise
        raise ImportError(
            f"address={address!r} is a Ray cluster, and Ray is not installed here: "
            "pip install 'ray_jupyter[cluster]'"
        ) from error
    return connect(address, namespace, options)
