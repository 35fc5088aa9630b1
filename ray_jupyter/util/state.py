"""``ray.util.state``: what tasks, actors, objects and workers there are.

::

    from ray_jupyter.util.state import list_tasks, summarize_tasks

    list_tasks(filters=[("state", "=", "FAILED")], detail=True)

Lives here: the functions, with Ray's signatures. Does not: the fields (``records``), which rows
there are (the backends). Nothing is recorded for this; it costs when it is called.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ray_jupyter import session
from ray_jupyter.checks import check_timeout
from ray_jupyter.errors import RayError
from ray_jupyter.options import did_you_mean
from ray_jupyter.refs import ObjectRef
from ray_jupyter.runtime.protocol.tables import OF_PROCESSES, Filter, passes
from ray_jupyter.util.records import (
    ActorState,
    NodeState,
    ObjectState,
    Record,
    TaskState,
    WorkerState,
)

if TYPE_CHECKING:
    from typing import Protocol

    class _Source(Protocol):
        session_id: str

        def query(self, question: str, argument: Any = None, timeout_s: float | None = None) -> Any:
            """See ``Backend.query``."""


R = TypeVar("R", bound=Record)
MOST = 10_000
"""The largest ``limit``, as in Ray."""
_ADDRESS = "127.0.0.1"


class RayStateApiException(RayError):  # noqa: N818  # Ray's name
    """The state could not be asked for."""


def list_tasks(
    address: str | None = None,
    filters: Sequence[Filter] | None = None,
    limit: int = 100,
    timeout: float = 30,
    detail: bool = False,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> list[TaskState]:
    """Return tasks: those that have not ended, then ended ones, the last first.

    Args:
        address: ``None`` asks the session of this process; else see ``init(address=)``.
        filters: ``(field, "=" or "!=", value)`` each; text is compared without case.
        limit: at most so many.
        timeout: seconds to wait for the answer.
        detail: fill also the fields that cost more to make.
        raise_on_missing_output: accepted for Ray; nothing is ever missing on one machine.
        _explain: accepted for Ray; there is nothing to explain.

    Raises:
        NotInitializedError: no session is running here, and no address was given.
        ValueError: a filter or the limit is not usable.
        RayStateApiException: the session did not answer in time.
    """
    return _list("tasks", TaskState, address, filters, limit, timeout, detail)


def list_actors(
    address: str | None = None,
    filters: Sequence[Filter] | None = None,
    limit: int = 100,
    timeout: float = 30,
    detail: bool = False,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> list[ActorState]:
    """Return actors, also those that have ended; arguments as in ``list_tasks``."""
    return _list("actors", ActorState, address, filters, limit, timeout, detail)


def list_objects(
    address: str | None = None,
    filters: Sequence[Filter] | None = None,
    limit: int = 100,
    timeout: float = 30,
    detail: bool = False,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> list[ObjectState]:
    """Return who refers to which object; arguments as in ``list_tasks``.

    With ``detail``, ``held_by`` says who in words; of this process, under which names. (Names that
    are local to a function are found while it runs.)
    """
    return _list("objects", ObjectState, address, filters, limit, timeout, detail)


def list_workers(
    address: str | None = None,
    filters: Sequence[Filter] | None = None,
    limit: int = 100,
    timeout: float = 30,
    detail: bool = False,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> list[WorkerState]:
    """Return the connected processes, drivers as well; arguments as in ``list_tasks``."""
    return _list("workers", WorkerState, address, filters, limit, timeout, detail)


def list_nodes(
    address: str | None = None,
    filters: Sequence[Filter] | None = None,
    limit: int = 100,
    timeout: float = 30,
    detail: bool = False,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> list[NodeState]:
    """Return the machines: this one; arguments as in ``list_tasks``."""
    checks = _checked(NodeState, filters, limit)
    with _source(address, timeout) as source:
        total, _ = source.query("resources", None, timeout)
        row = {
            "node_id": source.session_id, "node_ip": _ADDRESS, "is_head_node": True,
            "state": "ALIVE", "node_name": _hostname(), "resources_total": dict(total),
            "labels": {},
        }  # fmt: skip
        passed = all(passes(row, *check) for check in checks)
        return [NodeState.of_row(row, source.session_id, detail=detail)] if passed else []


def get_task(
    id: str | ObjectRef[Any],
    address: str | None = None,
    timeout: float = 30,
    _explain: bool = False,
) -> TaskState | None:
    """Return the task of this id, or that makes this reference; ``None`` if it is forgotten."""
    name = id.task_id() if isinstance(id, ObjectRef) else id
    return _first("tasks", TaskState, "task_id", name, address, timeout)


def get_actor(
    id: str, address: str | None = None, timeout: float = 30, _explain: bool = False
) -> ActorState | None:
    """Return the actor of this id, or ``None``."""
    return _first("actors", ActorState, "actor_id", id, address, timeout)


def get_objects(
    id: str | ObjectRef[Any],
    address: str | None = None,
    timeout: float = 30,
    _explain: bool = False,
) -> list[ObjectState]:
    """Return who refers to this object."""
    name = id.hex() if isinstance(id, ObjectRef) else id
    filters: list[Filter] = [("object_id", "=", name)]
    return _list("objects", ObjectState, address, filters, MOST, timeout, True)


def get_worker(
    id: str, address: str | None = None, timeout: float = 30, _explain: bool = False
) -> WorkerState | None:
    """Return the process of this id, or ``None`` if it is not connected."""
    return _first("workers", WorkerState, "worker_id", id, address, timeout)


def get_node(
    id: str, address: str | None = None, timeout: float = 30, _explain: bool = False
) -> NodeState | None:
    """Return the machine of this id, or ``None``."""
    found = list_nodes(address, [("node_id", "=", id)], 1, timeout, True)
    return found[0] if found else None


def summarize_tasks(
    address: str | None = None,
    timeout: float = 30,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> dict[str, Any]:
    """Return how many tasks of each function are in each state, as far as remembered."""
    return _summarize("tasks", address, timeout)


def summarize_actors(
    address: str | None = None,
    timeout: float = 30,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> dict[str, Any]:
    """Return how many actors of each class are in each state."""
    return _summarize("actors", address, timeout)


def summarize_objects(
    address: str | None = None,
    timeout: float = 30,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> dict[str, Any]:
    """Return how many objects there are, how large they are and what refers to them."""
    return _summarize("objects", address, timeout)


def _unsupported(name: str, instead: str) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"util.state.{name}() is not supported: {instead}")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Raise ``NotImplementedError``: {instead}."
    return refuse


_LOGS = "what workers print goes to the driver, and is not kept"
_GROUPS = "there are no placement groups on one machine"
list_jobs = _unsupported("list_jobs", "a session has no jobs; list_workers shows its drivers")
get_job = _unsupported("get_job", "a session has no jobs; list_workers shows its drivers")
list_logs = _unsupported("list_logs", _LOGS)
get_log = _unsupported("get_log", _LOGS)
list_placement_groups = _unsupported("list_placement_groups", _GROUPS)
get_placement_group = _unsupported("get_placement_group", _GROUPS)
list_runtime_envs = _unsupported("list_runtime_envs", "environments are not made in advance")
list_cluster_events = _unsupported("list_cluster_events", "list_tasks has what tasks went through")


def _list(
    table: str, cls: type[R], address: str | None, filters: Sequence[Filter] | None,
    limit: int, timeout: float, detail: bool,
) -> list[R]:  # fmt: skip
    checks = _checked(cls, filters, limit)
    with _source(address, timeout) as source:
        constants = {"node_id": source.session_id, "job_id": source.session_id, "ip": _ADDRESS}
        if not all(passes(constants, *c) for c in checks if c[0] in constants):
            return []
        asked = {
            "table": table, "limit": limit,
            "filters": [_as_stored(cls, c, source.session_id) for c in checks
                        if c[0] not in constants],
        }  # fmt: skip
        rows = source.query("list", asked, timeout)
        for row in rows:
            row.update(constants)
            _name_processes(row)
            if "task_ids" in row:
                row["task_ids"] = [f"{source.session_id}{i:016x}" for i in row["task_ids"]]
        if cls is ObjectState and address is None and detail:
            _name_variables(rows)
        return [cls.of_row(row, source.session_id, detail=detail) for row in rows]


def _name_processes(row: dict[str, Any]) -> None:
    if row.get("worker_id") is not None:
        row["worker_id"] = f"{row['worker_id']:x}"


def _name_variables(rows: list[dict[str, Any]]) -> None:
    """Say of what this process holds under which names it does."""
    from ray_jupyter.util import holders

    backend = session.connected()
    main = vars(sys.modules["__main__"])
    roots = chain(holders.variables(main), holders.running(), holders.last_error())
    names = holders.who_holds(roots, backend.held_here(), backend.session_id)
    for row in rows:
        if row["pid"] != os.getpid() or row["reference_type"] not in OF_PROCESSES:
            continue
        looks = row["reference_type"] == "PINNED_IN_MEMORY"
        found = [n for n in names.get(row["object_id"], ()) if n.endswith(holders.VIEW) == looks]
        if found:
            row["held_by"] = ", ".join(found)


def _first(
    table: str, cls: type[R], column: str, name: str, address: str | None, timeout: float
) -> R | None:
    found = _list(table, cls, address, [(column, "=", name)], 1, timeout, True)
    return found[0] if found else None


def _summarize(table: str, address: str | None, timeout: float) -> dict[str, Any]:
    with _source(address, timeout) as source:
        return {"cluster": source.query("summarize", table, timeout)}


def _checked(cls: type[Record], filters: Sequence[Filter] | None, limit: int) -> list[Filter]:
    """Return the filters, with values of the kind that the rows have.

    Raises:
        ValueError: one names no field, or its predicate or value is not usable.
    """
    if limit not in range(1, MOST + 1):
        raise ValueError(f"limit must be a whole number from 1 to {MOST}, got {limit!r}")
    if not isinstance(filters, (list, tuple, type(None))):
        raise ValueError(f"filters is a list of (field, '=' or '!=', value), got {filters!r}")
    checked: list[Filter] = []
    known = sorted(cls.filterable_columns())
    for given in filters or ():
        if not isinstance(given, (list, tuple)) or len(given) != 3:
            raise ValueError(f"a filter is (field, '=' or '!=', value), got {given!r}")
        column, predicate, value = given
        if column not in known:
            raise ValueError(
                f"{cls.__name__} cannot be filtered by {column!r}{did_you_mean(column, known)}; "
                f"fields are {', '.join(known)}"
            )
        if predicate not in ("=", "!="):
            raise ValueError(f"a filter's predicate must be '=' or '!=', got {predicate!r}")
        checked.append((column, predicate, _value(cls, column, value)))
    return checked


def _value(cls: type[Record], column: str, value: Any) -> Any:
    """Return a filter's value as the field has it; text may stand for a number or a truth."""
    kind = cls.__dataclass_fields__[column].type
    if not isinstance(value, str):
        return value
    if kind == "bool":
        truths = {"true": True, "1": True, "false": False, "0": False}
        if value.lower() not in truths:
            raise ValueError(f"{column} is True or False, the filter has {value!r}")
        return truths[value.lower()]
    if str(kind).startswith("int"):
        try:
            return int(value)
        except ValueError:
            raise ValueError(f"{column} is a whole number, the filter has {value!r}") from None
    return value


def _as_stored(cls: type[Record], check: Filter, session_id: str) -> Filter:
    """Return a filter in the form of the rows, where ids are numbers."""
    column, predicate, value = check
    if column in cls.ids and isinstance(value, str):
        return column, predicate, _number(value.removeprefix(session_id))
    if column == "worker_id" and isinstance(value, str):
        return column, predicate, _number(value)
    return check


def _number(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:  # of another session, or no id: nothing has it
        return -1


@contextmanager
def _source(address: str | None, timeout: float) -> Iterator[_Source]:
    """Give what answers: the backend of this process, or a visit to a session.

    Raises:
        RayStateApiException: it did not answer in time.
        TypeError, ValueError: that is no time.
    """
    check_timeout(timeout)
    try:
        if address is None:
            yield session.connected()
        else:
            from ray_jupyter.backends.attaching import Asking

            with Asking(address) as source:
                yield source
    except TimeoutError as error:
        raise RayStateApiException(f"the session did not answer in time: {error}") from error


def _hostname() -> str:
    import socket

    return socket.gethostname()
