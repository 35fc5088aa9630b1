"""The fake worker: an inbox, a stack of tasks, and the conversation about both."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.protocol.messages import (
    ACTOR,
    CANCELLED,
    MAX_CALLS,
    METHOD,
    STORED,
    TASK,
    Assignment,
    Definition,
    Spec,
)
from ray_jupyter.testing.processes import Frame
from ray_jupyter.testing.tasks import TaskRunner

if TYPE_CHECKING:
    from ray_jupyter.testing.simulation import World


class FakeWorker(TaskRunner):
    """Runs assignments; the last started may be on top of others that wait for it."""

    is_worker = True

    def __init__(self, world: World, client: int) -> None:
        super().__init__(world, client)
        self.inbox: deque[Assignment] = deque()
        self.known: dict[int, Definition] = {}
        self.blocked = False
        self.stopping = False
        self.gpus: list[int] = []
        self.environment = ""
        self.calls: Counter[int] = Counter()

    @property
    def running(self) -> int:
        """The task last announced."""
        return self.stack[-1].task if self.stack else 0

    # What arrives

    def receive(self, command: c.Command) -> None:
        """Take one message."""
        if isinstance(command, c.Dispatch):
            self._tasks(command)
        elif isinstance(command, c.Equip):
            assert not self.gpus, f"worker {self.id} has GPUs {self.gpus} already"
            self.gpus = command.devices
        elif isinstance(command, c.Recall):
            self._hand_back()
        elif isinstance(command, c.InterruptTask):
            self._interrupt(command.task)
        elif isinstance(command, c.Forget):
            for template in command.templates:
                del self.known[template]
        elif isinstance(command, c.Resume):
            self.resume(command)
        elif isinstance(command, c.StopWorker):
            self.stopping = True
        else:
            super().receive(command)

    def _tasks(self, command: c.Dispatch) -> None:
        assert not self.stopping, f"worker {self.id} was stopped and gets {command.assignments}"
        self.known.update(dict(command.definitions))
        for assignment in command.assignments:
            assert assignment[1] in self.known, f"worker {self.id} lacks template {assignment[1]}"
            for object_id, value in assignment[3]:
                if type(value) is tuple and value[0] == STORED:
                    self.world.memory.pin(self.id, object_id, value)
        if command.in_place and self.blocked and all(map(self._is_awaited, command.assignments)):
            self.blocked = False
            for assignment in command.assignments:
                self._start(assignment)
            return
        self.inbox.extend(command.assignments)
        if any(frame.blocked for frame in self.stack):
            self._hand_back()

    def _is_awaited(self, assignment: Assignment) -> bool:
        """Tell whether the top of the stack waits for it, and not one below."""
        made = range(assignment[0], assignment[0] + max(1, self.known[assignment[1]][5]))
        return any(object_id in made for object_id in (self.stack[-1].wants or ())[1:])

    def _returnable(self) -> list[int]:
        """Take out what others could run.

        Nobody else can run an actor's calls, and those on their way would overtake them.
        """
        return [] if self.actor else self._empty_inbox()

    def _hand_back(self) -> None:
        self.post(e.Returned(self.id, self._returnable()))
        self.flush()

    def _empty_inbox(self) -> list[int]:
        returned = [assignment[0] for assignment in self.inbox]
        for assignment in self.inbox:
            self.give_up(_stored(assignment))
        self.inbox.clear()
        return returned

    def _interrupt(self, task: int) -> None:
        for frame in self.stack:
            if frame.task == task:
                frame.cancelled = True
        for assignment in list(self.inbox):
            if assignment[0] == task:
                self.inbox.remove(assignment)
                self.give_up(_stored(assignment))
                self._finish(task, CANCELLED, b"")

    # Steps

    def can_step(self) -> bool:
        """Return whether this process has something to do."""
        if not self.stack:
            return bool(self.inbox) or (self.stopping and not self.outgoing)
        frame = self._frame()
        if (frame.wants or ("",))[0] == "await" and not self.blocked and not frame.cancelled:
            return True
        return super().can_step()

    def step(self) -> None:
        """Start a task, go on with one, wait, or end."""
        if not self.stack:
            if self.inbox:
                self._start(self.inbox.popleft())
            else:
                self.world.exit(self)
            return
        frame = self._frame()
        waits = (frame.wants or ("",))[0] in ("await", "peek") and not frame.cancelled
        if waits and not self.blocked and self.missing(frame):
            if not self._claim(frame):
                self.post(e.Blocked(self.id, self.missing_objects(frame), self._returnable()))
                self.blocked = frame.blocked = True
                self.flush()
            return
        if frame.blocked:
            self.blocked = frame.blocked = False
            self.post(e.Unblocked(self.id))
        super().step()

    def _claim(self, frame: Frame) -> bool:
        """Run in place an awaited child that nobody else has seen."""
        if self.world.random.random() < 0.3:
            return False
        shape = self.world.shapes[frame.task]
        for at, event in enumerate(self.outgoing):
            for index, spec in enumerate(event.specs if isinstance(event, e.Submitted) else ()):
                definition = self.world.definitions[spec[1]]
                if (
                    spec[0] in self.missing(frame) and not spec[3]
                    and definition[0] == TASK and definition[4] == shape and not definition[8]
                ):  # fmt: skip
                    assert isinstance(event, e.Submitted)
                    before, after = event.specs[:index], event.specs[index + 1 :]
                    self.outgoing[at : at + 1] = [
                        e.Submitted(self.id, before),
                        e.Claimed(self.id, [spec]),
                        e.Submitted(self.id, after),
                    ]
                    self._start_spec(spec)
                    return True
        return False

    def _start_spec(self, spec: Spec) -> None:
        self._start((spec[0], spec[1], spec[2], (), 0), self.world.definitions[spec[1]])

    def _start(self, assignment: Assignment, definition: Definition | None = None) -> None:
        definition = self.known[assignment[1]] if definition is None else definition
        kind = definition[0]
        self._use(assignment[1], definition)
        if kind == ACTOR:
            assert not self.actor, f"worker {self.id} is actor {self.actor} already"
            self.actor = assignment[0]
            self.unordered = "max_concurrency" in dict(definition[8])
        elif kind == METHOD:
            assert self.actor == assignment[4] != 0, f"{assignment} came to actor {self.actor}"
        work = self._run(assignment, definition)
        dep_ids = tuple(_stored(assignment))
        self.stack.append(Frame(assignment[0], work, serial=self.mint(), dep_ids=dep_ids))
        next(work)  # announced: from here on it can be interrupted

    def _use(self, template: int, definition: Definition) -> None:
        """A task begins: this process must be fit for it, and may never be for others."""
        self.calls[template] += 1
        limit = dict(definition[8]).get(MAX_CALLS, 0)
        assert not limit or self.calls[template] <= limit, f"worker {self.id} is worn out"
        if definition[0] == METHOD:
            return
        for name, units in definition[4]:
            if name == "GPU":
                count = max(1, units // 10_000)
                assert len(self.gpus) == count, f"{units} GPU, and {self.gpus} are there"
        wanted = "".join(name for name, units in definition[4] if not units)
        assert self.environment in ("", wanted), f"worker {self.id} ran in {self.environment}"
        self.environment = wanted


def _stored(assignment: Assignment) -> list[int]:
    """Return the dependencies that came with the address of their memory."""
    return [i for i, value in assignment[3] if type(value) is tuple and value[0] == STORED]
