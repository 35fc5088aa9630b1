"""What the simulated driver does: submit, put, wait, cancel, kill, compare, let go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.protocol.messages import ACTOR, METHOD, TASK
from ray_jupyter.testing.processes import TaskFailedError, Work
from ray_jupyter.testing.programs import (
    Get,
    Outcome,
    Pause,
    Plan,
    Spawn,
    Step,
    evaluate,
    evaluate_stream,
    may_read,
    places,
    random_plan,
    random_read,
)

if TYPE_CHECKING:
    from ray_jupyter.testing.simulation import World

Known = list[tuple[int, Outcome]]
"""References of the driver, and what must come out of them."""

CAUSES = {
    "WorkerCrashedError": ("crash",),
    "ActorDiedError": ("actor crash", "kill", "cancel", "crash", "exit", "name"),
    "ActorUnavailableError": ("actor crash", "kill"),
    "TaskCancelledError": ("cancel",),
    "ObjectStoreFullError": ("denied",),
    "ObjectReconstructionFailedError": ("lost file",),
}
"""Which accident permits which error."""


def scenario(world: World) -> Work:
    """Return the driver's computation."""
    yield ("pause",)
    driver, random = world.driver, world.random
    refs: Known = []
    for _ in range(random.randrange(1, 40)):
        kind = random.random()
        if kind < 0.5:
            _submit(world, refs)
        elif kind < 0.6:
            _burst(world, refs)
        elif kind < 0.65:
            yield from _stream(world, refs)
        elif kind < 0.75:
            _actor(world, refs)
        elif kind < 0.85:
            number = random.randrange(1000)
            size_bytes = random.choice((0, 5_000, 60_000))
            try:
                refs.append(((yield from driver.put(number, size_bytes)), Outcome(number)))
            except TaskFailedError as failure:
                _explain(world, failure, failed=False)
        elif kind < (0.9 if world.kind == "chaos" else 1) and refs:
            yield from _compare(world, *random.choice(refs))
        elif refs:
            _disturb(world, refs)
        if refs and random.random() < 0.15:
            driver.drop(refs.pop(random.randrange(len(refs)))[0])
        if refs and random.random() < 0.1:
            driver.post(e.ResumeRequested(0, driver.mint(), random.choice(refs)[0], 0))
        if random.random() < 0.03:
            driver.post(e.RenewalRequested(0))
        if random.random() < 0.05:  # all programs ask for two CPUs at most
            driver.post(e.ResizeRequested(0, driver.mint(), random.choice((2, 2, 3, 4))))
        if random.random() < 0.1:
            driver.post(e.Moved(0, 0, 1_000_000))
        if random.random() < 0.1:
            driver.post(e.CellBegan(0, driver.mint()))
        if random.random() < 0.3:
            yield ("pause",)
    for object_id, outcome in refs:
        yield from _compare(world, object_id, outcome)
    for actor in world.detached:
        driver.post(e.KillActorRequested(0, actor, True))
    for object_id, _ in refs:
        driver.drop(object_id)
    driver.undefine()
    yield from _settle(world)


def _submit(world: World, refs: Known) -> None:
    random = world.random
    retries = -1 if world.kind == "crashes" else None
    plan = random_plan(random, random.choice((0, 1, 1, 2, 3)), retries=retries)
    deps = _choose(world, refs, 0.4)
    deps = [ref for ref in deps if not ref[1].actor]
    held = _choose(world, refs, 0.4)
    outcomes = evaluate(plan, [o for _, o in deps], [o for _, o in held])
    dep_ids, held_ids = tuple(i for i, _ in deps), tuple(i for i, _ in held)
    task = world.submit(world.driver, plan, TASK, dep_ids, held_ids, held_ids, 0)
    refs += zip(range(task, task + plan.num_returns), outcomes, strict=False)


def _burst(world: World, refs: Known) -> None:
    """Submit many calls of one function: workers get some of them ahead of time."""
    random = world.random
    for _ in range(random.randrange(3, 30)):
        steps: tuple[Step, ...] = (Pause(),) if random.random() < 0.2 else ()
        if random.random() < 0.2:
            steps += (Spawn(Plan(1)), Get((-1,)))
        if random.random() < 0.2:
            steps += (Get((0,)),)
        held = _choose(world, refs, 0.2)[:1]
        plan = Plan(random.randrange(1000), steps, max_retries=-1)
        outcome = evaluate(plan, [], [o for _, o in held])[0]
        ids = tuple(i for i, _ in held)
        refs.append((world.submit(world.driver, plan, TASK, (), ids, ids, 0), outcome))


def _stream(world: World, refs: Known) -> Work:
    """Submit a task that yields, read some of it, let go."""
    driver, random = world.driver, world.random
    step = random_read(random, retries=-1 if world.kind == "crashes" else None)
    outcomes = [outcome for _, outcome in refs]
    if not may_read(step, outcomes):
        return
    actors = tuple(i for i, outcome in refs if outcome.actor)[:1] if step.plan.method else ()
    frame = driver.stack[-1]
    frame.calls += 1
    kind = METHOD if actors else TASK
    task = world.submit(driver, step.plan, kind, (), actors, (), frame.calls)
    expected, failed = evaluate_stream(step, outcomes)
    if world.kind == "chaos" and random.random() < 0.2:
        world.happened["cancel"] += 1
        driver.post(e.CancelRequested(0, task, random.random() < 0.3, random.random() < 0.5))
    try:
        numbers = yield from driver.read(task, step.take)
    except TaskFailedError as failure:
        _explain(world, failure, failed=failed)
    else:
        assert numbers == expected, f"stream {task} gave {numbers}, not {expected}"
        assert not failed, f"stream {task} ended well, and its task had to fail"
    driver.close(task)
    driver.drop(task)


def _choose(world: World, refs: Known, probability: float) -> Known:
    if not refs or world.random.random() > probability:
        return []
    return [refs[place % len(refs)] for place in places(world.random)]


def _actor(world: World, refs: Known) -> None:
    """Create an actor, or call one."""
    random = world.random
    actors = [ref for ref in refs if ref[1].actor]
    retries = -1 if world.kind == "crashes" else None
    plan = random_plan(random, random.choice((0, 1)), retries=retries, method=bool(actors))
    if not actors or random.random() < 0.1:
        plan = replace(
            plan, method=False, fails="" if actors else plan.fails, options=_options(world)
        )
        actor = world.submit(world.driver, plan, ACTOR, (), (), (), 0)
        world.actors.add(actor)
        if "detached" in dict(plan.options):
            world.detached.append(actor)
        refs.append((actor, Outcome(actor=True, failed=evaluate(plan, [], [])[0].failed)))
        return
    for _ in range(random.choice((1, 3))):
        actor, outcome = random.choice(actors)
        deps = [ref for ref in _choose(world, refs, 0.3) if not ref[1].actor]
        results = evaluate(plan, [outcome, *(o for _, o in deps)], [])
        frame = world.driver.stack[-1]
        frame.calls += 1
        ids = tuple(i for i, _ in deps)
        task = world.submit(world.driver, plan, METHOD, ids, (actor,), (), frame.calls)
        refs += zip(range(task, task + plan.num_returns), results, strict=False)


def _options(world: World) -> tuple[tuple[str, object], ...]:
    """Return the options of a new actor."""
    random = world.random
    options: dict[str, object] = {}
    restarts = -1 if world.kind == "crashes" else random.choice((0, 0, 1, 2, -1))
    if restarts:
        options["max_restarts"] = restarts
    if random.random() < 0.3:
        options["max_concurrency"] = 2
    if random.random() < 0.3 and not world.exact:
        world.happened["name"] += 1
        options |= {"name": random.choice("ab"), "namespace": "", "handle": b""}
        options |= {"detached": True} if random.random() < 0.5 else {}
    return tuple(options.items())


def _disturb(world: World, refs: Known) -> None:
    """Cancel a task, or kill an actor."""
    random = world.random
    object_id, outcome = random.choice(refs)
    world.happened["cancel"] += 1
    if outcome.actor and random.random() < 0.7:
        world.driver.post(e.KillActorRequested(0, object_id, random.random() < 0.5))
    elif random.random() < 0.2:
        world.driver.post(e.ActorSought(0, world.driver.mint(), "", random.choice("ab")))
    else:
        force, recursive = random.random() < 0.3, random.random() < 0.5
        world.driver.post(e.CancelRequested(0, object_id, force, recursive))


def _compare(world: World, object_id: int, outcome: Outcome, depth: int = 3) -> Work:
    """Wait for an object; it must be what the oracle says, or excused by an accident."""
    driver = world.driver
    try:
        number, inner = yield from driver.get(object_id)
    except TaskFailedError as failure:
        driver.post(e.Seen(0, [object_id]))
        _explain(world, failure, failed=outcome.failed)
        return
    if outcome.actor:
        return
    assert not outcome.failed, f"{object_id} is {number}, and its task had to fail"
    assert number == outcome.number, f"{object_id} is {number}, not {outcome.number}"
    assert len(inner) == len(outcome.inner), f"{object_id} has {inner} inside"
    for child in inner:
        driver.hold(child)
    for child, expected in zip(inner, outcome.inner, strict=True):
        if depth:
            yield from _compare(world, child, expected, depth - 1)
        driver.drop(child)


def _explain(world: World, failure: TaskFailedError, *, failed: bool) -> None:
    if failure.root == "user":
        assert failed, "a task failed by itself that had to succeed"
        return
    causes = CAUSES.get(failure.root, ())
    assert any(world.happened[cause] for cause in causes), f"{failure.root} without a cause"
    if world.exact and not world.happened["exit"]:
        assert failure.root == "ObjectStoreFullError" or failed, f"{failure.root} is not allowed"


def _settle(world: World) -> Work:
    """Wait until all tasks have ended; then every process lets go of what it caches."""
    yield ("quiet",)
    for process in world.processes.values():
        process.undefine()
        process.reclaim()
