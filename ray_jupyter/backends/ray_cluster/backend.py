"""``RayClusterBackend``: the operations of the API on a Ray cluster, for driver and workers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import ray

from ray_jupyter.backends.base import Capability
from ray_jupyter.backends.ray_cluster.calls import (
    Registered,
    RemoteFunction,
    actor_class,
    method_options,
)
from ray_jupyter.backends.ray_cluster.faults import asks, failed_call
from ray_jupyter.backends.ray_cluster.ids import Ids, RayId
from ray_jupyter.backends.ray_cluster.names import Names
from ray_jupyter.backends.ray_cluster.packing import Header, check_arguments, pack
from ray_jupyter.backends.ray_cluster.printed import (
    LogReader,
    Whose,
    mark_streams,
    read_from_client,
)
from ray_jupyter.backends.ray_cluster.refusals import Refusals
from ray_jupyter.backends.ray_cluster.rows import worker_number
from ray_jupyter.backends.ray_cluster.shell import running
from ray_jupyter.backends.ray_cluster.streams import Streams
from ray_jupyter.backends.ray_cluster.watching import Watch
from ray_jupyter.errors import PendingCallsLimitExceeded, RayError
from ray_jupyter.runtime.client.printing import Listener
from ray_jupyter.runtime.protocol.messages import AFTER, TASK_EVENTS
from ray_jupyter.runtime.protocol.output import Output
from ray_jupyter.runtime.protocol.specs import (
    RESOURCE_UNITS,
    STREAMS,
    CallContext,
    TaskTemplate,
    full_name,
)
from ray_jupyter.runtime.protocol.tables import ACTOR_TASK, NORMAL_TASK
from ray_jupyter.runtime.store.serialization import serialize

if TYPE_CHECKING:
    from ray_jupyter.runtime.client.failed import FailedCall

T = TypeVar("T")


class RayClusterBackend(Refusals, Names):
    """See ``Backend``. A worker's differs in that it remembers no ids and ends nothing."""

    name = "ray_cluster"
    lacks: frozenset[Capability] = frozenset({
        Capability.WORKER_RENEWAL, Capability.RESIZING, Capability.REFERENCE_COUNTS, Capability.OBJECT_TABLE,
        Capability.FRESH_STATE, Capability.HOLDING_BY_NAME, Capability.DEATH_WORDS,
        Capability.ORDERED_EXIT, Capability.RESULT_AFTER_CANCEL, Capability.COMPLETION_ERROR,
        Capability.ITEMS_AFTER_CANCEL, Capability.CAUSAL_ORDER, Capability.FEASIBILITY,
        Capability.ARGUMENTS, Capability.UNSEEN_ERRORS, Capability.QUEUED_CANCEL,
        Capability.DROPPED_STREAMS, Capability.VERSIONS, Capability.RESUMING,
        Capability.TASK_FILES,
    })  # fmt: skip

    def __init__(self, watch: Watch, *, is_driver: bool) -> None:
        context = ray.get_runtime_context()
        self.namespace: str = context.namespace
        self.job_id: str = context.get_job_id()
        self.node_id: str = context.get_node_id()
        self.session_id = _session_id(self.job_id)
        self._watch = watch
        self._is_driver = is_driver
        self._ids = Ids(remembers=is_driver)
        self._streams = Streams(self._ids, watch)
        self._companion = b""
        if ray.util.client.ray.is_connected():
            self.lacks = self.lacks | {Capability.STREAMS}
        self.drop: Callable[[int], object] = _nothing
        """The id itself keeps the object, so that it goes with the id."""
        self.open_stream = self._streams.open
        self.close_stream: Callable[[int], object] = self._streams.close
        self.next_item, self.is_stream_over = self._streams.next_item, self._streams.is_over
        self._listener = Listener()
        self._reader: LogReader | None = None
        super().__init__(self._ids)

    @classmethod
    def of_worker(cls) -> RayClusterBackend:
        """Return the backend that tasks in a worker use."""
        mark_streams(_whose)
        return cls(Watch(None), is_driver=False)

    @property
    def show(self) -> Callable[[list[Output]], object]:
        """See ``Backend``."""
        return self._listener.show

    @show.setter
    def show(self, show: Callable[[list[Output]], object]) -> None:
        self._listener.show = show

    def read_lines(self, gcs_address: str | None) -> None:
        """Show from now on what tasks of this job print; without an address, through the client."""
        if gcs_address is not None:
            self._reader = LogReader(gcs_address, self.job_id, self._listener)
        else:
            read_from_client(ray.util.client.ray.worker, self._listener)

    def begin_cell(self) -> int:
        """See ``Backend.begin_cell``."""
        return self._ids.begin_cell()

    def cell_of(self, object_id: int) -> int | None:
        """See ``Backend.cell_of``."""
        return self._ids.cell_of(object_id)

    def hold(self, object_id: int) -> None:
        """See ``Backend.hold``: the id itself keeps the object."""

    # Calls

    @asks
    def submit(self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """See ``Backend.submit``."""
        registration = template.registration
        if type(registration) is not Registered or registration.owner is not self:
            target = RemoteFunction(template, self._companion)
            registration = template.registration = Registered(self, target)
        made = self._call(registration.target.remote, Header(_root()), template, args, kwargs)
        return self._made(made, template, NORMAL_TASK)

    @asks
    def create_actor(
        self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int:
        """See ``Backend.create_actor``."""
        registration = template.registration
        if type(registration) is not Registered or registration.owner is not self:
            target = actor_class(template, self._companion)
            registration = template.registration = Registered(self, target)
        header, make = Header(_root()), registration.target.remote
        try:
            handle = self._call(make, header, template, args, kwargs)
        except ray.exceptions.ActorAlreadyExistsError:
            if self._is_living(template.extras["namespace"], template.extras["name"]):
                return RayId(0, None)  # not the one that is found by that name, as callers check
            handle = self._call(make, header, template, args, kwargs)
        actor_id = self._ids.of_call(handle)
        if "max_restarts" in template.extras:
            actor_id.kept = (args, kwargs)
        extras = template.extras
        if "name" in extras:
            self._leave_blueprint(extras["namespace"], extras["name"], extras["handle"])
        return actor_id

    @asks
    def call_actor(
        self, actor_id: int, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int:
        """See ``Backend.call_actor``."""
        registration = template.registration
        if type(registration) is not Registered or registration.owner is not self:
            options = method_options(template)
            registration = template.registration = Registered(self, options)
        handle: Any = actor_id.ref  # type: ignore[attr-defined]  # ids of this backend carry it
        method = handle.stream if template.num_returns == STREAMS else handle.call
        header = Header(
            _root(), template.method or "", template.name, template.num_returns,
            template.retry_exceptions, template.extras.get(AFTER, ""),
        )  # fmt: skip
        options = registration.target

        def call(*given: Any) -> Any:
            return method._remote(given, {}, **options)

        made = self._call(call, header, template, args, kwargs)
        return self._made(made, template, ACTOR_TASK)

    def _call(
        self, call: Callable[..., Any], header: Header, template: TaskTemplate,
        args: tuple[Any, ...], kwargs: dict[str, Any],
    ) -> Any:  # fmt: skip
        if template.num_returns == STREAMS and Capability.STREAMS in self.lacks:
            Capability.STREAMS.refuse(self.name)
        given = pack(header, template, args, kwargs, self.session_id)
        try:
            return call(*given)
        except ray.exceptions.PendingCallsLimitExceeded as error:
            limit = re.search(r"more than (\d+)", str(error))
            raise PendingCallsLimitExceeded(
                f"{template.name}: as many calls have not ended as max_pending_calls="
                f"{limit[1] if limit else '?'} allows: wait for some of them first"
            ) from None
        except (ray.exceptions.RayError, RayError):
            raise
        except Exception as error:  # a user's __reduce__ may raise anything
            check_arguments(template, args, kwargs)
            raise error

    def _made(self, made: Any, template: TaskTemplate, kind: str) -> RayId:
        """Return the id of what a call gave, and note the call: the head hears of it later."""
        if template.num_returns == STREAMS:
            first = self._ids.of_call(made.completed())
            self._streams.add(first, made)
        elif isinstance(made, list):
            first = self._ids.of_call(made[0])
            first.further = tuple(RayId(first + i, ref) for i, ref in enumerate(made[1:], start=1))
        else:
            first = self._ids.of_call(made)
        if self._is_driver and TASK_EVENTS not in template.extras:
            self._rows.submitted(int(first), template.name, kind)
        return first

    def result_ids(self, task_id: int, num_returns: int) -> Sequence[int]:
        """See ``Backend.result_ids``."""
        further: tuple[RayId, ...] = vars(task_id).pop("further")
        return (task_id, *further)

    # Actors

    def pending_calls(self, actor_id: int) -> int:
        """Return 0: Ray counts them, and refuses further calls itself."""
        return 0

    @asks
    def context(self) -> CallContext:
        """See ``Backend.context``."""
        context = ray.get_runtime_context()
        worker = worker_number(context.get_worker_id()) or 0
        attempt = running()
        if self._is_driver or attempt is None:
            return CallContext(0 if self._is_driver else worker)
        template, shell = attempt.template, attempt.shell
        function = full_name(attempt.job.function)
        if shell is not None and template.method:
            function += f".{template.method}"
        owner = attempt.job.template
        return CallContext(
            worker, attempt.task_id, template.name, function,
            tuple((n, round(a * RESOURCE_UNITS)) for n, a in owner.resources.items()),
            _own_id(shell.actor_id) if shell is not None else 0,
            shell.instance if shell is not None else None,
            owner.extras if shell is not None else {}, _is_cancelled(owner),
        )  # fmt: skip

    @asks
    def gpu_ids(self) -> list[str]:
        """See ``Backend.gpu_ids``."""
        return [str(number) for number in ray.get_gpu_ids()]

    @asks
    def environment(self) -> str:
        """See ``Backend.environment``."""
        return str(ray.get_runtime_context().get_runtime_env_string())

    # The rest

    def stack(self) -> Sequence[object]:
        """See ``Backend.stack``."""
        attempt = running()
        return () if self._is_driver or attempt is None else (attempt,)

    def accompany(self, value: object) -> None:
        """See ``Backend.accompany``."""
        self._companion = serialize(value).to_bytes()

    def failed_call(self, object_id: int) -> FailedCall:
        """See ``Backend.failed_call``: small arguments come back with the error."""
        ref = object_id.ref if isinstance(object_id, RayId) else self._ids.first_result(object_id)
        if ref is None:
            raise LookupError("cannot be run again: it is forgotten")
        return failed_call(ref, self._watch)

    def shutdown(self) -> None:
        """See ``Backend``: leave the cluster, which goes on; what this job started ends."""
        self._streams.end()
        if self._reader is not None:
            self._reader.end()
        self._watch.end()
        ray.shutdown()


def _nothing(object_id: int) -> None:
    """Stand in for ``Backend.drop``."""


def _session_id(job_id: str) -> str:
    """Return a name that every process of a job finds: the job's, in this cluster."""
    cluster = ray.get_runtime_context().get_session_name()
    return hashlib.blake2b(f"{cluster}/{job_id}".encode(), digest_size=8).hexdigest()


def _whose() -> Whose | None:
    attempt = running()
    return None if attempt is None else Whose(attempt.root, attempt.task_id, attempt.template.name)


def _root() -> int:
    attempt = running()
    return attempt.root if attempt is not None else 0


def _own_id(number: int) -> RayId:
    return RayId(number, ray.get_runtime_context().current_actor)


def _is_cancelled(owner: TaskTemplate) -> bool:
    if owner.extras.get("is_async"):
        return False
    return bool(ray.get_runtime_context().is_canceled())
