"""The local runtime as a ``Backend``: starts the processes, and is the driver's client."""

from __future__ import annotations

import dataclasses
import importlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray_jupyter.backends.base import Capability
from ray_jupyter.errors import RaySystemError
from ray_jupyter.runtime.client import captured, holding
from ray_jupyter.runtime.client.client import Client
from ray_jupyter.runtime.processes import node
from ray_jupyter.runtime.protocol.ids import DRIVER_ID
from ray_jupyter.runtime.protocol.messages import RESIZE
from ray_jupyter.runtime.protocol.specs import RESOURCE_UNITS
from ray_jupyter.runtime.store import segment
from ray_jupyter.runtime.transport.unix import UnixTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ray_jupyter.config import Config
    from ray_jupyter.runtime.client.failed import FailedCall
    from ray_jupyter.runtime.client.holding import Held
    from ray_jupyter.runtime.client.visit import Visit
    from ray_jupyter.runtime.protocol.output import Output
    from ray_jupyter.runtime.protocol.specs import CallContext, TaskTemplate
    from ray_jupyter.runtime.transport.door import Door

ADDRESS_FACTOR = 4
"""Addresses per byte of memory; as in ``core.state.ClusterState``."""
_PICKLER = "ray_jupyter.runtime.store.cloudpickler"
_DISPLAY = "ray_jupyter.notebook.task_display"
_PRELOAD = (_PICKLER, "numpy", __name__, _DISPLAY)  # what every worker would import for itself
_END_TIMEOUT_S = 5.0


class LocalBackend:
    """See ``Backend``. Most methods are those of the client, bound without a detour."""

    name = "local"
    lacks: frozenset[Capability] = frozenset()

    submit: Callable[[TaskTemplate, tuple[Any, ...], dict[str, Any]], int]
    create_actor: Callable[[TaskTemplate, tuple[Any, ...], dict[str, Any]], int]
    call_actor: Callable[[int, TaskTemplate, tuple[Any, ...], dict[str, Any]], int]
    kill_actor: Callable[..., None]
    find_actor: Callable[[str, str], tuple[int, bytes] | None]
    context: Callable[[], CallContext]
    put: Callable[[object], int]
    get: Callable[[Sequence[int], float | None], list[Any]]
    wait: Callable[[Sequence[int], int, float | None], tuple[list[int], list[int]]]
    future: Callable[[int], Future[Any]]
    hold: Callable[[int], None]
    drop: Callable[[int], object]
    query: Callable[..., Any]
    stack: Callable[[], Sequence[object]]
    accompany: Callable[[object], None]
    renew_workers: Callable[[], None]
    held_here: Callable[[], Held]
    failed_call: Callable[[int], FailedCall]
    resume: Callable[[int, TaskTemplate | None], list[str]]
    begin_cell: Callable[[], int]
    cell_of: Callable[[int], int | None]
    open_stream: Callable[[int, int], None]
    close_stream: Callable[[int], object]
    next_item: Callable[[int, float | None, Callable[[int], Any]], Any]
    is_stream_over: Callable[[int], bool]

    def __init__(self, config: Config) -> None:
        """Start the processes of a session.

        Raises:
            RaySystemError: they could not be started; says why.
        """
        if not hasattr(os, "fork"):
            raise RaySystemError(
                f"the local runtime needs fork and Unix sockets, which {sys.platform} does not "
                "have; use init(mode='inline'), or run in WSL"
            )
        self._process: subprocess.Popen[bytes] | None = None
        self._door: Door | None = None
        client, self._process, self._door = _start(config)
        self._use(client)
        try:
            # The first call needs it, and the other process is starting meanwhile.
            importlib.import_module(_PICKLER)
            self._check_started(config)
            client.channel.attendant.start()
        except BaseException:
            self.shutdown()
            raise

    @classmethod
    def of_worker(cls, client: Client) -> LocalBackend:
        """Return the backend that tasks in a worker use: it ends no session."""
        backend = cls.__new__(cls)
        backend._process = backend._door = None
        backend._use(client)
        return backend

    @classmethod
    def attached(cls, visit: Visit, namespace: str | None) -> LocalBackend:
        """Return the backend of a second driver, which leaves the session when it ends.

        Args:
            visit: to the session.
            namespace: where names of actors are looked up; ``None`` is the session's own.

        Raises:
            ValueError: the session refuses: another Python, another version.
            OSError: the session has ended.
        """
        settings, segment_fd, stream = visit.attach()
        settings["namespace"] = namespace or settings["namespace"]
        segment_bytes = settings.pop("segment_bytes")
        backend = cls.of_worker(
            Client(UnixTransport(stream), segment.Segment(segment_fd, segment_bytes), **settings)
        )
        backend._client.channel.attendant.start()
        return backend

    def _use(self, client: Client) -> None:
        self._client = client
        self.session_id = client.session_id
        self.namespace = client.namespace
        for method in (
            "submit", "create_actor", "call_actor", "kill_actor", "find_actor", "put", "get",
            "wait", "future", "hold", "drop", "context", "query", "stack", "accompany",
            "renew_workers", "begin_cell",
        ):  # fmt: skip
            setattr(self, method, getattr(client, method))
        self.cell_of = client.cells.of
        self.held_here = partial(holding.held_here, client)
        self.failed_call, self.resume = client.failed.call, client.failed.resume
        captured.fetch = client.failed.argument
        streams = client.streams
        self.open_stream, self.close_stream = streams.open, streams.close
        self.next_item, self.is_stream_over = streams.next_item, streams.is_over

    def _check_started(self, config: Config) -> None:
        try:
            self._client.query("ping", timeout_s=config.start_timeout_s)
        except TimeoutError as error:
            raise RaySystemError(
                f"the runtime did not start within {config.start_timeout_s} s; a busy machine may "
                "need more (RAY_JUPYTER_START_TIMEOUT)"
            ) from error
        except RaySystemError as error:
            assert self._process is not None
            code = self._process.wait(_END_TIMEOUT_S)
            raise RaySystemError(
                f"the runtime's first process ended at once (exit code {code}); what it printed "
                "stands above (in a notebook: in the server's terminal)"
            ) from error

    @property
    def node_id(self) -> str:
        """See ``Backend``."""
        return self.session_id

    def result_ids(self, task_id: int, num_returns: int) -> range:
        """See ``Backend.result_ids``."""
        return range(task_id, task_id + num_returns)

    @property
    def show(self) -> Callable[[list[Output]], object]:
        """See ``Backend``."""
        return self._client.listener.show

    @show.setter
    def show(self, show: Callable[[list[Output]], object]) -> None:
        self._client.listener.show = show

    def cancel(self, object_id: int, *, force: bool, recursive: bool) -> None:
        """See ``Backend``."""
        if force and self._client.query("is_actor_call", object_id):
            raise ValueError(
                "cancel(force=True) would end the actor with the call: cancel without force, or "
                "end the actor with kill()"
            )
        self._client.cancel(object_id, force=force, recursive=recursive)

    def resize(self, num_cpus: int) -> None:
        """See ``Backend``."""
        if refusal := self._client.request(RESIZE, num_cpus):
            raise ValueError(f"cannot go on with {num_cpus} CPU: {refusal}")

    def named_actors(self) -> list[tuple[str, str]]:
        """See ``Backend``."""
        found: list[tuple[str, str]] = self._client.query("named_actors")
        return found

    def pending_calls(self, actor_id: int) -> int:
        """See ``Backend``."""
        return int(self._client.query("pending_calls", (actor_id, self._client.client_id)))

    def restarts(self, actor_id: int) -> int:
        """See ``Backend``."""
        return int(self._client.query("restarts", actor_id))

    def gpu_ids(self) -> list[str]:
        """See ``Backend``."""
        return list(self._client.gpu_ids)

    def environment(self) -> str:
        """See ``Backend``."""
        return self._client.environment

    def resources(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """See ``Backend``."""
        total, available = self._client.query("resources")
        return total, available

    def nodes(self) -> list[dict[str, Any]]:
        """See ``Backend``."""
        total, _ = self.resources()
        alive = not self._client.channel.closed
        return [{
            "NodeID": self.session_id, "Alive": alive, "NodeManagerAddress": "127.0.0.1",
            "NodeManagerHostname": socket.gethostname(), "Resources": dict(total), "Labels": {},
        }]  # fmt: skip

    def events(self, since: int) -> tuple[int, list[tuple[Any, ...]]]:
        """See ``Backend``."""
        cursor, records = self._client.query("events", since)
        return cursor, records

    def statistics(self) -> dict[str, Any]:
        """See ``Backend``."""
        statistics: dict[str, Any] = self._client.query("statistics")
        statistics["pids"] = self._client.query("pids")
        return statistics

    def shutdown(self) -> None:
        """See ``Backend``. The node ends its processes when the stream ends."""
        if self._door is not None:
            self._door.close()
        self._client.close()
        if self._process is None:
            return
        try:
            self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _start(config: Config) -> tuple[Client, subprocess.Popen[bytes], Door | None]:
    """Start the node process; return the driver's client, the process and the door."""
    session_id = os.urandom(8).hex()
    spill_dir = str(Path(config.spill_dir or _temporary()) / f"ray_jupyter-{session_id}")
    total = {name: round(value * RESOURCE_UNITS) for name, value in config.totals().items()}
    limit_bytes = config.object_store_memory_bytes
    ours, theirs = socket.socketpair()
    segment_bytes = ADDRESS_FACTOR * limit_bytes
    segment_fd = segment.create(segment_bytes)
    opened = _open_door(session_id)
    inherited = [theirs.fileno(), segment_fd] + ([opened.socket.fileno()] if opened else [])
    settings = {
        "driver_fd": theirs.fileno(), "driver_pid": os.getpid(), "segment_fd": segment_fd,
        "segment_bytes": segment_bytes, "store_limit_bytes": limit_bytes,
        "inline_max_bytes": config.inline_max_bytes, "session_id": session_id,
        "spill_dir": spill_dir, "total": total, "gpus": list(config.gpus), "workers": config.num_cpus,
        "path": sys.path, "preload": [name for name in _PRELOAD if _is_wanted(name)],
        "capture_locals": config.capture_locals,
        "prepare": [f"{_DISPLAY}:install"] if _is_wanted(_DISPLAY) else [],
        "log_to_driver": config.log_to_driver, "connect": "ray_jupyter.session:attach_worker",
        "namespace": config.namespace, "facts": _facts(config),
        "door_fd": opened.socket.fileno() if opened else None,
        "door_path": str(opened.path) if opened else "",
    }  # fmt: skip
    output = None if config.log_to_driver else subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            node.command(settings), pass_fds=inherited,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        ours.close()
        os.close(segment_fd)
        if opened is not None:
            opened.close()
        raise RaySystemError(f"cannot start {sys.executable}: {error}") from error
    finally:
        theirs.close()
        if opened is not None:
            opened.socket.close()
    client = Client(
        UnixTransport(ours), segment.Segment(segment_fd, segment_bytes), client_id=DRIVER_ID,
        session_id=session_id, total=total, spill_dir=spill_dir,
        inline_max_bytes=config.inline_max_bytes, namespace=config.namespace,
    )  # fmt: skip
    client.environment = config.runtime_env
    return client, process, opened


def _temporary() -> str:
    """Return where files may go; where none may go, a session works without them."""
    try:
        return tempfile.gettempdir()
    except FileNotFoundError as problem:
        warnings.warn(
            f"objects that do not fit into memory cannot be kept: {problem}. Name a directory "
            "that can be written: init(spill_dir=...), or TMPDIR",
            RuntimeWarning, stacklevel=2,
        )  # fmt: skip
        return os.devnull


def _open_door(session_id: str) -> Door | None:
    from ray_jupyter.runtime.transport.door import Door  # workers need none

    try:
        return Door.open(session_id)
    except OSError as problem:
        warnings.warn(
            f"no other process can reach this session: {problem}", RuntimeWarning, stacklevel=2
        )
        return None


def _facts(config: Config) -> dict[str, Any]:
    """Return what the session tells those who find its door."""
    return {
        "program": Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python",
        "started_s": time.time(), "config": dataclasses.asdict(config),
    }  # fmt: skip


def _is_wanted(module: str) -> bool:
    """Preload numpy only for drivers that use it: importing it takes as long as the rest."""
    return module == _PICKLER or (module if module != _DISPLAY else "IPython") in sys.modules
