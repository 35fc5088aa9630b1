"""What a fake worker does while it runs a task: the steps of its plan, and how it ends."""

from __future__ import annotations

from marshal import dumps, loads
from typing import Any

from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.protocol.messages import (
    ACTOR,
    CANCELLED,
    ERROR,
    METHOD,
    OK,
    RETRYABLE_ERROR,
    TASK,
    Assignment,
    Definition,
)
from ray_jupyter.testing.processes import CancelledError, FakeProcess, Frame, TaskFailedError, Work
from ray_jupyter.testing.programs import Call, Get, Pause, Peek, Plan, Put, Read, Spawn
from ray_jupyter.testing.streams import StreamWriter


class TaskRunner(StreamWriter, FakeProcess):
    """A process that can run plans. ``actor`` is the actor it has become, or 0."""

    actor = 0
    unordered = False
    """Whether it is an actor that runs several calls at once."""

    def _run(self, assignment: Assignment, definition: Definition) -> Work:
        task, _, args, deps, _ = assignment
        number, held, caller, count = loads(args)
        plan = self.world.plans[number]
        if definition[0] == METHOD and not self.unordered:
            self.world.note_call(self.id, caller, count)
        frame = self.stack[-1]
        try:
            yield ("pause",)
            self._unpickle(frame, definition[3])
            outputs = yield from self._body(frame, plan, held, deps, task)
        except CancelledError:
            self._end(frame, CANCELLED, b"")
        except TaskFailedError as failure:
            if plan.fails == "exit" and failure.root == "user" and not self._in_constructor(frame):
                self._leave(frame)
                return
            status = RETRYABLE_ERROR if plan.fails == "retryable" else ERROR
            self._end(frame, status, dumps(failure.root))
        else:
            frame.granted.clear()  # they belong to the results now
            self._end(frame, OK, dumps(None) if definition[0] == ACTOR else outputs)

    def _body(self, frame: Frame, plan: Plan, held: tuple[int, ...], deps: Any, task: int) -> Work:
        refs = list(self._unpickle(frame, held))
        number = plan.number
        for object_id, value in deps:
            more, inner = yield from self.load(object_id, value)
            number += more
            refs += self._unpickle(frame, () if plan.method else inner)
        for step in plan.steps:
            number += yield from self._step_of_plan(frame, step, refs)
        if plan.yields is not None:
            yield from self.yield_items(frame, plan, task)
            number = 0
        if plan.fails:
            raise TaskFailedError("user")
        inner = self._values(refs, plan.returned)
        outputs = []
        for index in range(plan.num_returns):
            inside = tuple(inner) if index == 0 else ()
            value = yield from self.store(task + index, number + index, inside, plan.size_bytes)
            outputs.append((value, inside))
        plain = len(outputs) == 1 and type(outputs[0][0]) is bytes and not inner
        return outputs[0][0] if plain else outputs

    def _step_of_plan(self, frame: Frame, step: Any, refs: list[int]) -> Work:
        """Do one step; return what it adds to the task's number."""
        if isinstance(step, Spawn):
            held = tuple(_choose(refs, step.held))
            frame.held += self._submit(step.plan, TASK, self._values(refs, step.deps), held, refs)
        elif isinstance(step, Call):
            actor = next((i for i in refs if i in self.world.actors), None)
            if actor is not None:
                deps = self._values(refs, step.deps)
                frame.held += self._submit(step.plan, METHOD, deps, (actor,), refs)
        elif isinstance(step, Put):
            refs.append((yield from self.put(step.number, step.size_bytes)))
            frame.granted.clear()
            frame.held.append(refs[-1])
        elif isinstance(step, Peek):
            yield ("peek", *self._values(refs, step.places))
        elif isinstance(step, Pause):
            pause_ns = self.world.random.choice((0, 1_000_000, 5_000_000, 2_000_000_000))
            yield ("sleep", self.world.now_ns + pause_ns)
        elif isinstance(step, Read):
            return (yield from self._read(frame, step, refs))
        elif isinstance(step, Get):
            return (yield from self._get_all(frame, self._values(refs, step.places), refs))
        return 0

    def _get_all(self, frame: Frame, ids: list[int], refs: list[int]) -> Work:
        if any(i not in self.values for i in ids):
            yield ("await", *ids)
        number = 0
        inside: list[int] = []
        for object_id in ids:
            more, inner = yield from self.get(object_id)
            number += more
            inside += self._unpickle(frame, inner)
        refs += inside
        return number

    def _read(self, frame: Frame, step: Read, refs: list[int]) -> Work:
        kind = TASK
        held: tuple[int, ...] = ()
        if step.plan.method:
            actors = [i for i in refs if i in self.world.actors]
            if not actors:
                return 0
            kind, held = METHOD, (actors[0],)
        frame.calls += 1
        task = self.world.submit(self, step.plan, kind, (), held, (), frame.calls)
        frame.held.append(task)
        frame.reads.append(task)
        numbers = yield from self.read(task, step.take)
        if kind == METHOD:  # paused, it would keep its actor from what this task asks of it next
            frame.reads.remove(task)
            self.close(task)
        assert numbers == [step.plan.number + place for place in range(len(numbers))], numbers
        return sum(numbers)

    def _submit(
        self, plan: Plan, kind: str, deps: list[int], held: tuple[int, ...], refs: list[int]
    ) -> list[int]:
        """Submit a plan; append its first result to ``refs``, return all of them."""
        frame = self._frame()
        frame.calls += 1
        inner = held if kind == TASK else ()
        task = self.world.submit(self, plan, kind, tuple(deps), held, inner, frame.calls)
        refs += range(task, task + min(1, plan.num_returns))
        return list(range(task, task + plan.num_returns))

    def _unpickle(self, frame: Frame, inner: tuple[int, ...]) -> tuple[int, ...]:
        for object_id in inner:
            self.hold(object_id)
            frame.held.append(object_id)
        return inner

    def _values(self, refs: list[int], places: tuple[int, ...]) -> list[int]:
        return [i for i in _choose(refs, places) if i not in self.world.actors]

    def _end(self, frame: Frame, status: int, outputs: Any) -> None:
        self._finish(frame.task, status, outputs)
        for offset in frame.granted:
            self.post(e.Abandoned(self.id, offset))
        for request in [k for k, v in self.requests.items() if v is frame]:
            del self.requests[request]  # the answer will be abandoned
        for task in frame.reads:
            self.close(task)
        for object_id in frame.held:
            self.drop(object_id)
        frame.held, frame.reads = [], []
        self.give_up(frame.dep_ids)
        for object_id in [i for i in self.values if i not in self.refs]:
            self.forget_value(object_id)

    def _in_constructor(self, frame: Frame) -> bool:
        return frame.task == self.actor

    def _leave(self, frame: Frame) -> None:
        """The actor exits of its own will: its call never ends."""
        self.world.happened["exit"] += 1
        self.post(e.ActorExited(self.id, "exited"))
        self.flush()
        self.world.exit(self)

    def _finish(self, task: int, status: int, outputs: Any) -> None:
        now = self.world.now_ns
        if self.world.random.random() < 0.1:
            self.post(e.Moved(self.id, task, 1_000_000))
        result = (task, status, outputs, now - self.world.random.randrange(3_000_000), now, 1000)
        self.post(e.Finished(self.id, [result]))


def _choose(refs: list[int], places: tuple[int, ...]) -> list[int]:
    return [refs[place % len(refs)] for place in places] if refs else []
