"""The core beside ``CoreModel``: the same happens to both, and they must agree."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core.invariants import check
from ray_jupyter.runtime.core.recovery import is_error
from ray_jupyter.runtime.core.scheduler import SchedulerCore
from ray_jupyter.runtime.protocol.ids import first_id
from ray_jupyter.runtime.protocol.messages import ERROR, OK, RETRYABLE_ERROR, STORED, STREAMING
from ray_jupyter.testing.models import CoreModel
from ray_jupyter.testing.strategies import conversations, definitions

DRIVER = 0
LIMIT_BYTES = 1 << 20


def stored(value: object) -> bool:
    return isinstance(value, tuple) and value[0] == STORED


class CoreConversation(RuleBasedStateMachine):
    """What both are told, and what the core answers."""

    core: SchedulerCore
    model: CoreModel
    now: int
    clients: int
    ids: dict[int, int]
    inbox: dict[int, list[int]]
    blocked: dict[int, int]
    places: dict[int, int]
    """How many items the attempt of a task has yielded."""
    granted: int
    victims: list[int]
    killed: int

    def handle(self, event: e.Event) -> None:
        self.now += 100_000
        answers: list[e.Event] = []
        stopped = []
        pins: dict[int, list[int]] = {}
        for command in self.core.handle(event, self.now):
            if isinstance(command, c.Dispatch):
                for task, _, _, values, _ in command.assignments:
                    self.model.assign(task, command.client)
                    self.places[task] = 0
                    pins.setdefault(command.client, []).extend(i for i, v in values if stored(v))
                    if command.in_place:
                        self.inbox[command.client].insert(0, task)
                        del self.blocked[command.client]
                    else:
                        self.inbox[command.client].append(task)
            elif isinstance(command, c.Deliver):
                ids = [i for i, value in command.objects if stored(value)]
                pins.setdefault(command.client, []).extend(ids)
            elif isinstance(command, c.Grant):
                self.granted = command.offset
                punched = [offset for offset, _ in command.punch]
                answers.append(e.Punched(command.client, punched, done=True))
            elif isinstance(command, c.SpillVictims):
                self.victims = [victim for victim, _, _ in command.victims]
            elif isinstance(command, c.KillWorker):
                self.killed = command.client
            elif isinstance(command, c.StopWorker):
                stopped.append(command.client)
        # Who got an address has looked, and looks no more.
        answers += [e.Unpinned(client, ids) for client, ids in pins.items() if ids]
        for answer in answers:
            self.handle(answer)
        for worker in stopped:
            assert not self.inbox[worker], f"worker {worker} is stopped and has tasks"
            self._lose(worker, announced=False)

    def mint(self, client: int, count: int) -> int:
        first = self.ids[client]
        self.ids[client] += max(1, count)
        return first

    def _join(self, client: int, *, is_worker: bool) -> None:
        self.ids[client] = first_id(client)
        self.model.held[client] = set()
        if is_worker:
            self.inbox[client] = []
        self.handle(e.ClientJoined(client, is_worker, client))

    def busy(self) -> list[int]:
        return [w for w, tasks in self.inbox.items() if tasks and w not in self.blocked]

    def _succeed(
        self, worker: int, task_id: int, contained: tuple[int, ...] = (), *, large: bool
    ) -> None:
        """A task ends well, with a large first result if it has one."""
        results = self.model.tasks[task_id].results
        value: object = b"v"
        large = large and bool(results)
        if large:
            self.handle(e.AllocationRequested(worker, 1, 4096))
            value = (STORED, self.granted, 4096)
        outputs = [(b"v" if i else value, () if i else contained) for i in range(len(results))]
        self.model.succeed(task_id, contained, large=large)
        self.handle(e.Finished(worker, [(task_id, OK, outputs, 0, 10_000, 1)]))

    def _lose(self, worker: int, announced: bool) -> None:
        tasks = self.inbox.pop(worker)
        del self.model.held[worker]
        self.blocked.pop(worker, None)
        started = {i for i in tasks if self.core.state.tasks[i].in_place}
        running = tasks[0] if tasks and announced else 0
        started |= {running} & set(tasks)
        if running in started and self.core.state.tasks[running].in_place:
            started.add(tasks[-1])  # it ran on the stack of the one below
        for task in reversed(tasks):
            if task in started:
                self.model.retry_or_fail(task, "crashed")
            else:
                self.model.give_back(task)
        self.model.close(worker, sorted(self.core.state.streams))
        self.handle(e.ClientLost(worker, "died", running))


class StreamRules(CoreConversation):
    """What happens to tasks that yield; part of ``CoreMachine``."""

    def yielding(self) -> list[int]:
        """Return the workers whose task yields."""
        tasks = self.core.state.tasks
        return [w for w in self.busy() if STREAMING in tasks[self.inbox[w][0]].template.extras]

    @precondition(lambda self: self.yielding())
    @rule(data=st.data(), count=st.integers(1, 3))
    def yield_items(self, data: st.DataObject, count: int) -> None:
        worker = data.draw(st.sampled_from(self.yielding()))
        task = self.inbox[worker][0]
        place = self.places[task]
        ids = range(first := self.mint(worker, count), first + count)
        for index, object_id in enumerate(ids):
            self.model.yield_item(task, place + index, object_id)
        self.places[task] += count
        self.handle(e.Yielded(worker, task, place, [(i, b"v", ()) for i in ids]))

    @precondition(lambda self: self.core.state.streams)
    @rule(data=st.data())
    def consume(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(sorted(self.core.state.streams)))
        stream = self.core.state.streams[task]
        if stream.limit and stream.consumed < stream.number:
            self.handle(e.Consumed(stream.reader, task, stream.consumed + 1))

    @precondition(lambda self: self.core.state.streams)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(sorted(self.core.state.streams)))
        reader = self.core.state.streams[task].reader
        self.model.close(reader, [task])
        self.handle(e.StreamsClosed(reader, [task]))


class CoreMachine(StreamRules):
    """Workers answer at once here; what crosses on the way is the simulation's matter."""

    @initialize()
    def start(self) -> None:
        total = {"CPU": 20_000, "GPU": 20_000}
        self.core = SchedulerCore(total, store_limit_bytes=LIMIT_BYTES, workers_target=2)
        self.granted = 0
        self.requests = 0
        self.victims: list[int] = []
        self.model = CoreModel()
        self.now = 1
        self.clients = 0
        self.ids: dict[int, int] = {}
        self.templates: dict[object, int] = {}
        self.inbox: dict[int, list[int]] = {}
        self.blocked: dict[int, int] = {}
        self.places: dict[int, int] = {}
        self.guests: set[int] = set()
        self._join(DRIVER, is_worker=False)
        self.join()

    @precondition(lambda self: len(self.inbox) < 5)
    @rule()
    def join(self) -> None:
        self.clients += 1
        self._join(self.clients, is_worker=True)

    @precondition(lambda self: len(self.guests) < 2)
    @rule()
    def attach(self) -> None:
        self.clients += 1
        self.guests.add(self.clients)
        self._join(self.clients, is_worker=False)

    @precondition(lambda self: self.guests)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self._leave(data.draw(st.sampled_from(sorted(self.guests))))

    def _leave(self, guest: int) -> None:
        self.guests.remove(guest)
        del self.model.held[guest]
        self.model.close(guest, sorted(self.core.state.streams))
        self.handle(e.ClientLost(guest, "left", 0))

    def speakers(self) -> list[int]:
        return [DRIVER, *sorted(self.guests), *self.busy()]

    @rule(data=st.data(), definition=definitions)
    def submit(self, data: st.DataObject, definition: tuple[object, ...]) -> None:
        client = data.draw(st.sampled_from(self.speakers()))
        parent = self.inbox[client][0] if client in self.inbox else 0
        key = (client, definition)
        if key not in self.templates:
            self.templates[key] = self.mint(client, 1)
            self.handle(e.Defined(client, self.templates[key], definition))  # type: ignore[arg-type]
        known = st.lists(st.sampled_from(sorted(self.model.held[client]) or [0]), max_size=3)
        deps = tuple(i for i in data.draw(known) if i)
        held = tuple(i for i in data.draw(known) if i)
        task = self.mint(client, definition[5])  # type: ignore[call-overload]
        limit = dict(definition[8]).get(STREAMING)  # type: ignore[call-overload]
        self.model.submit(client, task, deps, held, parent, definition[5], definition[6], limit)  # type: ignore[arg-type]
        self.handle(e.Submitted(client, [(task, self.templates[key], b"", deps, held, parent)]))

    @rule(data=st.data())
    def put(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(self.speakers()))
        inside = [data.draw(st.sampled_from(sorted(self.model.held[client]) or [0]))]
        contained = tuple(i for i in inside if i)
        object_id = self.mint(client, 1)
        self.model.put(client, object_id, contained)
        self.handle(e.Put(client, [(object_id, b"value", contained)]))

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(sorted(self.model.held)))
        if self.model.held[client]:
            object_id = data.draw(st.sampled_from(sorted(self.model.held[client])))
            self.model.held[client].remove(object_id)
            self.handle(e.Released(client, [object_id]))

    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        """A reference arrives at another process, inside something that still exists."""
        existing = sorted(self.model.existing())
        if existing:
            client = data.draw(st.sampled_from(sorted(self.model.held)))
            object_id = data.draw(st.sampled_from(existing))
            self.model.held[client].add(object_id)
            self.handle(e.Held(client, [object_id, object_id]))

    @precondition(lambda self: self.busy())
    @rule(
        data=st.data(), large=st.booleans(),
        status=st.sampled_from((OK, OK, OK, ERROR, RETRYABLE_ERROR)),
    )  # fmt: skip
    def finish(self, data: st.DataObject, status: int, large: bool) -> None:
        worker = data.draw(st.sampled_from(self.busy()))
        task_id = self.inbox[worker].pop(0)
        task = self.model.tasks[task_id]
        outputs: object = b"error"
        if status == OK:
            candidates = self.model.containable(task_id) & self.model.held[worker]
            inside = [data.draw(st.sampled_from(sorted(candidates) or [0]))]
            contained = tuple(i for i in inside if i) if task.results else ()
            self._succeed(worker, task_id, contained, large=large)
            return
        if status == RETRYABLE_ERROR:
            self.model.retry_or_fail(task_id, "error")
        else:
            self.model.fail(task_id, "error")
        self.handle(e.Finished(worker, [(task_id, status, outputs, 0, 10_000, 1)]))

    @precondition(lambda self: self.busy())
    @rule()
    def finish_all(self) -> None:
        """Whoever has something to do does some of it, with large results."""
        for worker in self.busy():
            while self.inbox.get(worker) and worker not in self.blocked:
                self._succeed(worker, self.inbox[worker].pop(0), large=True)

    @rule(data=st.data(), everything=st.sampled_from((True, True, False)))
    def lose_files(self, data: st.DataObject, everything: bool) -> None:
        """What is in memory goes to disk, and the disk is cleaned."""
        self.requests += 1
        self.victims = []
        self.handle(e.AllocationRequested(DRIVER, self.requests, LIMIT_BYTES))
        if self.victims:
            files = [(victim, f"{victim}-{self.requests}") for victim in self.victims]
            self.handle(e.SpilledOut(DRIVER, self.requests, files))
        self.handle(e.Abandoned(DRIVER, self.granted))
        objects = self.core.state.objects
        spilled = [i for i, record in objects.items() if record.spill_path is not None]
        for object_id in spilled if everything else data.draw(st.permutations(spilled))[:1]:
            path = objects[object_id].spill_path if object_id in objects else None
            if path is not None:
                self.model.lose(object_id)
                self.handle(e.ObjectLost(DRIVER, object_id, path, "gone"))

    @precondition(lambda self: self.busy())
    @rule(data=st.data())
    def block(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.busy()))
        running, *unstarted = self.inbox[worker]
        existing = st.sampled_from(sorted(self.model.existing()) or [99])
        self.inbox[worker] = [running]
        self.blocked[worker] = running
        for task in unstarted:
            self.model.give_back(task)
        self.handle(e.Blocked(worker, data.draw(st.lists(existing, max_size=3)), unstarted))

    @precondition(lambda self: self.blocked)
    @rule(data=st.data())
    def unblock(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(sorted(self.blocked)))
        del self.blocked[worker]
        self.handle(e.Unblocked(worker))

    @precondition(lambda self: self.busy())
    @rule(data=st.data())
    def hand_back(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.busy()))
        unstarted = self.inbox[worker][1:]
        del self.inbox[worker][1:]
        for task in unstarted:
            self.model.give_back(task)
        self.handle(e.Returned(worker, unstarted))

    @precondition(lambda self: self.model.tasks)
    @rule(data=st.data(), recursive=st.booleans())
    def cancel(self, data: st.DataObject, recursive: bool) -> None:
        task_id = data.draw(st.sampled_from(sorted(self.model.tasks)))
        task = self.model.tasks[task_id]
        if not task.results or task.results[0] not in self.model.existing() or task.ended:
            return
        self.model.cancel_family(task_id, recursive=recursive)
        self.handle(e.CancelRequested(DRIVER, task_id, False, recursive))

    @precondition(lambda self: self.inbox)
    @rule(data=st.data(), announced=st.booleans())
    def lose(self, data: st.DataObject, announced: bool) -> None:
        worker = data.draw(st.sampled_from(sorted(self.inbox)))
        self._lose(worker, announced)

    @rule(seconds=st.sampled_from((0, 1)))
    def tick(self, seconds: int) -> None:
        self.now += seconds * 1_000_000_000
        self.handle(e.Tick())

    @invariant()
    def agree(self) -> None:
        state = self.core.state
        check(state)
        assert set(state.tasks) == self.model.live()
        known = state.remains.values()
        self.model.remembered = {i for r in known for i in (*r.deps, *r.held)}
        assert set(state.objects) == self.model.existing()
        for object_id, record in state.objects.items():
            expected = self.model.objects[object_id].value
            assert (record.value is None) == (expected is None)
            assert is_error(record.value) == (expected not in (None, "ok"))
        for task_id, task in self.model.tasks.items():
            if not task.ended:
                assert (state.tasks[task_id].worker or None) == task.worker

    def teardown(self) -> None:
        """Everybody leaves and what was submitted runs: nothing may stay behind."""
        if not hasattr(self, "core"):
            return
        while self.inbox:  # one that is lost may end another: its place is needed
            self._lose(next(iter(self.inbox)), announced=False)
        self.model.close(DRIVER, sorted(self.core.state.streams))
        for guest in sorted(self.guests):
            self._leave(guest)
        del self.model.held[DRIVER]
        self.handle(e.ClientLost(DRIVER, "left", 0))
        state = self.core.state
        while state.tasks:
            if not self.busy():
                self.clients += 1
                self._join(self.clients, is_worker=True)
            worker = self.busy()[0]
            task = self.inbox[worker].pop(0)
            results = self.model.tasks[task].results
            self.model.succeed(task, ())
            outputs = [(b"v", ()) for _ in results]
            self.handle(e.Finished(worker, [(task, OK, outputs, 0, 10_000, 1)]))
            self.agree()
        left = (
            state.tasks, state.streams, state.objects, state.templates, state.children,
            state.inline_bytes,
        )  # fmt: skip
        assert not any(left), left
        assert state.available == state.total


TestCore = CoreMachine.TestCase
TestCore.settings = conversations(120, 40)
