"""The scheduler core among fake processes, in a world that one seed decides.

Lives here: the world (channels, memory, clock, accidents). See also ``processes`` and
``worker`` (who takes part), ``scenario`` (what the driver does), ``programs`` (what tasks do
and what must come out). Run one seed with::

    python -m ray_jupyter.testing.simulation --seed 7

Rules
    * Messages of one client stay in order; between clients everything may overtake.
    * A process may die at any point: what it has not sent is lost, and so is a part of what
      it has; then the scheduler is told.
    * Time stands still while somebody can act, jumps to the next deadline otherwise, and
      sometimes jumps anyway.
    * After every event all invariants of the core hold. In the end nothing is left.
"""

from __future__ import annotations

import argparse
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from random import Random

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core.invariants import check
from ray_jupyter.runtime.core.scheduler import SchedulerCore
from ray_jupyter.runtime.protocol.messages import OPEN, STORED
from ray_jupyter.testing.ledger import Ledger
from ray_jupyter.testing.memory import FakeMemory
from ray_jupyter.testing.processes import FakeDriver, FakeProcess
from ray_jupyter.testing.scenario import scenario
from ray_jupyter.testing.worker import FakeWorker

STEPS_LIMIT = 60_000
TRACE_LINES = 80
RETURNS_LIMIT = 15
"""No task is handed back so often: the scheduler would be sending it in circles."""
EMPTY_AT_THE_END = (
    "tasks", "objects", "unreferenced", "grants", "allocations", "templates", "actors", "names",
    "children", "streams", "inline_bytes", "spilled_bytes", "lineage", "remains",
)  # fmt: skip
KINDS = ("calm", "crashes", "chaos", "memory")


class SimulationError(AssertionError):
    """A seed failed. The text ends with how to run it again."""


class World(Ledger):
    """One run. ``kind``, of ``KINDS``, says which accidents happen."""

    def __init__(self, seed: int, make_core: Callable[..., SchedulerCore] = SchedulerCore) -> None:
        super().__init__(Random(seed))
        self.seed = seed
        self.kind = KINDS[seed % len(KINDS)]
        self.now_ns = 1_000
        self.target = self.random.choice((1, 2, 2, 3))
        limit = 200_000 if self.kind == "memory" else 4_000_000
        self.total = {"CPU": 20_000, "GPU": 20_000, "slot": 40_000}
        self.core = make_core(dict(self.total), store_limit_bytes=limit, workers_target=self.target)
        self.memory = FakeMemory(self.random, may_fail=self.kind == "memory")
        self.processes: dict[int, FakeProcess] = {}
        self.up: dict[int, deque[e.Event]] = {}
        self.down: dict[int, deque[c.Command]] = {}
        self.speed: dict[int, float] = {}
        self.joining = self.target
        self.clients = 0
        self.returned: Counter[int] = Counter()
        self.stale: list[e.Finished] = []
        self.happened: Counter[str] = Counter()
        self.trace: deque[str] = deque(maxlen=TRACE_LINES)
        self.core.state.starting = self.target
        self._join(FakeDriver(self, scenario(self)))

    # What the fakes use

    @property
    def exact(self) -> bool:
        """Whether every task must get its right result, whatever happens."""
        return self.kind in ("calm", "crashes")

    @property
    def driver(self) -> FakeProcess:
        """Client 0."""
        return self.processes[0]

    def send(self, client: int, events: list[e.Event]) -> None:
        """Take what a process sends."""
        self.up[client] += events

    def is_quiet(self) -> bool:
        """Return whether nothing moves except the driver, and all tasks have ended."""
        others = [process for process in self.processes.values() if process is not self.driver]
        moving = any(process.outgoing or process.can_step() for process in others)
        travelling = any(self.up.values()) or any(self.down.values())
        return not (moving or travelling or self.driver.outgoing or self.core.state.tasks)

    def exit(self, worker: FakeProcess) -> None:
        """A worker that was stopped ends."""
        self.end_process(worker.id, "exited", 0, lose=False)

    # Processes

    def _join(self, process: FakeProcess) -> None:
        self.processes[process.id] = process
        self.up[process.id] = deque([e.ClientJoined(process.id, process.is_worker, process.id)])
        self.down[process.id] = deque()
        self.speed[process.id] = self.random.choice((0.1, 1.0, 1.0, 3.0))

    def end_process(self, client: int, reason: str, running: int, *, lose: bool) -> None:
        """A process is gone, with a part of what it has sent if ``lose``."""
        sent = self.up[client]
        if lose:
            for _ in range(self.random.randrange(len(sent) + 1)):
                if not isinstance(sent[-1], e.ClientJoined):
                    sent.pop()
        sent.append(e.ClientLost(client, reason, running))
        self.memory.forget(client)
        del self.processes[client], self.down[client]

    def crash(self, client: int, reason: str = "was killed by SIGKILL") -> None:
        """A worker dies now."""
        worker = self.processes[client]
        assert isinstance(worker, FakeWorker), f"client {client} is no worker: {reason}"
        self.happened["crash"] += 1
        if worker.actor:
            self.happened["actor crash"] += 1
        self.note(f"- worker {client} dies, running {worker.running}")
        self.end_process(client, reason, worker.running, lose=True)

    # The scheduler

    def handle(self, event: e.Event) -> None:
        """Give the core an event and carry out its commands."""
        self.note(f"> {event}")
        self.happened[type(event).__name__] += 1
        if isinstance(event, (e.Returned, e.Blocked)):
            self.returned.update(event.tasks if isinstance(event, e.Returned) else event.returned)
            assert max(self.returned.values(), default=0) < RETURNS_LIMIT, "sent for nothing"
        commands = self.core.handle(event, self.now_ns)
        check(self.core.state)
        for command in commands:
            self.note(f"<   {command}")
            name = (
                "DispatchInPlace" if getattr(command, "in_place", False) else type(command).__name__
            )
            self.happened[name] += 1
            self._carry_out(command)

    def _carry_out(self, command: c.Command) -> None:
        if isinstance(command, c.StartWorkers):
            self.joining += command.number
        elif isinstance(command, c.RemoveFiles):
            self.memory.remove(command.paths)
        elif isinstance(command, c.Complain):
            self.happened["complaint"] += 1
        elif isinstance(command, c.KillWorker):
            if command.client in self.processes:
                self.happened["kill"] += 1
                self.crash(command.client)
        elif command.client in self.down:
            if isinstance(command, c.Deny):
                self.happened["denied"] += 1
            self.down[command.client].append(command)

    def note(self, line: str) -> None:
        """Add a line to the story."""
        self.trace.append(f"{self.now_ns} {line}")

    # Actions

    def run(self) -> None:
        """Run to the end.

        Raises:
            SimulationError: something that must hold does not.
        """
        try:
            for _ in range(STEPS_LIMIT):
                if not self._act():
                    break
            else:
                raise AssertionError(f"not over after {STEPS_LIMIT} steps")
            self._check_end()
        except Exception as error:
            command = f"python -m ray_jupyter.testing.simulation --seed {self.seed}"
            story = "\n".join(self.trace)
            raise SimulationError(
                f"seed {self.seed} ({self.kind}): {type(error).__name__}: {error}\n{story}\n"
                f"run it again: {command}"
            ) from error

    def _act(self) -> bool:
        """Do one thing; return ``False`` when nothing can happen any more."""
        random = self.random
        self.now_ns += random.randrange(1, 20_000)
        actions: list[Callable[[], None]] = []
        weights: list[float] = []
        for client, sent in self.up.items():
            if sent:
                actions.append(partial(self._deliver_up, client))
                weights.append(self.speed[client])
        for client, process in self.processes.items():
            if self.down[client]:
                actions.append(partial(self._deliver_down, client))
                weights.append(self.speed[client])
            if process.can_step():
                actions.append(process.step)
                weights.append(1.0)
            if process.outgoing:
                actions.append(process.flush)
                weights.append(0.3)
        if self.joining:
            actions.append(self._start_worker)
            weights.append(0.3)
        if random.random() < 0.01 or not actions:
            return self._jump() or bool(actions)
        if random.random() < 0.01:
            self._accident()
            return True
        random.choices(actions, weights)[0]()
        return True

    def _deliver_up(self, client: int) -> None:
        event = self.up[client].popleft()
        if isinstance(event, e.ClientLost):
            del self.up[client]
        self.handle(event)
        if isinstance(event, e.Finished) and self.random.random() < 0.1:
            final = [r for r in event.results if r[1] != 2 and not _has_memory(r[2])]
            self.stale.append(e.Finished(client, final))

    def _deliver_down(self, client: int) -> None:
        command = self.down[client].popleft()
        self.note(f"  {client} receives {type(command).__name__}")
        self.processes[client].receive(command)

    def _start_worker(self) -> None:
        self.joining -= 1
        if self.random.random() < 0.03 and not self.exact:
            self.handle(e.WorkerRefused())
            return
        self.clients += 1
        self._join(FakeWorker(self, self.clients))

    def _jump(self) -> bool:
        """Time passes until something is due; return whether there is anything."""
        deadline = self.core.next_deadline_ns()
        frames = [process.stack[-1] for process in self.processes.values() if process.stack]
        sleeping = [f.wants[1] for f in frames if f.wants is not None and f.wants[0] == "sleep"]
        if sleeping and (deadline is None or min(sleeping) < deadline):
            self.now_ns = max(self.now_ns, min(sleeping))
            return True
        if deadline is None:
            return False
        self.now_ns = max(self.now_ns, deadline)
        for _ in range(3):  # what one Tick starts may make something else due
            self.handle(e.Tick())
            after = self.core.next_deadline_ns()
            if after is None or after > self.now_ns:
                return True
        raise AssertionError(f"a Tick does not move the deadline {after}")

    def _accident(self) -> None:
        random = self.random
        workers = [p for p in self.processes.values() if isinstance(p, FakeWorker)]
        if self.stale and random.random() < 0.5:
            event = self.stale.pop(random.randrange(len(self.stale)))
            if event.client in self.processes:
                self.handle(event)
        elif self.kind == "memory" and random.random() < 0.5:
            self.happened["lost file"] += self.memory.lose()
        elif workers and self.kind in ("crashes", "chaos") and self.happened["crash"] < 8:
            self.crash(random.choice(workers).id)

    def _check_end(self) -> None:
        """Nobody can do anything any more: everything must be over."""
        state = self.core.state
        assert not self.driver.stack, f"the driver still waits for {self.driver.stack[-1].wants}"
        assert state.finished + state.failed == state.records_total
        ended = [(record[0], record[8]) for record in state.records]
        again = self.happened["lost file"] or self.happened["Retract"]
        assert again or len(set(ended)) == len(ended), "a task ended twice"
        if not (self.happened["crash"] or self.happened["exit"]):
            tasks = {task for task, _ in ended}  # some of them again: what they made was lost
            assert len(tasks) == self.submitted, f"{self.submitted} submitted, {len(tasks)} ended"
        for process in self.processes.values():
            for task, stream in process.streams.items():
                assert stream.state != OPEN, f"client {process.id} was not told of {task}'s end"
            told = process.total or self.total
            assert told == state.total, f"client {process.id} believes that there is {told}"
        left = {name: value for name in EMPTY_AT_THE_END if (value := getattr(state, name))}
        assert not left, f"left behind: {left}"
        assert not state.allocator.allocated, f"memory in use: {state.allocator.allocated}"
        assert not self.memory.files, f"files left: {self.memory.files}"
        assert state.available == {**state.available, **state.total}
        if not (self.happened["crash"] or self.happened["cancel"]):
            assert len(state.idle) <= state.workers_target, f"spares left: {list(state.idle)}"


def _has_memory(outputs: object) -> bool:
    return isinstance(outputs, list) and any(
        isinstance(value, tuple) and value[0] == STORED for value, _ in outputs
    )


def run(seed: int, make_core: Callable[..., SchedulerCore] = SchedulerCore) -> World:
    """Run one seed and return the world as it was in the end.

    Raises:
        SimulationError: with the trace, and the command line that repeats it.
    """
    world = World(seed, make_core)
    world.run()
    return world


def main() -> None:
    """Run seeds from the command line."""
    parser = argparse.ArgumentParser(description="Simulate the scheduler core.")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help="how many seeds from there on")
    options = parser.parse_args()
    for seed in range(options.seed, options.seed + options.count):
        world = run(seed)
        print(f"seed {seed}: {world.kind}, {world.submitted} tasks, {dict(world.happened)}")


if __name__ == "__main__":
    main()
