"""What fake processes do with streams: one side reads, the other yields and pauses.

Lives here: mixins of ``processes.FakeProcess`` and of ``tasks.TaskRunner``. They share no code
with the real client and worker.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.protocol.ids import pause_key, stream_key
from ray_jupyter.runtime.protocol.messages import ENDED_BADLY, OPEN, Descriptor

if TYPE_CHECKING:
    from ray_jupyter.testing.processes import Frame
    from ray_jupyter.testing.programs import Plan

Work = Generator[tuple[Any, ...], Any, Any]


class ReadStream:
    """A stream as its reader knows it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.items: deque[int] = deque()
        self.state = OPEN
        self.closed = False
        self.taken = 0


class StreamReader:
    """A process that reads what its tasks yield."""

    id: int
    refs: Counter[int]
    values: dict[int, Descriptor]
    stack: list[Frame]

    post: Callable[[e.Event], None]
    drop: Callable[[int], None]
    get: Callable[[int], Work]

    def __init__(self) -> None:
        self.streams: dict[int, ReadStream] = {}
        self.ready: set[int] = set()
        """Keys of streams and pauses for which nobody need wait any more."""

    def receive_items(self, command: c.Stream) -> None:
        """Take items, or the end of a stream."""
        stream = self.streams[command.task]
        assert stream.state == OPEN, f"stream {command.task} goes on after its end: {command}"
        stream.state = command.state
        for object_id, value in command.items:
            assert object_id not in self.refs, f"item {object_id} comes twice"
            self.refs[object_id] += 1
            if stream.closed:
                self.drop(object_id)
                continue
            if value is not None:
                self.values[object_id] = value
            stream.items.append(object_id)
        self.ready.add(stream_key(command.task))

    def read(self, task: int, take: int) -> Work:
        """Read at most ``take`` items of a stream; yield their numbers up to an error's raise."""
        stream, key = self.streams[task], stream_key(task)
        numbers: list[int] = []
        while len(numbers) < take:
            if not stream.items and stream.state == OPEN:
                self.ready.discard(key)
                yield ("await", key)
            if not stream.items:
                break
            item = stream.items.popleft()
            stream.taken += 1
            if stream.limit:
                self.post(e.Consumed(self.id, task, stream.taken))
            self.stack[-1].held.append(item)
            number, error = 0, None
            try:
                number, _ = yield from self.get(item)
            except Exception as lost:  # not ``finally``: a fake whose process died does nothing
                error = lost
            self.stack[-1].held.remove(item)
            self.drop(item)
            if error is not None:
                raise error
            numbers.append(number)
        if len(numbers) < take and stream.state == ENDED_BADLY:
            yield from self.get(task)
            raise AssertionError(f"stream {task} ended badly, and its completion is no error")
        return numbers

    def close(self, task: int) -> None:
        """Read no more."""
        stream = self.streams[task]
        stream.closed = True
        while stream.items:
            self.drop(stream.items.popleft())
        if stream.state == OPEN:
            self.post(e.StreamsClosed(self.id, [task]))


class StreamWriter:
    """A process that runs plans which yield."""

    id: int
    ready: set[int]
    stack: list[Frame]

    world: Any
    post: Callable[[e.Event], None]
    mint: Callable[..., int]
    store: Callable[[int, int, tuple[int, ...], int], Work]

    def yield_items(self, frame: Frame, plan: Plan, task: int) -> Work:
        """Yield what a plan says, and pause as its limit says."""
        self.ready.discard(pause_key(task))
        frame.consumed = 0
        for place in range(plan.yields or 0):
            item = self.mint()
            value = yield from self.store(item, plan.number + place, (), plan.size_bytes)
            self.post(e.Yielded(self.id, task, place, [(item, value, ())]))
            frame.granted.clear()
            if self.world.random.random() < 0.3:
                yield ("pause",)
            needed = place + 1 - plan.limit + 1
            while plan.limit and frame.consumed < needed:
                frame.needed = needed
                self.ready.discard(pause_key(task))
                yield ("await", pause_key(task))

    def resume(self, command: c.Resume) -> None:
        """The reader has taken some."""
        for frame in self.stack:
            if frame.task == command.task:
                assert command.number >= frame.consumed, f"fewer were taken than before: {command}"
                frame.consumed = command.number
                if frame.consumed >= frame.needed:
                    self.ready.add(pause_key(command.task))
