"""Slow and obvious models of the scheduler core, its references and its allocator.

They keep what was done and derive everything else from scratch, by fixpoints and sets of
pages. The stateful tests do the same to the real thing and to the model, and compare.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PAGE_BYTES = 4096


@dataclass
class ModelTask:
    """A task, from its submission on. ``worker`` is where it is, if anywhere."""

    deps: tuple[int, ...]
    held: tuple[int, ...]
    parent: int
    results: tuple[int, ...]
    retries_left: int
    worker: int | None = None
    cancelled: bool = False
    dooms_children: bool = False
    ended: bool = False
    reader: int | None = None
    """Who reads what it yields, if it does and somebody reads."""
    limit: int = 0
    yielded: int = 0
    may_repeat: bool = True
    sources: dict[int, int | None] | None = None
    """Once it made something large: how inputs, and what is inside of small ones, can be had again,
    by tasks (0: they are small)."""
    inside: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """What small inputs contained then."""
    excused: set[int] = field(default_factory=set)
    """Inputs that were lost while a worker had the task: it will find out there."""


@dataclass
class ModelObject:
    """An object, from the day it is named on. ``value``: ``"ok"``, an error, or not there."""

    value: str | None = None
    contained: tuple[int, ...] = ()
    producer: int | None = None
    large: bool = False


@dataclass
class CoreModel:
    """What must be true of tasks and objects after what has happened."""

    tasks: dict[int, ModelTask] = field(default_factory=dict)
    objects: dict[int, ModelObject] = field(default_factory=dict)
    held: dict[int, set[int]] = field(default_factory=dict)
    """By process."""
    remembered: set[int] = field(default_factory=set)
    """What failed tasks were given and may need again: which of them are remembered is not
    modelled here (``test_resuming`` has that), so the core says so."""

    # What happens

    def submit(
        self, client: int, task: int, deps: tuple[int, ...], held: tuple[int, ...],
        parent: int, num_returns: int, retries: int, limit: int | None = None,
    ) -> None:  # fmt: skip
        """A process submits a task; it has references to the results."""
        results = tuple(range(task, task + num_returns))
        self.tasks[task] = ModelTask(
            deps, held, parent, results, retries, may_repeat=retries != 0 and limit is None
        )
        if limit is not None:
            self.tasks[task].reader, self.tasks[task].limit = client, limit
        for object_id in results:
            self.objects[object_id] = ModelObject(producer=task)
            self.held[client].add(object_id)
        self._spread_errors()
        above = self.tasks.get(parent)
        if above is not None and above.dooms_children and not above.ended:
            self.tasks[task].dooms_children = True
            self.cancel(task)

    def put(self, client: int, object_id: int, contained: tuple[int, ...]) -> None:
        """A process puts a value."""
        self.objects[object_id] = ModelObject("ok", contained)
        self.held[client].add(object_id)

    def assign(self, task_id: int, worker: int) -> None:
        """The scheduler sends a task to a worker: it must be ready, and nowhere else."""
        task = self.tasks[task_id]
        assert not task.ended, f"task {task_id} has ended and is sent to {worker}"
        assert task.worker is None, f"task {task_id} is with {task.worker} and sent to {worker}"
        assert task_id in self.ready(), f"task {task_id} is sent before its dependencies are there"
        task.worker = worker

    def give_back(self, task_id: int) -> None:
        """A worker hands a task back."""
        self.tasks[task_id].worker = None
        if self.tasks[task_id].cancelled:
            self.fail(task_id, "cancelled")

    def succeed(self, task_id: int, contained: tuple[int, ...], *, large: bool = False) -> None:
        """A task ends well; ``contained`` are references in its first result."""
        task = self.tasks[task_id]
        self._end(task)
        for index, object_id in enumerate(task.results):
            record = self.objects[object_id]
            if record.value is None:  # else the task ran again, for another result
                record.value = "ok"
                record.contained = contained if index == 0 else ()
                record.large = large and index == 0
        if large and task.may_repeat and task.sources is None:
            self._remember_inputs(task)
        self._spread_errors()

    def _remember_inputs(self, task: ModelTask) -> None:
        task.sources = {}
        wanted = [*task.deps, *task.held]
        for object_id in wanted:  # it grows
            if object_id not in task.sources:
                task.sources[object_id] = self._source(object_id)
                if task.sources[object_id] == 0:
                    task.inside[object_id] = self.objects[object_id].contained
                    wanted += task.inside[object_id]

    def _source(self, object_id: int) -> int | None:
        record = self.objects[object_id]
        if record.large:  # also while it is lost
            return record.producer
        return 0 if record.value == "ok" else None

    def lose(self, object_id: int) -> None:
        """The file of a spilled object is gone: its task runs again, if that can help."""
        lost = self.objects[object_id]
        task_id = lost.producer
        lost.value = None
        if task_id is None or not self._can_repeat(task_id, {}):
            lost.value, lost.contained = "lost", ()
            self._spread_errors()
        else:
            self._repeat(task_id)

    def _can_repeat(self, task_id: int, known: dict[int, bool]) -> bool:
        task = self.tasks[task_id]
        if task_id not in known:
            sources = task.sources if task.retries_left else None
            known[task_id] = not task.ended or (sources is not None and all(
                source == 0 or self._is_there(i)
                or (source is not None and self._can_repeat(source, known))
                for i, source in sources.items()
            ))  # fmt: skip
        return known[task_id]

    def _is_there(self, object_id: int) -> bool:
        return self.objects[object_id].value in (None, "ok") and object_id in self.existing()

    def _repeat(self, task_id: int) -> None:
        task = self.tasks[task_id]
        if not task.ended:
            return
        gone = [i for i in task.sources or () if not self._is_there(i)]
        task.ended = task.cancelled = task.dooms_children = False
        task.parent = 0
        task.retries_left -= 1
        for object_id in gone:
            source = (task.sources or {})[object_id]
            record = self.objects[object_id]
            record.value = "ok" if source == 0 else None
            record.contained = task.inside.get(object_id, ())
            if source:
                self._repeat(source)

    def fail(self, task_id: int, error: str) -> None:
        """A task ends badly, and so does what needs it."""
        self._end(self.tasks[task_id])
        for object_id in self.tasks[task_id].results:
            if self.objects[object_id].value is None:
                self.objects[object_id].value = error
        self._spread_errors()

    def retry_or_fail(self, task_id: int, error: str) -> None:
        """An attempt is lost."""
        task = self.tasks[task_id]
        task.worker = None
        if task.cancelled:
            self.fail(task_id, "cancelled" if error == "crashed" else error)
        elif task.retries_left:
            task.retries_left -= 1
        else:
            self.fail(task_id, error)

    def cancel(self, task_id: int) -> None:
        """Somebody cancels a task: one that no worker has ends at once."""
        task = self.tasks[task_id]
        if not task.ended and task.worker is None:
            self.fail(task_id, "cancelled")
        elif not task.ended:
            task.cancelled = True

    def cancel_family(self, task_id: int, *, recursive: bool) -> None:
        """Somebody cancels a task, and its children if ``recursive``."""
        for member in reversed(self.family(task_id) if recursive else [task_id]):
            self.tasks[member].dooms_children |= recursive
            self.cancel(member)

    def yield_item(self, task_id: int, place: int, object_id: int) -> None:
        """A running attempt yields; the item is the reader's, unless it came before."""
        task = self.tasks[task_id]
        if task.reader is not None and place == task.yielded:
            task.yielded += 1
            self.objects[object_id] = ModelObject("ok")
            self.held[task.reader].add(object_id)

    def close(self, reader: int, task_ids: list[int]) -> None:
        """A process reads no more: who would pause for it is cancelled."""
        closed = [i for i in task_ids if self.tasks[i].reader == reader]
        for task_id in closed:
            self.tasks[task_id].reader = None
        for task_id in closed:
            if self.tasks[task_id].limit and not self.tasks[task_id].ended:
                self.cancel_family(task_id, recursive=True)

    def _end(self, task: ModelTask) -> None:
        task.ended, task.worker, task.reader = True, None, None

    def _spread_errors(self) -> None:
        for task_id, task in self.tasks.items():
            values = {i: self.objects[i].value for i in task.deps}
            errors = {i: v for i, v in values.items() if v not in (None, "ok")}
            if task.worker is not None:
                task.excused |= errors.keys()
            elif not task.ended and None not in values.values() and errors.keys() - task.excused:
                self.fail(task_id, next(iter(errors.values())) or "")

    # What must hold

    def live(self) -> set[int]:
        """Return the tasks that have not ended."""
        return {task_id for task_id, task in self.tasks.items() if not task.ended}

    def ready(self) -> set[int]:
        """Return the tasks that could run: they have all they need, and no worker."""
        return {
            task_id
            for task_id in self.live()
            if self.tasks[task_id].worker is None
            and all(
                self.objects[i].value == "ok" or i in self.tasks[task_id].excused
                for i in self.tasks[task_id].deps
            )
        }

    def family(self, task_id: int) -> list[int]:
        """Return the live descendants of a task, it first."""
        members = [task_id]
        for member in members:
            members += [i for i in self.live() if self.tasks[i].parent == member]
        return members

    def existing(self) -> set[int]:
        """Return the objects that must exist: all that somebody can still reach."""
        live = [self.tasks[task_id] for task_id in self.live()]
        roots = [*self.remembered, *(i for held in self.held.values() for i in held)]
        roots += [i for task in live for i in (*task.deps, *task.held)]
        roots += [i for t in live for i in t.results if self.objects[i].value is None]
        return self._reachable(roots)

    def containable(self, task_id: int) -> set[int]:
        """Return what a task's result may contain. References in circles are never freed."""
        age = {object_id: age for age, object_id in enumerate(self.objects)}
        results = set(self.tasks[task_id].results)
        youngest = min((age[i] for i in results), default=0)
        return {
            object_id
            for object_id, record in self.objects.items()
            if (record.value is not None or age[object_id] < youngest)
            and not self._reachable([object_id]) & results
        }

    def _reachable(self, roots: list[int]) -> set[int]:
        found: set[int] = set()
        while roots:
            object_id = roots.pop()
            if object_id not in found:
                found.add(object_id)
                roots += self.objects[object_id].contained
        return found


@dataclass
class ActorModel:
    """One actor and the calls of one caller: where each is, and what came of it."""

    restarts_left: int
    life: str = "made"
    """``"made"`` (its constructor is to run), ``"lives"`` or ``"dead"``."""
    sent: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    retries_left: dict[int, int] = field(default_factory=dict)
    ended: dict[int, str] = field(default_factory=dict)

    def call(self, task: int, retries: int) -> None:
        """Somebody calls it."""
        self.retries_left[task] = retries
        if self.life == "dead":
            self.ended[task] = "died"
        else:
            self._queue([task])

    def construct(self) -> None:
        """Its constructor returns."""
        self.life = "lives"
        self._queue([])

    def end_first(self, outcome: str) -> None:
        """The call it runs ends; a retryable one may go in again, after those sent meanwhile."""
        task = self.sent.pop(0)
        if outcome == "again" and self.retries_left[task]:
            self.retries_left[task] -= 1
            self._queue([task])
        else:
            self.ended[task] = outcome

    def lose(self, *, started: bool) -> None:
        """Its process dies; ``started``: while it ran the first of its calls."""
        if self.life == "dead" or not self.restarts_left:
            self.die()
            return
        self.restarts_left -= 1
        self.life = "made"
        lost, self.sent = self.sent, []
        if started and lost:
            if self.retries_left[lost[0]]:
                self.retries_left[lost[0]] -= 1
            else:
                self.ended[lost.pop(0)] = "unavailable"
        self.waiting = lost + self.waiting

    def doom(self) -> None:
        """It shall not live again; what it runs may still end, what waits does not begin."""
        self.life = "dead"

    def leave(self) -> None:
        """It exits: what waits fails at once."""
        self.doom()
        self.ended |= dict.fromkeys(self.waiting, "died")
        self.waiting = []

    def die(self) -> None:
        """It is gone for good, and everything fails."""
        self.life = "dead"
        self.ended |= dict.fromkeys([*self.sent, *self.waiting], "died")
        self.sent, self.waiting = [], []

    def _queue(self, tasks: list[int]) -> None:
        self.waiting += tasks
        if self.life == "lives":
            self.sent += self.waiting
            self.waiting = []
