"""A worker: a client that also runs tasks, on its main thread.

What the main thread does is either running a task or receiving. While it runs one, the
channel's attendant receives: it hands back tasks when recalled, and interrupts the main
thread when a running task is cancelled. ``nesting`` has what happens when a task waits.

An actor that runs several calls at once has ``calls`` that run them, each in a thread or all on
an event loop; the main thread then only receives and hands over.

An ``Interrupted`` may strike only in user code and in waiting: everything else here runs
inside the channel's shield.
"""

from __future__ import annotations

import atexit
import importlib
import signal
import socket
import sys
import time
from types import FrameType
from typing import TYPE_CHECKING, Any

from ray_jupyter.errors import ActorExit, RaySystemError
from ray_jupyter.runtime.client import captured
from ray_jupyter.runtime.client.interrupts import Interrupted
from ray_jupyter.runtime.processes import breakpoints
from ray_jupyter.runtime.processes.actor_host import (
    REPORT_BATCH,
    REPORT_NS,
    ActorHost,
    exit_process,
)
from ray_jupyter.runtime.processes.executor import Executor
from ray_jupyter.runtime.processes.nesting import Frame
from ray_jupyter.runtime.processes.streaming import Streaming
from ray_jupyter.runtime.processes.surroundings import Surroundings
from ray_jupyter.runtime.processes.task_output import Printed
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.store.segment import Segment
from ray_jupyter.runtime.transport.unix import UnixTransport

if TYPE_CHECKING:
    from ray_jupyter.runtime.processes.calls import Calls

CPU_MARK_NS = 50_000
"""Shorter tasks count their duration as CPU time: asking the kernel costs 0.4 µs."""


def run(sock: socket.socket, client_id: int, slots: memoryview, settings: dict[str, Any]) -> None:
    """Be a worker until the scheduler says stop, or is gone."""
    _reseed()
    atexit._clear()  # what the template registered is not ours to run
    worker = Worker(sock, client_id, slots, settings)
    for name, *arguments in [(settings["connect"], worker), *zip(settings["prepare"])]:
        module, _, function = name.partition(":")
        getattr(importlib.import_module(module), function)(*arguments)
    try:
        worker.serve()
    finally:
        exit_process(0)


def _reseed() -> None:
    """Make random numbers differ between workers: forking copied the generator's state."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()  # the standard library's ``random`` does so itself


class Worker(ActorHost):
    """See the module docstring."""

    eager = False

    def __init__(
        self, sock: socket.socket, client_id: int, slots: memoryview, settings: dict[str, Any]
    ) -> None:
        self._surroundings = Surroundings(self, settings["gpus"])
        self._prepare_stack()
        self._streaming = Streaming(self)
        self._prepare_actor()
        self._sent: set[int] = set()
        """Templates that the scheduler sent; it says when to forget them."""
        super().__init__(
            UnixTransport(sock),
            Segment(settings["segment_fd"], settings["segment_bytes"]),
            client_id=client_id, session_id=settings["session_id"], total=settings["total"],
            spill_dir=settings["spill_dir"], inline_max_bytes=settings["inline_max_bytes"],
            namespace=settings["namespace"],
        )  # fmt: skip
        self.executor = Executor(
            self.values, self.channel.shield, self._fetch, self.end_use,
            self._surroundings.prepare, self._streaming.run, settings["inline_max_bytes"],
        )  # fmt: skip
        self._functions.edits = self._surroundings.inherited_edits
        captured.settings["locals"] = settings["capture_locals"]
        breakpoints.install()
        self.whose = f"worker {client_id}"
        self.printed = Printed(self)
        self._slots = slots
        self._slot = client_id % len(slots)
        self._stopping, self._cpu_ns = False, 0
        signal.signal(signal.SIGINT, self._on_interrupt_signal)
        self.channel.attendant.start()

    def _handlers(self) -> dict[int, Any]:
        return super()._handlers() | {
            m.EQUIP: self._surroundings.equip,
            m.TASKS: self._on_tasks,
            m.RECALL: self._on_recall,
            m.INTERRUPT: self._on_interrupt,
            m.FORGET: self._on_forget,
            m.RESUME: self._streaming.resume,
            m.STOP: self._on_stop,
        }

    # Running

    def serve(self) -> None:
        """Run tasks and wait for more."""
        try:
            with self.channel.shield:
                while not self.channel.closed:
                    seen = self.channel.receptions
                    try:
                        assignment = self._inbox.popleft()
                    except IndexError:
                        if not self._wait_for_tasks(seen):
                            break
                    else:
                        if self._calls is None:
                            self._run(self._frame(assignment))
                        else:
                            self._submit(self._calls, assignment)
            if self._stopping:
                self.exit()
        except RaySystemError:
            return  # the scheduler is gone

    def _submit(self, calls: Calls, assignment: m.Assignment) -> None:
        calls.submit(self._frame(assignment))
        if assignment[0] in self._cancelled:  # while it was neither here nor there
            self._on_interrupt(assignment[0])

    def _wait_for_tasks(self, seen: int) -> bool:
        """Report, then wait; return False when the worker is to end."""
        if self._calls is not None:
            self._calls.kick()
            self._futures.settle()  # sooner than the attendant would: coroutines await them
        self.channel.flush()
        # Until the report is out the slot names the last task: if we die before that, the
        # scheduler must know that everything up to it has run.
        self._slots[self._slot] = 0
        if self._calls is None:
            self._cancelled.clear()
        if self._stopping:
            return False
        self.channel.spin = self._calls is None  # one at a time: the next comes at once
        self.channel.turn(seen, None)
        self.channel.spin = False
        return True

    def _frame(self, assignment: m.Assignment) -> Frame:
        return Frame(assignment, self.executor.definitions[assignment[1]])

    def _run(self, frame: Frame) -> None:
        """Run one task and post its result; the caller shields.

        Raises:
            Interrupted: a task below this one on the stack is being cancelled.
        """
        task_id = frame.task_id
        if frame.definition[0] == m.ACTOR:
            self._become(frame)
        outer, self.parent_task = self.parent_task, task_id
        self._stack.append(frame)
        self._slots[self._slot] = task_id
        start_ns = time.monotonic_ns()
        try:
            if task_id in self._cancelled:  # before it was on the stack
                raise Interrupted
            status, outputs, value = self.executor.run(
                frame.assignment, frame.definition, self.whose
            )
        except Interrupted:
            # Also when the cancelled task is one below: its child in place ends with it.
            status, outputs, value = m.CANCELLED, b"", None
        except ActorExit as leaving:
            self.say_exit(leaving.how)
            self.exit()
        self.printed.leave()
        if self._forked:
            exit_process(0)  # user code forked this child, which returned: it is no worker
        end_ns = time.monotonic_ns()
        self._stack.pop()
        self.parent_task = outer
        if outer:
            self._slots[self._slot] = outer
        if status == m.OK and frame.definition[0] == m.ACTOR:
            self._begin_calls()
        self._report(frame, status, outputs, start_ns, end_ns)
        del value  # references inside may be released from here on: see ``Executor.run``
        self._cancelled.discard(task_id)
        if self._cancelled and any(below.task_id in self._cancelled for below in self._stack):
            raise Interrupted

    def _report(self, frame: Frame, status: int, outputs: Any, start_ns: int, end_ns: int) -> None:
        """Post a result; send it if nothing else will soon."""
        template_id = frame.assignment[1]
        cpu_ns = end_ns - start_ns
        mean_ns = self._mean_ns.get(template_id, cpu_ns)
        self._mean_ns[template_id] = mean_ns + (cpu_ns - mean_ns) / 8
        if cpu_ns > CPU_MARK_NS:
            total_ns = time.thread_time_ns()
            cpu_ns, self._cpu_ns = min(cpu_ns, total_ns - self._cpu_ns), total_ns
        channel, task_id, in_place = self.channel, frame.task_id, bool(self._stack)
        moved_ns = self.executor.moved_ns
        with channel.lock:
            if moved_ns > m.MOVED_NS:
                self.executor.moved_ns = 0
                channel.post((m.MOVED, task_id, moved_ns))
            waiting = channel.post_result((task_id, status, outputs, start_ns, end_ns, cpu_ns))
            is_value = in_place and status == m.OK and type(outputs) is bytes
            if is_value and task_id in self._counts:
                self._descriptors[task_id] = outputs  # the task below us waits for it
        if in_place or not self._inbox:
            return  # the caller sends: ``serve`` before it waits, a task when it waits
        if waiting >= REPORT_BATCH or end_ns - channel.sent_ns > REPORT_NS:
            channel.flush()
        elif not channel.ticking:
            channel.wake()

    def _fetch(self, object_id: int) -> Any:
        self.hold(object_id)
        try:
            return self.get([object_id], None)[0]
        finally:
            self.drop(object_id)

    def _define(self, definition: m.Definition) -> int:
        template_id = super()._define(definition)
        self._own[template_id] = definition
        self.executor.definitions[template_id] = definition
        return template_id

    # What arrives; in the main thread or in the attendant

    def _on_tasks(
        self, definitions: list[tuple[int, m.Definition]], assignments: list[m.Assignment],
        in_place: bool,
    ) -> None:  # fmt: skip
        with self.channel.lock:
            self.executor.definitions.update(definitions)
            self._sent.update(template_id for template_id, _ in definitions)
            for assignment in assignments:
                for object_id, descriptor in assignment[3]:
                    if type(descriptor) is tuple and descriptor[0] == m.STORED:
                        self._mappings.delivered(object_id)
                        self._mappings.begin_use(object_id)
            if in_place and self._blocked:
                self._in_place.extend(assignments)
            elif in_place or self._must_hand_back():
                # Sent before the scheduler knew that we wait, or that we do not any more.
                self._inbox.extend(assignments)
                self.channel.post((m.RETURNED, self._hand_back(self._inbox)))
            else:
                self._inbox.extend(assignments)

    def _must_hand_back(self) -> bool:
        waits = self._blocked or (self._waiting_threads and self._stack)
        return bool(waits) and not self._is_actor

    def _on_recall(self) -> None:
        with self.channel.lock:
            self.channel.post((m.RETURNED, self._hand_back(self._inbox)))
        self.channel.wake()

    def _on_interrupt(self, task_id: int) -> None:
        if self._calls is not None and self._calls.cancel(task_id):
            return
        with self.channel.lock:
            for inbox in (self._inbox, self._in_place):
                for assignment in list(inbox):
                    if assignment[0] == task_id:
                        try:
                            inbox.remove(assignment)
                        except ValueError:  # the main thread takes it at this moment
                            break
                        self._drop(assignment)
                        return
        self._cancelled.add(task_id)
        if self._calls is None:
            signal.pthread_kill(self._main, signal.SIGINT)
        else:
            self._streaming.interrupt(task_id)

    def _on_interrupt_signal(self, signum: int, frame: FrameType | None) -> None:
        if any(below.task_id in self._cancelled for below in self._stack):
            raise Interrupted

    def _on_forget(self, template_ids: list[int]) -> None:
        for template_id in template_ids:
            self._sent.discard(template_id)
            self._mean_ns.pop(template_id, None)
            if template_id not in self._own:
                self.executor.forget(template_id)

    def _undefined(self, templates: list[int]) -> None:
        for template_id in templates:
            del self._own[template_id]
            if template_id not in self._sent:
                self._mean_ns.pop(template_id, None)
                self.executor.forget(template_id)

    def _on_stop(self) -> None:
        self._stopping = True
