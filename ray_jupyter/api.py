"""The functions of ``import ray_jupyter as ray``, with Ray's names and keywords.

Lives here: ``init`` and everything that takes references. Does not: ``remote`` (of its own
module), settings (``config``). Whatever is called first starts a session when it needs one
(``remote``, ``put``); ``nodes`` and the like only describe one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from ray_jupyter import session
from ray_jupyter.actors import ActorHandle
from ray_jupyter.addresses import (
    check_no_settings,
    default_address,
    settings_for_cluster,
    settle_address,
)
from ray_jupyter.checks import check_timeout
from ray_jupyter.errors import RayTaskError
from ray_jupyter.generators import ObjectRefGenerator
from ray_jupyter.modes import settle
from ray_jupyter.options import did_you_mean
from ray_jupyter.refs import ObjectRef
from ray_jupyter.runtime.protocol.ids import stream_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from ray_jupyter.session import Session

T = TypeVar("T")
Waitable = TypeVar(
    "Waitable",
    "ObjectRef[Any]",
    "ObjectRefGenerator[Any]",
    "ObjectRef[Any] | ObjectRefGenerator[Any]",
)

_ACCEPTED = {  # Ray's keywords that change nothing on one machine without Ray's dashboard
    "configure_logging", "dashboard_host", "dashboard_port", "include_dashboard",
    "logging_format", "logging_level",
}  # fmt: skip
_UNSUPPORTED = {
    "enable_resource_isolation", "job_config", "labels", "logging_config",
}  # fmt: skip
_OWN = {
    "capture_locals", "driver_mode", "inline_max_bytes", "local_mode", "mode", "num_workers", "scheduler_address",
    "spill_dir", "start_ray_local", "start_timeout_s",
}  # fmt: skip


def init(
    address: str | None = None,
    *,
    num_cpus: int | None = None,
    num_gpus: float | None = None,
    resources: dict[str, float] | None = None,
    object_store_memory: float | str | None = None,
    runtime_env: dict[str, Any] | None = None,
    ignore_reinit_error: bool = False,
    log_to_driver: bool | None = None,
    mode: str | None = None,
    namespace: str | None = None,
    **others: Any,
) -> Session:
    """Start a session: workers, a scheduler, an object store. Again: return the running one.

    Args:
        address: attach to a session of yours instead: ``"auto"``, its id, or its socket's path;
            or connect to a Ray cluster: ``"host:port"`` of its head, or ``"ray://host:port"``.
            ``None`` is what ``RAY_ADDRESS`` says, or else, as ``"local"``, starts a session.
        num_cpus: workers; default: the CPUs this process may use.
        num_gpus: GPUs that tasks may ask for; default: the NVIDIA ones this process may use.
        resources: custom resources by name.
        object_store_memory: bytes, or text such as ``"2GB"``; default: 30 % of the memory.
        runtime_env: of all tasks and actors; here ``env_vars``, ``working_dir``, ``py_modules``.
        ignore_reinit_error: keep a running session even if it was started otherwise.
        log_to_driver: show here what workers print.
        mode: ``"local"``, or ``"inline"`` to run every task at once in this process.
        namespace: where names of actors are looked up by default; default: one of its own,
            or that of the session at ``address``.
        others: Ray's further keywords (``include_dashboard`` and those of logging change
            nothing); ``spill_dir``, ``capture_locals``, ``local_mode``; of 2016 ``num_workers``,
            ``start_ray_local``, ``scheduler_address``, ``driver_mode`` (``ray_jupyter.modes``).

    Raises:
        RuntimeError: a session with other arguments is running, or one with another Python.
        ConnectionError, PermissionError: no session is at ``address``, or not one of yours.
        ImportError: a Ray cluster is at ``address``, and Ray is not installed here.
        ValueError, TypeError: an argument is not usable, or unknown; several sessions are running.
        NotImplementedError: a keyword of Ray that is not supported.
    """
    others = _check_others(others)
    if others.pop("local_mode", False):
        mode = "inline"
    workers = others.pop("num_workers", None)
    driver_mode = others.pop("driver_mode", None)
    if address is None and mode is None and driver_mode is None:
        address = default_address(others)
    address = settle_address(address, others.pop("scheduler_address", None), others)
    arguments = settle(driver_mode, {
        "num_cpus": workers if num_cpus is None else num_cpus, "num_gpus": num_gpus,
        "resources": resources, "object_store_memory_bytes": object_store_memory,
        "runtime_env": runtime_env, "log_to_driver": log_to_driver, "mode": mode,
        "namespace": namespace,
    }) | others  # fmt: skip
    if address is None:
        return session.start(arguments, ignore_reinit_error=ignore_reinit_error)
    options = settings_for_cluster(arguments)
    check_no_settings(address, arguments)
    return session.join(address, arguments["namespace"], options)


def _check_others(others: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of ``init`` that mean something here, without the rest."""
    for name, value in others.items():
        if name in _UNSUPPORTED and value is not None:
            raise NotImplementedError(
                f"init({name}=...) is Ray's and not supported by ray_jupyter yet; leave it out"
            )
        if name not in _UNSUPPORTED | _ACCEPTED | _OWN:
            known = [*_ACCEPTED, *_OWN, *(init.__kwdefaults__ or ())]
            raise TypeError(f"init() has no argument {name!r}{did_you_mean(name, known)}")
    return {name: others[name] for name in _OWN if name in others}


def shutdown() -> None:
    """End the session, its processes and its objects; nothing happens if there is none.

    A session that this process attached to goes on: it only leaves.
    """
    session.shutdown()


def is_initialized() -> bool:
    """Return whether this process has a session."""
    return session.current is not None


def put(value: T) -> ObjectRef[T]:
    """Store a value and return its reference.

    Raises:
        TypeError: the value is a reference already.
        SerializationError: the value cannot be pickled.
        ObjectStoreFullError: no room, even after spilling.
    """
    if isinstance(value, ObjectRef):
        raise TypeError(
            f"put() got {value!r}, which is in the store already; "
            "use that ref, or put a list that holds it"
        )
    backend = session.require()
    return ObjectRef(backend.put(value), backend.session_id, backend.drop)


@overload
def get(object_refs: ObjectRef[T], *, timeout: float | None = None) -> T: ...
@overload
def get(object_refs: Sequence[ObjectRef[T]], *, timeout: float | None = None) -> list[T]: ...
def get(object_refs: Any, *, timeout: float | None = None) -> Any:
    """Return the value of a reference, or a list of values for a list; wait for them.

    Args:
        object_refs: an ``ObjectRef``, or a list or tuple of them.
        timeout: seconds to wait; ``0`` only looks; ``None`` waits for ever.

    Raises:
        RayTaskError: the task raised; also an instance of what it raised.
        GetTimeoutError: not all values were there in time.
        ValueError, TypeError: not a reference, not a list of references.
        StaleRefError: the reference is of a session that has ended.
    """
    __tracebackhide__ = True
    check_timeout(timeout, "get")
    if isinstance(object_refs, ObjectRef):
        owner = session.owner_of(object_refs)
        try:
            return owner.get((object_refs.id,), timeout)[0]
        except RayTaskError as error:  # the user's lines, then the task's, and not the engine's
            raise error.with_traceback(error.remote_traceback) from error.cause
    if not isinstance(object_refs, (list, tuple)):
        raise ValueError(
            "get() needs an ObjectRef or a list of ObjectRefs, got "
            f"{_text(object_refs)}{_hint(object_refs)}"
        )
    ids = _ids("get", object_refs)
    try:
        return session.owner_of(object_refs[0]).get(ids, timeout) if ids else []
    except RayTaskError as error:
        raise error.with_traceback(error.remote_traceback) from error.cause


def wait(
    ray_waitables: Sequence[Waitable],
    *,
    num_returns: int = 1,
    timeout: float | None = None,
    fetch_local: bool = True,
) -> tuple[list[Waitable], list[Waitable]]:
    """Return (ready, others), at most ``num_returns`` ready ones, both in the order given.

    Args:
        ray_waitables: a list of distinct references, or generators of references: those are
            ready when ``next`` would not wait.
        num_returns: how many to wait for.
        timeout: seconds after which fewer may be returned; ``0`` only looks; ``None`` waits
            for ever.
        fetch_local: accepted for Ray; on one machine every value is local.

    Raises:
        TypeError: not a list of references.
        ValueError: a duplicate, or a ``num_returns`` or ``timeout`` out of range.
        StaleRefError: a reference is of a session that has ended.
    """
    if not isinstance(ray_waitables, (list, tuple)):
        raise TypeError(f"wait() needs a list of ObjectRefs, got {_text(ray_waitables)}")
    check_timeout(timeout, "wait")
    if not ray_waitables:
        return [], []
    ids = _ids("wait", ray_waitables)
    by_id = dict(zip(ids, ray_waitables, strict=True))
    if len(by_id) != len(ids):
        raise ValueError(f"wait() needs distinct refs; {len(ids) - len(by_id)} are given twice")
    if num_returns not in range(1, len(ids) + 1):
        raise ValueError(
            f"wait() got num_returns={num_returns!r}; with {len(ids)} refs it must be "
            f"from 1 to {len(ids)}"
        )
    ready, others = session.connected().wait(ids, num_returns, timeout)
    return [by_id[object_id] for object_id in ready], [by_id[object_id] for object_id in others]


def cancel(
    ray_waitable: ObjectRef[Any] | ObjectRefGenerator[Any],
    *,
    force: bool = False,
    recursive: bool = True,
) -> None:
    """Cancel the task that makes ``ray_waitable``; ``get`` then raises ``TaskCancelledError``.

    A task that waits is not run. One that runs sees a ``KeyboardInterrupt``.

    Args:
        ray_waitable: a result of the task, or the generator of its results. Nothing happens
            if the task has finished.
        force: end the worker that runs it, instead of interrupting it; not for actors.
        recursive: cancel what the task submitted as well.

    Raises:
        TypeError: not a reference.
        ValueError: ``force`` for a call of an actor.
        StaleRefError: the reference is of a session that has ended.
    """
    ref: Any = ray_waitable
    if isinstance(ref, ObjectRefGenerator):
        ref = ref._completion
    if not _is(ref, ObjectRef):
        actor = "; end an actor with kill()" if _is(ref, ActorHandle) else ""
        raise TypeError(f"cancel() needs an ObjectRef, got {_text(ref)}{actor}")
    session.owner_of(ref).cancel(ref.id, force=force, recursive=recursive)


def kill(actor: ActorHandle, *, no_restart: bool = True) -> None:
    """End an actor at once; its queued and later calls fail with ``ActorDiedError``.

    Args:
        actor: the handle.
        no_restart: whether it stays dead, also if it has restarts left (``max_restarts``).

    Raises:
        ValueError: not an actor's handle.
        StaleRefError: the actor's session has ended.
    """
    if not _is(actor, ActorHandle):
        task = "; stop a task with cancel()" if _is(actor, ObjectRef) else ""
        raise ValueError(f"kill() needs an actor's handle, got {_text(actor)}{task}")
    session.owner_of(actor._ref).kill_actor(actor._ref.id, no_restart=no_restart)


def nodes() -> list[dict[str, Any]]:
    """Return a description of each machine of the session.

    Raises:
        NotInitializedError: no session is running.
    """
    return session.connected().nodes()


def cluster_resources() -> dict[str, float]:
    """Return what the session has of each resource.

    Raises:
        NotInitializedError: no session is running.
    """
    return dict(session.connected().resources()[0])


def available_resources() -> dict[str, float]:
    """Return what is free of each resource now.

    Raises:
        NotInitializedError: no session is running.
    """
    return dict(session.connected().resources()[1])


def get_gpu_ids() -> list[int] | list[str]:
    """Return the numbers of the GPUs that the running task or actor may use.

    They are those of ``CUDA_VISIBLE_DEVICES`` there: text, if it names devices by UUID. A driver
    has none of its own.

    Raises:
        NotInitializedError: no session is running.
    """
    names = session.connected().gpu_ids()
    return [int(name) for name in names] if all(map(str.isdecimal, names)) else names


def timeline(filename: str | PathLike[str] | None = None) -> list[dict[str, Any]] | None:
    """Return the tasks that have ended as Chrome trace events, or write them to ``filename``.

    The file opens in Perfetto and in ``chrome://tracing``: a lane per process, arrows from
    where a task was submitted to where it ran. Times are microseconds.

    Raises:
        NotInitializedError: no session is running.
        OSError: the file cannot be written.
    """
    from ray_jupyter.trace import trace_events

    trace = trace_events(session.connected().query("trace"))
    if filename is None:
        return trace
    import json
    from pathlib import Path

    Path(filename).write_text(json.dumps(trace), encoding="utf-8")
    return None


def _ids(caller: str, refs: Sequence[Any]) -> list[int]:
    """Return the ids of ``refs``, all of them references of the current session."""
    session_id = session.current.session_id if session.current is not None else None
    ids: list[int] = []
    for ref in refs:
        if isinstance(ref, ObjectRefGenerator) and caller == "wait":
            session.owner_of(ref._completion)
            ids.append(stream_key(ref._completion.id))
            continue
        if not isinstance(ref, ObjectRef):
            raise TypeError(
                f"{caller}() needs ObjectRefs; item {len(ids)} is {_text(ref)}{_hint(ref)}"
            )
        if ref.session_id != session_id:
            session.owner_of(ref)  # raises, and says why
        ids.append(ref.id)
    return ids


def _is(value: object, kind: type) -> bool:
    """Return ``isinstance(value, kind)`` where the caller's annotation promises the answer."""
    return isinstance(value, kind)


def _text(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


def _hint(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "; a nested list is not followed: get each list of its own"
    if isinstance(value, ObjectRefGenerator):
        return "; take its refs: [ray.get(ref) for ref in generator]"
    if hasattr(value, "remote"):
        return "; call it with .remote(...) to get a ref"
    return ""
