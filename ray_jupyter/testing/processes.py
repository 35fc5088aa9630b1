"""Fake processes for the simulation: they speak the protocol and run plans, nothing else.

They obey ``runtime.protocol.messages`` to the letter and share no code with the real client
and worker. What a process does by itself is one *step*; the world decides who steps when,
and when what was posted leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable
from marshal import dumps, loads
from typing import TYPE_CHECKING, Any

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.protocol.ids import first_id
from ray_jupyter.runtime.protocol.messages import (
    ACTOR_ERROR,
    FAILED,
    SPILLED,
    STORED,
    SYSTEM_ERROR,
    Definition,
    Descriptor,
    Spec,
)
from ray_jupyter.testing.streams import StreamReader

if TYPE_CHECKING:
    from ray_jupyter.testing.simulation import World

Work = Generator[tuple[Any, ...], Any, Any]
"""A computation. It yields ``("await", *ids)``, ``("peek", *ids)``, ``("allocate", size)``,
``("sleep", until_ns)`` or ``("pause",)``."""


ACTOR_LIVES = b"N."
"""The value of an actor's id once its constructor has returned."""


class TaskFailedError(Exception):
    """A task failed; ``root`` says why in the beginning: ``"user"`` or the name of an error."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.root = root


class CancelledError(Exception):
    """Thrown into a task that is interrupted."""


class Frame:
    """A computation on the stack of a process."""

    def __init__(
        self, task: int, work: Work, *, serial: int = 0, dep_ids: tuple[int, ...] = ()
    ) -> None:
        self.task = task
        self.serial = serial
        """No other attempt of any task has the same."""
        self.work = work
        self.dep_ids = dep_ids
        self.wants: tuple[Any, ...] | None = ("pause",)
        self.reply: Any = None
        self.cancelled = False
        self.blocked = False
        """Whether its last word was BLOCKED; another may run on top of it meanwhile."""
        self.held: list[int] = []
        self.granted: list[int] = []
        self.calls = 0
        self.reads: list[int] = []
        """Streams to close in the end."""
        self.consumed = 0
        self.needed = 0


class FakeProcess(StreamReader):
    """What driver and workers have in common: references, values, memory, submissions."""

    is_worker = False

    def __init__(self, world: World, client: int) -> None:
        super().__init__()
        self.world = world
        self.id = client
        self.outgoing: list[e.Event] = []
        self.stack: list[Frame] = []
        self.refs: Counter[int] = Counter()
        self.values: dict[int, Descriptor] = {}
        self.kept: Counter[int] = Counter()
        """Deliveries of ``values`` that are in memory."""
        self.lazy: list[int] = []
        """Deliveries that nobody looks at any more, kept until they are reclaimed."""
        self.templates: dict[Definition, int] = {}
        self.requests: dict[int, Frame] = {}
        self.total: dict[str, int] = {}  # what it was told that there is
        self._next = first_id(client)

    # References and what they stand for

    def mint(self, count: int = 1) -> int:
        """Return the first of ``count`` new ids."""
        first = self._next
        self._next += count
        return first

    def post(self, event: e.Event) -> None:
        """Have something to say; it leaves with the next flush."""
        self.outgoing.append(event)

    def hold(self, object_id: int) -> None:
        """A reference came out of a pickle."""
        self.refs[object_id] += 1
        if self.refs[object_id] == 1:
            self.post(e.Held(self.id, [object_id]))

    def drop(self, object_id: int) -> None:
        """A reference died."""
        self.refs[object_id] -= 1
        if not self.refs[object_id]:
            del self.refs[object_id]
            self.post(e.Released(self.id, [object_id]))
            self.forget_value(object_id)

    def forget_value(self, object_id: int) -> None:
        """Nobody here needs the value any more."""
        self.values.pop(object_id, None)
        self.give_up([object_id] * self.kept.pop(object_id, 0))

    def give_up(self, ids: Iterable[int]) -> None:
        """Nobody looks at these deliveries any more: say so now, or when asked."""
        self.lazy += ids
        if self.world.random.random() < 0.7:
            self.reclaim()

    def reclaim(self) -> None:
        """Say which deliveries nobody looks at."""
        for object_id in self.lazy:
            self.world.memory.unpin(self.id, object_id)
        if self.lazy:
            self.post(e.Unpinned(self.id, self.lazy))
            self.lazy = []

    def receive_value(self, object_id: int, value: Descriptor) -> None:
        """Note the descriptor of an object."""
        stored = type(value) is tuple and value[0] == STORED
        if stored:
            self.world.memory.pin(self.id, object_id, value)
            self.kept[object_id] += 1
        if object_id in self.refs or any(object_id in (f.wants or ()) for f in self.stack):
            self.values[object_id] = value
        elif stored:
            self.forget_value(object_id)

    # Work

    def load(self, object_id: int, value: Descriptor) -> Work:
        """Return (number, references inside)."""
        while type(value) is tuple and value[0] == SPILLED:
            content = self.world.memory.files.get(value[1])
            if content is not None and self.world.random.random() < 0.5:
                offset = yield ("allocate", value[2])
                if offset is not None:
                    self._frame().granted.remove(offset)
                    self.world.memory.write(offset, value[2], content)
                    self.post(e.Restored(self.id, object_id, offset, value[2]))
                    content = None
            if content is not None:
                return content[1:]
            if value[1] not in self.world.memory.files:
                self.post(e.ObjectLost(self.id, object_id, value[1], "gone"))
            self.values.pop(object_id, None)
            yield ("await", object_id)
            value = self.values[object_id]
        if type(value) is tuple and value[0] != STORED:
            raise TaskFailedError(root_of(value))
        if value == ACTOR_LIVES:
            return (0, ())
        content = loads(value) if type(value) is bytes else self.world.memory.read(value)
        assert content[0] == object_id, f"{object_id} was asked for, {content} is there"
        return content[1:]

    def get(self, object_id: int) -> Work:
        """Wait for one object; return (number, references inside)."""
        if object_id not in self.values:
            yield ("await", object_id)
        return (yield from self.load(object_id, self.values[object_id]))

    def put(self, number: int, size_bytes: int) -> Work:
        """Put a value; return its id, which the frame holds."""
        object_id = self.mint()
        value = yield from self.store(object_id, number, (), size_bytes)
        self.refs[object_id] += 1
        self.post(e.Put(self.id, [(object_id, value, ())]))
        return object_id

    def store(self, object_id: int, number: int, inner: tuple[int, ...], size_bytes: int) -> Work:
        """Return the descriptor of a value, after writing it to memory if it is large."""
        content = (object_id, number, inner)
        if not size_bytes:
            return dumps(content)
        offset = yield ("allocate", size_bytes)
        if offset is None:
            raise TaskFailedError("ObjectStoreFullError")
        self.world.memory.write(offset, size_bytes, content)
        return (STORED, offset, size_bytes)

    def submit(
        self, definition: Definition, args: Any, deps: tuple[int, ...], held: tuple[int, ...]
    ) -> int:
        """Submit a task; return its id. Its results are references of this process."""
        template = self.templates.get(definition)
        if template is None:
            template = self.templates[definition] = self.mint()
            self.world.definitions[template] = definition
            self.post(e.Defined(self.id, template, definition))
        task = self.mint(max(1, definition[5]))
        for object_id in range(task, task + definition[5]):
            self.refs[object_id] += 1
        parent = self.stack[-1].task
        spec: Spec = (task, template, dumps(args), deps, held, parent)
        last = self.outgoing[-1] if self.outgoing else None
        if isinstance(last, e.Submitted):
            last.specs.append(spec)
        else:
            self.post(e.Submitted(self.id, [spec]))
        return task

    def undefine(self) -> None:
        """Submit nothing any more with the templates so far."""
        if self.templates:
            self.post(e.Undefined(self.id, list(self.templates.values())))
            self.templates = {}

    # What arrives

    def receive(self, command: c.Command) -> None:
        """Take one message."""
        if isinstance(command, c.Deliver):
            for object_id, value in command.objects:
                self.receive_value(object_id, value)
        elif isinstance(command, c.Retract):
            _ask_again(self, command.ids)
        elif isinstance(command, c.Stream):
            self.receive_items(command)
        elif isinstance(command, c.Grant):
            frame = self.requests.pop(command.request, None)
            offsets = [offset for offset, _ in command.punch]
            # What an interrupted process leaves unpunched exceeds the limit until the next grant;
            # where the limit is watched, it is thorough.
            done = frame is not None or self.world.kind == "memory"
            if offsets and done:
                self.world.memory.punch(command.punch)
            if offsets:
                self.post(e.Punched(self.id, offsets, done))
            if frame is None:
                self.post(e.Abandoned(self.id, command.offset))
            else:
                frame.granted.append(command.offset)
                frame.wants, frame.reply = None, command.offset
        elif isinstance(command, c.Deny):
            if (frame := self.requests.pop(command.request, None)) is not None:
                frame.wants, frame.reply = None, None
        elif isinstance(command, c.SpillVictims):
            files = self.world.memory.spill(self.id, command.request, command.victims)
            self.post(e.SpilledOut(self.id, command.request, files))
        elif isinstance(command, c.Reclaim):
            self.reclaim()
        elif isinstance(command, c.Total):
            self.total = command.total
        elif isinstance(command, c.Reply):
            if isinstance(command.answer, tuple):  # counted: say so if it is the first
                self.hold(command.answer[1])
                self.drop(command.answer[1])
        else:
            raise AssertionError(f"client {self.id} cannot understand {command}")

    # Steps

    def _frame(self) -> Frame:
        return self.stack[-1]

    def missing(self, frame: Frame) -> list[int]:
        """Return what a computation waits for and has not got."""
        there = (self.values, self.ready)
        return [i for i in (frame.wants or ())[1:] if not any(i in known for known in there)]

    def missing_objects(self, frame: Frame) -> list[int]:
        """Return those of ``missing`` that are objects, and not keys of streams."""
        return [i for i in self.missing(frame) if i > 0]

    def can_step(self) -> bool:
        """Return whether this process has something to do."""
        if not self.stack:
            return False
        frame = self._frame()
        wants = frame.wants
        if wants is None or wants[0] in ("pause", "peek") or frame.cancelled:
            return True
        if wants[0] == "sleep":
            return self.world.now_ns >= int(wants[1])
        return wants[0] == "await" and not self.missing(frame)

    def step(self) -> None:
        """Go on with the computation on top of the stack."""
        frame = self._frame()
        reply, frame.reply, frame.wants = frame.reply, None, None
        try:
            if frame.cancelled:
                frame.wants = frame.work.throw(CancelledError())
            else:
                frame.wants = frame.work.send(reply)
        except StopIteration:
            self.stack.pop()
            return
        if frame.wants[0] == "allocate":
            request = self.mint()
            self.requests[request] = frame
            patient = self.world.random.random() < 0.8
            self.post(e.AllocationRequested(self.id, request, frame.wants[1], patient))
            self.flush()

    def flush(self) -> None:
        """Everything posted leaves."""
        self.world.send(self.id, self.outgoing)
        self.outgoing = []


def _ask_again(process: FakeProcess, ids: list[int]) -> None:
    for object_id in ids:
        process.forget_value(object_id)
    process.post(e.Wanted(process.id, ids))


def root_of(value: Descriptor) -> str:
    """Return why a task failed in the beginning."""
    kind, payload = value[0], value[1]
    if kind == FAILED:
        return str(loads(payload))
    if kind == ACTOR_ERROR:
        return "ActorDiedError" if value[2] is None else str(loads(value[2]))
    assert kind == SYSTEM_ERROR, value
    return str(payload)


class FakeDriver(FakeProcess):
    """Runs one computation, the scenario; waits with WANT."""

    def __init__(self, world: World, scenario: Work) -> None:
        super().__init__(world, 0)
        self.stack.append(Frame(0, scenario))

    def can_step(self) -> bool:
        """Return whether there is something to do."""
        if self.stack and (self._frame().wants or ("",))[0] == "quiet":
            return self.world.is_quiet()
        return super().can_step()

    def step(self) -> None:
        """Go on with the scenario; ask for what it waits for."""
        super().step()
        if self.stack and (self._frame().wants or ("",))[0] in ("await", "peek"):
            self.post(e.Wanted(self.id, self.missing_objects(self._frame())))
