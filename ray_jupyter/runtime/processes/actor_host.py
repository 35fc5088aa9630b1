"""What makes a worker an actor: its calls at once, its end, what it knows of itself.

Lives here: the ``Host`` of ``calls``. Does not: receiving and running (``worker``).
"""

from __future__ import annotations

import atexit
import os
import sys
import time
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from ray_jupyter.errors import RaySystemError
from ray_jupyter.runtime.client.running import RUNNING
from ray_jupyter.runtime.processes.nesting import Frame, NestingClient
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.protocol.specs import CallContext

if TYPE_CHECKING:
    from ray_jupyter.runtime.processes.calls import Calls
    from ray_jupyter.runtime.processes.executor import Executor
    from ray_jupyter.runtime.processes.task_output import Printed

REPORT_NS = 2_500_000
"""Results of short tasks leave together, at the latest after this long."""
REPORT_BATCH = 64


def exit_process(code: int) -> NoReturn:
    """End this process, whatever its threads do."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class ActorHost(NestingClient):
    """A worker as far as it is an actor. Its methods without underscore are those of ``Host``."""

    executor: Executor
    whose: str
    printed: Printed

    def _prepare_actor(self) -> None:
        self._calls: Calls | None = None
        self._actor_id = 0
        self._actor_definition: m.Definition | None = None
        self._cancelled: set[int] = set()
        self._forked = False
        os.register_at_fork(after_in_child=self._note_fork)

    def _note_fork(self) -> None:
        self._forked = True

    def _become(self, frame: Frame) -> None:
        self._is_actor = True
        self._actor_id, self._actor_definition = frame.task_id, frame.definition

    def _begin_calls(self) -> None:
        """The constructor has returned: from now on calls may run at once."""
        options = dict(self._actor_definition[8]) if self._actor_definition is not None else {}
        if "max_concurrency" not in options:
            return
        from ray_jupyter.runtime.processes.calls import limits_of

        if options.get("is_async"):
            from ray_jupyter.runtime.processes.loop_calls import LoopCalls

            self._calls = LoopCalls(self, limits_of(options))
        else:
            from ray_jupyter.runtime.processes.thread_calls import ThreadCalls

            self._calls = ThreadCalls(self, limits_of(options))

    def report_call(
        self, frame: Frame, status: int, outputs: Any, start_ns: int, cpu_ns: int
    ) -> bool:
        """See ``Host``."""
        if self._forked:
            exit_process(0)
        self.printed.leave()
        channel, end_ns = self.channel, time.monotonic_ns()
        with channel.lock:
            waiting = channel.post_result(
                (frame.task_id, status, outputs, start_ns, end_ns, cpu_ns)
            )
            self._cancelled.discard(frame.task_id)
        return waiting >= REPORT_BATCH or end_ns - channel.sent_ns > REPORT_NS

    def drop_call(self, frame: Frame) -> None:
        """See ``Host``."""
        with self.channel.lock:
            self._drop(frame.assignment)

    def _drop(self, assignment: m.Assignment) -> None:
        """A task is cancelled that has not begun; under the lock."""
        self._unload(assignment)
        self._cancelled.discard(assignment[0])
        now_ns = time.monotonic_ns()
        self.channel.post_result((assignment[0], m.CANCELLED, b"", now_ns, now_ns, 0))
        self.channel.wake()

    def send(self) -> None:
        """See ``Host``."""
        self.channel.flush()

    def send_soon(self) -> None:
        """See ``Host``."""
        if not self.channel.ticking:
            self.channel.wake()

    def say_exit(self, how: str) -> None:
        """See ``Host``."""
        self._tell((m.ACTOR_EXITED, how))

    def exit(self) -> NoReturn:
        """End the process, after what the actor and ``atexit`` do last."""
        with self.channel.shield.lifted:
            try:
                self.executor.end_actor()
            except BaseException:  # nobody waits for it: the reason is for the terminal
                traceback.print_exc()
            atexit._run_exitfuncs()  # prints what its functions raise
        with suppress(RaySystemError):
            self.channel.flush()
        exit_process(0)

    def context(self) -> CallContext:
        """See ``Backend.context``."""
        frame = RUNNING.get() or (self._stack[-1] if self._stack else None)
        if not isinstance(frame, Frame):
            return CallContext(self.client_id)
        definition = frame.definition
        function = self.executor.function_name(frame.assignment[1], definition)
        context = CallContext(
            self.client_id, frame.task_id, definition[1], function, definition[4],
            cancelled=frame.task_id in self._cancelled,
        )  # fmt: skip
        if definition[0] == m.TASK or self._actor_definition is None:
            return context
        return context._replace(
            actor_id=self._actor_id, instance=self.executor.actor,
            resources=self._actor_definition[4], options=dict(self._actor_definition[8]),
        )  # fmt: skip

    def _must_say_that_it_waits(self) -> bool:
        """Return whether a call that waits in a thread gives back what the actor leases."""
        return self._calls is not None and bool(
            self._actor_definition and self._actor_definition[4]
        )
