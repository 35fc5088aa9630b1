"""What runs in Ray's workers: a shell around each function and each actor.

It attaches the worker to the session, says which call runs, and turns what the function raises
into a ``TaskFailure``, which brings the user's exception and the frames home whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import Any
from weakref import WeakValueDictionary

import ray
from ray import cloudpickle
from ray._raylet import raise_sys_exit_with_custom_error_message
from ray.exceptions import AsyncioActorExit

from ray_jupyter.backends.inline_outcomes import is_retried, results
from ray_jupyter.backends.ray_cluster.ids import hashed, refusing, task_of_actor
from ray_jupyter.backends.ray_cluster.packing import Header, unpack
from ray_jupyter.backends.ray_cluster.present import attached
from ray_jupyter.errors import ActorExit, SerializationError
from ray_jupyter.runtime.client.running import RUNNING
from ray_jupyter.runtime.client.task_errors import dump_task_error, text_of_task_error
from ray_jupyter.runtime.processes.own_methods import method_of
from ray_jupyter.runtime.protocol.messages import AFTER
from ray_jupyter.runtime.protocol.specs import STREAMS, TaskTemplate
from ray_jupyter.runtime.store.serialization import serialize

_CALL_MAX_BYTES = 1_000_000
_TEXT_MAX = 500
"""So much of what an error says is kept where Ray lists failures."""


class TaskFailure(Exception):  # noqa: N818 - what failed is the task
    """What a task raised, as ``task_errors`` packs it."""

    def __init__(self, data: bytes, call: bytes | str = "") -> None:
        super().__init__(data, call)
        self.data = data
        self.call = call
        """The call, packed, for whoever wants to run it again; as text, why it is not there."""

    def __str__(self) -> str:
        return text_of_task_error(self.data)[:_TEXT_MAX]


class RetryableFailure(TaskFailure):
    """A failure for which the task is to be tried again."""


class Job:
    """A function, or an actor's class, and how its calls run.

    Attributes:
        template: without the function, which is sealed.
        sealed: the function.
        companion: sealed as well; loaded before the function.
        key: random; in a worker, the same job is there once, however often it arrives.
    """

    def __init__(
        self, template: TaskTemplate, sealed: bytes, companion: bytes, key: bytes
    ) -> None:  # fmt: skip
        self.template = template
        self.sealed = sealed
        self.companion = companion
        self.key = key
        self._function: Callable[..., Any] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _the_job, (self.template, self.sealed, self.companion, self.key)

    @property
    def function(self) -> Callable[..., Any]:
        """The function, unpickled at its first call."""
        if self._function is None:
            if self.companion:
                cloudpickle.loads(self.companion)
            self._function = cloudpickle.loads(self.sealed)
        assert self._function is not None
        return self._function


_jobs: WeakValueDictionary[bytes, Job] = WeakValueDictionary()


def _the_job(template: TaskTemplate, sealed: bytes, companion: bytes, key: bytes) -> Job:
    return _jobs.setdefault(key, Job(template, sealed, companion, key))


class Running:
    """One attempt at a call: see ``Backend.stack`` and ``Backend.context``."""

    def __init__(
        self, header: Header, template: TaskTemplate, shell: Shell | None, job: Job
    ) -> None:
        self.task_id = hashed(ray._private.worker.global_worker.current_task_id.binary())
        self.root = header.root or self.task_id
        self.template = template
        self.job = job
        self.shell = shell
        """The actor whose method it is."""
        self.given: tuple[list[Any], dict[str, Any]] | None = None
        """Of a task, its arguments, while it runs."""


_newest: Running | None = None
"""What a thread that a task started by itself belongs to."""


def running() -> Running | None:
    """Return the call that the calling code belongs to."""
    found = RUNNING.get()
    return found if isinstance(found, Running) else _newest


def make_runner(job: Job, *, takes_nothing: bool) -> Callable[..., Any]:
    """Return the function that Ray calls for calls of ``job``.

    Args:
        job: what they run.
        takes_nothing: whether it is for calls to which ``pack`` gives nothing.
    """

    def run(*given: Any) -> Any:
        return _run(job, given)

    def run_without() -> Any:
        return _run(job, ())

    def stream(*given: Any) -> Generator[Any, None, None]:  # Ray looks for a yield
        yield from _stream(job, given)

    made = run_without if takes_nothing else run
    if job.template.num_returns == STREAMS:
        made = stream
    made.__name__ = made.__qualname__ = job.template.name
    return made


def _run(job: Job, given: tuple[Any, ...]) -> Any:
    global _newest
    attached()
    header, args, kwargs = unpack(given)
    template = job.template
    attempt = _newest = Running(header, template, None, job)
    attempt.given = args, kwargs
    token = RUNNING.set(attempt)
    try:
        return _settled(template, job.function(*args, **kwargs), template.extras.get(AFTER, ""))
    except BaseException as failure:
        raise _outcome(attempt, failure) from None
    finally:
        attempt.given = None  # the attempt stays known until the next one begins
        RUNNING.reset(token)


def _stream(job: Job, given: tuple[Any, ...]) -> Iterator[Any]:
    global _newest
    attached()
    header, args, kwargs = unpack(given)
    attempt = _newest = Running(header, job.template, None, job)
    return _streamed(attempt, lambda: job.function(*args, **kwargs))


def _settled(template: TaskTemplate, result: Any, after: str) -> Any:
    """Return what Ray is to store for what the function returned."""
    if after:
        module, _, name = after.partition(":")
        result = getattr(importlib.import_module(module), name)(result)
    if template.num_returns == 1:
        return result
    values = results(template, result)
    return values if values else None


def _streamed(attempt: Running, start: Callable[[], Iterator[Any]]) -> Generator[Any, None, None]:
    try:
        with _as_running(attempt):
            items = iter(start())
        while True:
            # Not across a yield: whoever takes the items may do so in other threads in turn.
            with _as_running(attempt):
                item = next(items, _END)
            if item is _END:
                return
            yield item
    except GeneratorExit:
        raise
    except BaseException as failure:
        raise _outcome(attempt, failure) from None


_END = object()


@contextlib.contextmanager
def _as_running(attempt: Running) -> Iterator[None]:
    token = RUNNING.set(attempt)
    try:
        yield
    finally:
        RUNNING.reset(token)


def _outcome(attempt: Running, failure: BaseException) -> BaseException:
    """Return what to raise for Ray in place of what the function raised."""
    if isinstance(failure, ActorExit):
        return _leave(failure)
    if isinstance(failure, (KeyboardInterrupt, AsyncioActorExit)):
        return failure  # Ray's cancel, and Ray's way to leave an actor
    if isinstance(failure, asyncio.CancelledError) and attempt.shell is not None:
        return failure
    template = attempt.template
    _drop_our_frames(failure)
    where = f"task {attempt.task_id:x}, pid {os.getpid()} on {socket.gethostname()}"
    data = dump_task_error(template.name, where, failure, attempt.task_id)
    kind = RetryableFailure if is_retried(template, failure, 0) else TaskFailure
    return kind(data, _packed_call(attempt))


def _packed_call(attempt: Running) -> bytes | str:
    """Return what it takes to run a failed task again; as text, why it cannot be had."""
    if attempt.shell is not None:
        return "it was a call of an actor, whose state then is not known"
    if attempt.given is None:
        return "it was a task that yields"
    if len(attempt.job.sealed) > _CALL_MAX_BYTES:
        return "its function is larger than a cluster keeps with an error"
    try:
        with refusing():
            packed = serialize(attempt.given)
    except SerializationError as error:
        return f"its arguments were not kept: {error}"
    if packed.size_bytes > _CALL_MAX_BYTES:
        return (
            f"its arguments take {packed.size_bytes:,} bytes, and a cluster keeps "
            f"{_CALL_MAX_BYTES:,} with an error"
        )
    return serialize((attempt.job.sealed, packed.to_bytes())).to_bytes()


def _drop_our_frames(failure: BaseException) -> None:
    """Have the traceback begin with the user's own code."""
    trace = failure.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__") == __name__:
        trace = trace.tb_next
    failure.__traceback__ = trace


def _leave(leaving: ActorExit) -> BaseException:
    """Return Ray's way out of an actor; what ``ray.actor.exit_actor`` does, with our words."""
    worker = ray._private.worker.global_worker.core_worker
    worker.set_current_actor_should_exit()
    if worker.current_actor_is_asyncio():
        way_out: BaseException = AsyncioActorExit()
        return way_out
    try:
        raise_sys_exit_with_custom_error_message(leaving.how)
    except SystemExit as raised:
        return raised
    raise AssertionError("Ray's exit of an actor raises")


class Shell:
    """An actor of ours inside one of Ray's; a subclass is made for each class."""

    job: Job

    def __init__(self, *given: Any) -> None:
        global _newest
        attached()
        header, args, kwargs = unpack(given)
        name = ray.get_runtime_context().get_actor_id()
        self.actor_id = hashed(task_of_actor(bytes.fromhex(name)))
        attempt = _newest = Running(header, self.job.template, self, self.job)
        try:
            with _as_running(attempt):
                self.instance = self.job.function(*args, **kwargs)
        except BaseException as failure:
            raise _outcome(attempt, failure) from None

    def _enter(self, header: Header) -> Running:
        template = TaskTemplate(
            None, name=header.name, num_returns=header.num_returns, max_retries=1,
            retry_exceptions=header.retry_exceptions, method=header.method,
        )  # fmt: skip
        return Running(header, template, self, self.job)

    def call(self, *given: Any) -> Any:
        """Call a method."""
        header, args, kwargs = unpack(given)
        attempt = self._enter(header)
        token = RUNNING.set(attempt)
        try:
            result = method_of(self.instance, header.method)(*args, **kwargs)
            return _settled(attempt.template, result, header.after)
        except BaseException as failure:
            raise _outcome(attempt, failure) from None
        finally:
            RUNNING.reset(token)

    def stream(self, *given: Any) -> Generator[Any, None, None]:
        """Call a method that yields."""
        header, args, kwargs = unpack(given)
        attempt = self._enter(header)
        method = method_of(self.instance, header.method)
        yield from _streamed(attempt, lambda: method(*args, **kwargs))

    def __ray_shutdown__(self) -> None:
        """Ray calls this when the actor ends in peace."""
        last = getattr(getattr(self, "instance", None), "__ray_shutdown__", None)
        if callable(last):
            last()


class LoopShell(Shell):
    """An actor with ``async def`` methods, which run on Ray's event loop."""

    async def call(self, *given: Any) -> Any:
        """Call a method, a coroutine or not."""
        header, args, kwargs = unpack(given)
        attempt = self._enter(header)
        token = RUNNING.set(attempt)
        try:
            result = method_of(self.instance, header.method)(*args, **kwargs)
            if inspect.isawaitable(result):
                result = await result
            elif isinstance(result, AsyncIterator):
                result = [value async for value in result]
            return _settled(attempt.template, result, header.after)
        except BaseException as failure:
            raise _outcome(attempt, failure) from None
        finally:
            RUNNING.reset(token)

    async def stream(  # type: ignore[override]  # Ray takes both kinds
        self, *given: Any
    ) -> AsyncGenerator[Any, None]:
        """Call a method that yields; other calls run between its items."""
        header, args, kwargs = unpack(given)
        attempt = self._enter(header)
        try:
            with _as_running(attempt):
                items = method_of(self.instance, header.method)(*args, **kwargs)
                if not isinstance(items, AsyncGenerator):
                    items = _one_by_one(items)
            while True:
                with _as_running(attempt):
                    item = await anext(items, _END)
                if item is _END:
                    return
                yield item
        except GeneratorExit:  # cancelled between two items, or nobody reads it any more
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await items.athrow(asyncio.CancelledError())
            raise
        except BaseException as failure:
            raise _outcome(attempt, failure) from None


async def _one_by_one(items: Iterator[Any]) -> AsyncGenerator[Any, None]:
    for item in items:
        yield item


def make_shell(job: Job, *, is_async: bool) -> type[Shell]:
    """Return the class that Ray makes actors of."""
    name = job.template.name
    return type(name, (LoopShell if is_async else Shell,), {"job": job, "__module__": "__main__"})
