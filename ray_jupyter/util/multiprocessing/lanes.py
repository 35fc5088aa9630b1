"""The workings of a pool: calls cut into chunks, and lanes that run them.

::

    Pool ── Job ──▶ Lanes: a queue of jobs ◀── take ── lane 1: a thread and its actor
                                           ◀── take ── lane 2: ...

Rules
    * A lane takes the next chunk when its actor is free: a long call delays no other lane.
    * Jobs are begun in the order they came; a job's iterable is read as lanes get to it.
    * On the inline backend there are no threads: whoever adds a job runs it.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from ray_jupyter import api, session
from ray_jupyter.errors import ActorDiedError, StaleRefError
from ray_jupyter.util.causes import own_exception

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ray_jupyter.actors import ActorHandle
    from ray_jupyter.util.multiprocessing.results import AsyncResult, IMapIterator

RUN, CLOSE, TERMINATE = "RUN", "CLOSE", "TERMINATE"


class Chunk(NamedTuple):
    """Items of a job that are run together; ``number`` counts the chunks of the job."""

    job: Job
    number: int
    items: list[Any]


class Job:
    """One call of the pool.

    Args:
        function: what to call.
        mode: how an item is passed: see ``process.Process.run``.
        chunks: lists of items.
        result: told what comes of each chunk.
    """

    def __init__(
        self, function: Callable[..., Any], mode: str, chunks: Iterator[list[Any]],
        result: AsyncResult | IMapIterator,
    ) -> None:  # fmt: skip
        self.function = function
        self.mode = mode
        self.result = result
        self._chunks = chunks
        self._lock = threading.Lock()
        self._taken = 0
        self._is_over = False

    def take(self) -> Chunk | None:
        """Return the next chunk, ``None`` if there is no further one."""
        with self._lock:
            if self._is_over:
                return None
            number = self._taken
            try:
                items = next(self._chunks, None)
            except Exception as error:  # of the user's iterable: the call fails there, and ends
                self.result._settle(number, None, error)
                self._taken, items = number + 1, None
            if items is None:
                self._is_over = True
                self.result._end(self._taken)
                return None
            self._taken = number + 1
            return Chunk(self, number, items)


class Lane:
    """An actor, replaced when it is dead or has served enough."""

    def __init__(self, start: Callable[[], ActorHandle], chunks_max: int | None) -> None:
        self._start = start
        self._chunks_max = chunks_max
        self._actor: ActorHandle | None = None
        self._served = 0
        self._lock = threading.Lock()
        self._ended = False

    def start(self) -> None:
        """Have the process ready before the first chunk."""
        self._ready_actor()

    def serve(self, chunk: Chunk) -> None:
        """Run a chunk and settle it."""
        job = chunk.job
        values: list[Any] | None = None
        failure: BaseException | None = None
        try:
            actor = self._ready_actor()
            values = api.get(actor.run.remote(api.put((job.function, job.mode, chunk.items))))
        except Exception as error:  # whatever it is: it belongs to whoever asks for the result
            failure = own_exception(error)
            if isinstance(error, ActorDiedError):
                self._actor = None
        self._served += 1
        if self._served == self._chunks_max:
            self._actor = None  # the last handle: the process ends
        job.result._settle(chunk.number, values, failure)

    def _ready_actor(self) -> ActorHandle:
        with self._lock:
            if self._ended:
                raise ActorDiedError("the pool was terminated")
            if self._actor is None:
                self._actor, self._served = self._start(), 0
            session.owner_of(self._actor._ref)  # or storing the call would start another session
            return self._actor

    def release(self) -> None:
        """Let the process end when it has done what it was given."""
        self._actor = None

    def kill(self) -> None:
        """End the process now."""
        with self._lock:
            self._ended = True
            if self._actor is not None:
                try:
                    api.kill(self._actor)
                except StaleRefError:  # its session has ended, and the process with it
                    return


class Lanes:
    """The lanes of a pool, and the jobs that wait for them."""

    def __init__(self, lanes: list[Lane], *, threaded: bool) -> None:
        self._lanes = lanes
        self._changed = threading.Condition()
        self._jobs: deque[Job] = deque()
        self._running: set[Job] = set()
        self._turn = 0
        self.state = RUN
        self._threads = [
            threading.Thread(
                target=self._follow, args=(lane,), name=f"ray_jupyter-pool-{index}", daemon=True
            )
            for index, lane in enumerate(lanes if threaded else ())
        ]
        for thread in self._threads:
            thread.start()

    @property
    def threaded(self) -> bool:
        """Whether lanes have threads; else ``run_next`` runs a chunk."""
        return bool(self._threads)

    def add(self, job: Job) -> None:
        """Have a job run.

        Raises:
            ValueError: the pool is closed.
        """
        with self._changed:
            if self.state != RUN:
                raise ValueError("Pool not running")
            self._jobs.append(job)
            self._running.add(job)
            self._changed.notify_all()

    def run_next(self, job: Job) -> bool:
        """Run the next chunk of a job here; return whether there was one."""
        chunk = job.take()
        if chunk is None:
            self._forget(job)
            return False
        self._turn += 1
        self._lanes[self._turn % len(self._lanes)].serve(chunk)
        return True

    def _follow(self, lane: Lane) -> None:
        while (chunk := self._take()) is not None:
            lane.serve(chunk)
            del chunk  # its job holds the items of the user
        lane.release()

    def _take(self) -> Chunk | None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self.state != RUN)
                if not self._jobs or self.state == TERMINATE:
                    return None
                job = self._jobs[0]
            # Outside of the lock: the user's iterable may take its time, or use the pool.
            chunk = job.take()
            if chunk is not None:
                return chunk
            self._forget(job)

    def _forget(self, job: Job) -> None:
        """All its chunks have been taken."""
        with self._changed:
            self._running.discard(job)
            if job in self._jobs:
                self._jobs.remove(job)

    def close(self) -> None:
        """Take no further jobs."""
        with self._changed:
            if self.state == RUN:
                self.state = CLOSE
            self._changed.notify_all()

    def terminate(self) -> None:
        """End the processes; what was not done fails."""
        with self._changed:
            self.state = TERMINATE
            jobs, self._running = self._running, set()
            self._jobs.clear()
            self._changed.notify_all()
        for lane in self._lanes:
            lane.kill()
        for job in jobs:
            job.result._abandon(RuntimeError("the pool was terminated before this was done"))

    def join(self) -> None:
        """Wait until every lane has ended."""
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        for lane in self._lanes:
            lane.release()
