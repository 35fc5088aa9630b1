"""Waiting inside a task: what a worker does while a task of its waits for others.

A task that waits for a child that this worker has not sent yet runs it on its own stack,
and tells the scheduler afterwards (CLAIM). For other children it says BLOCKED, hands back
what it has not started, and may get a child to run in place. Only tasks that are waited for
run on top of another: the one below could not go on anyway, so that cannot deadlock.
"""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Sequence

from ray_jupyter.runtime.client.client import Client
from ray_jupyter.runtime.client.waiting import Missing
from ray_jupyter.runtime.protocol import messages as m

MAX_DEPTH = 40
"""Tasks on top of each other, well below Python's recursion limit."""
SHORT_NS = 200_000
"""Children that take less on average are not worth a trip to another worker."""
_LOOK_BACK = 16


class Frame:
    """A task on the stack, with what its definition was when it was taken."""

    __slots__ = ("__weakref__", "assignment", "definition")

    def __init__(self, assignment: m.Assignment, definition: m.Definition) -> None:
        self.assignment = assignment
        self.definition = definition

    @property
    def task_id(self) -> int:
        """The task."""
        return self.assignment[0]


class NestingClient(Client):
    """A client whose main thread runs tasks, one on top of another."""

    def _prepare_stack(self) -> None:
        self._main = threading.get_ident()
        self._own: dict[int, m.Definition] = {}
        """Definitions made here, by tasks that submit tasks."""
        self._stack: list[Frame] = []
        self._inbox: deque[m.Assignment] = deque()
        self._in_place: deque[m.Assignment] = deque()
        self._blocked = False
        self._waiting_threads = 0
        self._is_actor = False
        self._mean_ns: dict[int, float] = {}

    def stack(self) -> tuple[object, ...]:
        """See ``Backend.stack``."""
        return tuple(self._stack)

    @abstractmethod
    def _run(self, frame: Frame) -> None:
        """Run a task on top of the stack."""

    @abstractmethod
    def _must_say_that_it_waits(self) -> bool:
        """Return whether a thread that waits, and runs a call of an actor, has to say so."""

    @abstractmethod
    def _frame(self, assignment: m.Assignment) -> Frame:
        """Return the frame of a task that the scheduler sent."""

    def await_objects(self, ids: Sequence[int], needed: int, timeout_s: float | None) -> None:
        """See ``Client.await_objects``; a task runs its own unsent children meanwhile."""
        looks_only = timeout_s is not None and timeout_s <= 0
        if looks_only or not (self._stack or self._must_say_that_it_waits()):
            super().await_objects(ids, needed, timeout_s)
            return
        if threading.get_ident() != self._main:
            self._await_in_thread(ids, needed, timeout_s)
            return
        missing = Missing(ids, needed, self._descriptors)
        while not missing.is_over():
            # Shielded from the claim on: a claimed task must end, whatever strikes here.
            with self.channel.shield:
                claimed = self._claim(ids)
                if claimed is not None:
                    self._run(claimed)
            if claimed is None:
                self._block(ids, needed, timeout_s)
                return

    def _await_in_thread(self, ids: Sequence[int], needed: int, timeout_s: float | None) -> None:
        """Wait in a thread that user code started in a task.

        The main thread may be waiting for this one without our knowing, so the task counts
        as blocked; but nothing can run in place, because the main thread is not ours.
        """
        with self.channel.lock:
            self._waiting_threads += 1
            if not self._blocked:
                self.channel.post((m.BLOCKED, [], self._hand_back(self._inbox)))
        try:
            super().await_objects(ids, needed, timeout_s)
        finally:
            with self.channel.lock:
                self._waiting_threads -= 1
                if not self._waiting_threads and not self._blocked:
                    self.channel.post((m.UNBLOCKED,))
            self.channel.wake()

    def _claim(self, ids: Sequence[int]) -> Frame | None:
        """Take back a child that is waited for and was not sent.

        Its siblings are sent for others to run, unless they are so short that they are
        sooner done here, one after the other; then the attendant sends what is left.
        """
        channel = self.channel
        with channel.lock:
            if len(self._stack) >= MAX_DEPTH:
                return None
            found = self._find_unsent(set(ids))
            if found is None:
                return None
            at, specs, index = found
            spec = specs[index]
            frame = Frame((spec[0], spec[1], spec[2], (), 0), self._own[spec[1]])
            # The claim takes the place of the submission: what was posted later may name it.
            before, after = specs[:index], specs[index + 1 :]
            parts: list[m.Message] = [(m.SUBMIT, before)] if before else []
            parts.append((m.CLAIM, [spec]))
            parts += [(m.SUBMIT, after)] if after else []
            channel.outgoing[at : at + 1] = parts
            if specs is channel.specs:
                channel.specs = after or None
            send = bool(before or after) and self._mean_ns.get(spec[1], SHORT_NS) >= SHORT_NS
        if send:
            channel.flush()
        elif not channel.ticking:
            channel.wake()
        return frame

    def _find_unsent(self, wanted: set[int]) -> tuple[int, list[m.Spec], int] | None:
        """Return where the newest unsent child among ``wanted`` stands; under the lock."""
        outgoing = self.channel.outgoing
        for at in range(len(outgoing) - 1, max(-1, len(outgoing) - 1 - _LOOK_BACK), -1):
            if outgoing[at][0] == m.SUBMIT:
                specs: list[m.Spec] = outgoing[at][1]
                for index, spec in enumerate(specs):
                    if spec[0] in wanted and self._may_run_here(spec):
                        return at, specs, index
        return None

    def _may_run_here(self, spec: m.Spec) -> bool:
        """Return whether the child could as well have been called by the running task."""
        definition = self._own.get(spec[1])
        if definition is None or definition[0] != m.TASK or spec[3]:
            return False
        if any(name == m.STREAMING for name, _ in definition[8]):
            return False  # it may pause until the one below reads
        if definition[8] and m.MAX_CALLS in dict(definition[8]):
            return False  # the process could not end with it
        return definition[4] == self._stack[-1].definition[4] and definition[5] == 1

    def _block(self, ids: Sequence[int], needed: int, timeout_s: float | None) -> None:
        """Wait for others' work; run what the scheduler gives back of what is waited for."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        missing = Missing(ids, needed, self._descriptors)
        try:
            self._say_blocked(ids)
            while True:
                seen = self.channel.receptions
                if missing.is_over():
                    return
                self._check()
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return
                if not self._in_place:
                    self.channel.turn(seen, left)
                    continue
                with self.channel.shield:
                    if self._in_place:
                        self._run_in_place(self._in_place.popleft(), ids)
                if not missing.is_over():
                    self._say_blocked(ids)
        finally:
            with self.channel.shield:
                self._end_block()

    def _run_in_place(self, assignment: m.Assignment, ids: Sequence[int]) -> None:
        """Run a task on top of the one that waits for ``ids``, or hand it back.

        It may have been offered to one further below, before that got another to run. It could
        wait for what the top makes, and then neither would go on.
        """
        frame = self._frame(assignment)
        made = range(frame.task_id, frame.task_id + max(1, frame.definition[5]))
        if any(object_id in made for object_id in ids):
            self._run(frame)
            return
        with self.channel.lock:
            self._unload(assignment)
            self.channel.post((m.RETURNED, [frame.task_id]))

    def _say_blocked(self, ids: Sequence[int]) -> None:
        with self.channel.lock:
            wanted = self._unknown(ids)
            self._blocked = True
            self.channel.post((m.BLOCKED, wanted, self._hand_back(self._inbox)))
            self._wanted.update(wanted)
        self.channel.flush()

    def _end_block(self) -> None:
        with self.channel.lock:
            self._blocked = False
            if self._in_place:  # offered while we stopped waiting: somebody else has to run it
                self.channel.post((m.RETURNED, self._hand_back(self._in_place)))
            self.channel.post((m.UNBLOCKED,))
            if self._waiting_threads:
                self.channel.post((m.BLOCKED, [], []))
        if not self.channel.ticking:
            self.channel.wake()

    def _hand_back(self, inbox: deque[m.Assignment]) -> list[int]:
        """Take out every task not yet started; return the ids. Under the lock.

        An actor keeps its calls: others, still on their way, would overtake what goes back.
        """
        returned: list[int] = []
        if self._is_actor:
            return returned
        while inbox:
            try:
                assignment = inbox.pop()
            except IndexError:  # the main thread was faster
                break
            returned.append(assignment[0])
            self._unload(assignment)
        returned.reverse()
        return returned

    def _unload(self, assignment: m.Assignment) -> None:
        for object_id, descriptor in assignment[3]:
            if type(descriptor) is tuple and descriptor[0] == m.STORED:
                self._mappings.end_use(object_id)
