"""Abstract tasks for the simulation: what they do, and what must come out.

A ``Plan`` is a small program: submit children, wait for them, put values, end. It is
deterministic, so ``evaluate`` knows its result without any scheduler. Numbers inside steps
are places in the list of references that the task has (modulo its length), so every plan
makes sense whatever it is given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

SHAPES = (
    (("CPU", 10_000),),
    (("CPU", 10_000),),
    (("CPU", 10_000),),
    (("CPU", 5_000),),
    (("CPU", 20_000),),
    (("CPU", 10_000), ("environment a", 0)),
    (("CPU", 10_000), ("environment b", 0)),
    (),
)
"""Resources of tasks; the simulated machine has two CPUs."""
GPU_SHAPES = (
    (("CPU", 10_000), ("GPU", 10_000)),
    (("CPU", 5_000), ("GPU", 5_000)),
    (("GPU", 20_000),),
    (("GPU", 2_500), ("environment a", 0)),
)
"""Those of tasks that wait for nothing: a task that waits keeps its GPU."""


@dataclass(frozen=True)
class Spawn:
    """Submit a task; its first result is appended to the references."""

    plan: Plan
    deps: tuple[int, ...] = ()
    held: tuple[int, ...] = ()


@dataclass(frozen=True)
class Call:
    """Call a method of the first actor among the references, if there is one."""

    plan: Plan
    deps: tuple[int, ...] = ()


@dataclass(frozen=True)
class Get:
    """Wait for values and add them up; references inside them are appended."""

    places: tuple[int, ...]


@dataclass(frozen=True)
class Peek:
    """Wait for values, for a short time only."""

    places: tuple[int, ...]


@dataclass(frozen=True)
class Put:
    """Put a value; the reference is appended."""

    number: int
    size_bytes: int


@dataclass(frozen=True)
class Pause:
    """Compute for a while."""


@dataclass(frozen=True)
class Read:
    """Submit a task that yields, add up at most ``take`` items, and close the stream.

    A method is called of the first actor among the references, if there is one.
    """

    plan: Plan
    take: int


Step: TypeAlias = "Spawn | Call | Get | Peek | Put | Pause | Read"


@dataclass(frozen=True)
class Plan:
    """One task. ``size_bytes`` 0 means that its results are small and travel inline."""

    number: int
    steps: tuple[Step, ...] = ()
    num_returns: int = 1
    size_bytes: int = 0
    returned: tuple[int, ...] = ()
    fails: str = ""
    """"" or ``"error"`` or ``"retryable"``; a call of an actor also ``"exit"``."""
    max_retries: int = 3
    shape: tuple[tuple[str, int], ...] = SHAPES[0]
    max_calls: int = 0
    method: bool = False
    """A call of an actor. It gets no references: it could wait for its own caller."""
    yields: int | None = None
    """How many items it yields, the numbers from ``number`` on, before it fails or ends."""
    limit: int = 0
    """Most items that wait untaken; 0 is no limit."""
    options: tuple[tuple[str, object], ...] = ()
    """What an actor is made with: the extras of its template."""


@dataclass
class Outcome:
    """What a reference stands for: a number and references inside, an error, or an actor."""

    number: int = 0
    inner: list[Outcome] = field(default_factory=list)
    failed: bool = False
    actor: bool = False


def evaluate(plan: Plan, deps: list[Outcome], refs: list[Outcome]) -> list[Outcome]:
    """Return the outcomes of a task's results (of its first one if it has none)."""
    count = max(1, plan.num_returns)
    if any(dep.failed for dep in deps):
        return [Outcome(failed=True)] * count
    number = plan.number + sum(dep.number for dep in deps)
    refs = [] if plan.method else [*refs, *(ref for dep in deps for ref in dep.inner)]
    failed = False
    for step in plan.steps:
        if isinstance(step, Spawn):
            held = choose(refs, step.held)
            refs += evaluate(step.plan, values(refs, step.deps), held)[: step.plan.num_returns][:1]
        elif isinstance(step, Call) and any(ref.actor for ref in refs):
            actor = next(ref for ref in refs if ref.actor)
            results = evaluate(step.plan, [actor, *values(refs, step.deps)], [])
            refs += results[: step.plan.num_returns][:1]
        elif isinstance(step, Put):
            refs.append(Outcome(step.number))
        elif isinstance(step, Get):
            got = values(refs, step.places)
            failed = any(ref.failed for ref in got)
            if failed:
                break
            number += sum(ref.number for ref in got)
            refs += [inner for ref in got for inner in ref.inner]
        elif isinstance(step, Read) and may_read(step, refs):
            numbers, failed = evaluate_stream(step, refs)
            if failed:
                break
            number += sum(numbers)
    if failed or plan.fails:
        return [Outcome(failed=True)] * count
    inner = values(refs, plan.returned)
    return [Outcome(number + i, inner if i == 0 else []) for i in range(count)]


def may_read(step: Read, refs: list[Outcome]) -> bool:
    """Return whether there is whom to call."""
    return not step.plan.method or any(ref.actor for ref in refs)


def evaluate_stream(step: Read, refs: list[Outcome]) -> tuple[list[int], bool]:
    """Return the items that a reader takes, and whether it comes to an error."""
    plan = step.plan
    if plan.method and next(ref for ref in refs if ref.actor).failed:
        return [], step.take > 0
    count = plan.yields or 0
    numbers = [plan.number + place for place in range(min(step.take, count))]
    return numbers, bool(plan.fails) and step.take > count


def choose(refs: list[Outcome], places: tuple[int, ...]) -> list[Outcome]:
    """Return the references at ``places``."""
    return [refs[place % len(refs)] for place in places] if refs else []


def values(refs: list[Outcome], places: tuple[int, ...]) -> list[Outcome]:
    """Return those at ``places`` that stand for values; a handle of an actor does not."""
    return [ref for ref in choose(refs, places) if not ref.actor]


def random_plan(
    random: Random, depth: int, *, retries: int | None = None, method: bool = False
) -> Plan:
    """Return a plan whose tasks nest at most ``depth`` deep.

    Args:
        random: where the choices come from.
        depth: levels of tasks below this one.
        retries: ``max_retries`` of every task; chosen for each if ``None``.
        method: a call of an actor: no resources of its own, never repeated.
    """
    steps: list[Step] = []
    for _ in range(random.choice((0, 0, 1, 2, 3, 5)) if depth else random.choice((0, 0, 1))):
        steps.append(_random_step(random, depth, retries))
    waits = any(isinstance(step, (Get, Peek)) for step in steps)
    shapes = GPU_SHAPES if not waits and random.random() < 0.1 else SHAPES
    return Plan(
        number=random.randrange(1000),
        steps=tuple(steps),
        num_returns=random.choice((1, 1, 1, 1, 2, 3, 0)),
        size_bytes=random.choice((0, 0, 0, 5_000, 40_000)),
        returned=places(random) if random.random() < 0.3 else (),
        fails=_ending(random, retries, method) if random.random() < 0.06 else "",
        max_retries=random.choice((0, 0, 1) if method else (0, 1, 3))
        if retries is None
        else retries,
        shape=() if method else random.choice(shapes),
        max_calls=random.choice((1, 2)) if not method and random.random() < 0.05 else 0,
        method=method,
    )


def _ending(random: Random, retries: int | None, method: bool) -> str:
    """Return how a plan fails. A call that an actor repeats would come out of order."""
    others = ("error",) if retries == -1 else ("exit",) if method else ("retryable",)
    return random.choice(("error", *others))


def places(random: Random) -> tuple[int, ...]:
    """Return a few places."""
    return tuple(random.randrange(8) for _ in range(random.choice((1, 1, 2, 3))))


def random_read(random: Random, *, retries: int | None = None) -> Read:
    """Return a stream and a reader that takes all of it, or not."""
    method = random.random() < 0.2
    limit = random.choice((0, 0, 1, 2))
    count = random.randrange(6)
    if retries is None:
        max_retries = 0 if method else random.choice((0, 1, 3))
    else:
        max_retries = retries
    plan = Plan(
        number=random.randrange(1000),
        size_bytes=random.choice((0, 0, 5_000, 40_000)),
        fails=random.choice(("error", "error" if retries == -1 else "retryable"))
        if random.random() < 0.1
        else "",
        max_retries=max_retries,
        shape=() if method else random.choice(SHAPES),
        method=method,
        yields=count,
        limit=limit,
    )
    return Read(plan, random.choice((0, 1, count, count + 1, count + 1)))


def _random_step(random: Random, depth: int, retries: int | None) -> Step:
    if depth and random.random() < 0.1:
        return random_read(random, retries=retries)
    kind = random.random()
    if depth and kind < 0.45:
        plan = random_plan(random, depth - 1, retries=retries)
        few = places(random) if random.random() < 0.4 else ()
        return Spawn(plan, deps=few, held=places(random) if random.random() < 0.4 else ())
    if depth and kind < 0.55:
        plan = random_plan(random, depth - 1, retries=retries, method=True)
        return Call(plan, deps=places(random) if random.random() < 0.4 else ())
    if kind < 0.8:
        return Get(places(random))
    if kind < 0.85:
        return Peek(places(random))
    if kind < 0.92:
        return Put(random.randrange(1000), random.choice((0, 0, 5_000, 40_000)))
    return Pause()
