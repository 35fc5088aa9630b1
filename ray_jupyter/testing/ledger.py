"""What was submitted in a simulation, by id: so fakes need no pickles, and order is judged."""

from __future__ import annotations

from random import Random
from typing import Any

from ray_jupyter.runtime.protocol.messages import (
    ACTOR,
    MAX_CALLS,
    STREAMING,
    TASK,
    Definition,
)
from ray_jupyter.testing.processes import FakeProcess
from ray_jupyter.testing.programs import Plan
from ray_jupyter.testing.streams import ReadStream


def definition_of(
    plan: Plan, kind: str = TASK, closure: tuple[int, ...] = (), name: str = "plan"
) -> Definition:
    """Return the template of a plan's calls; ``closure`` are references in its function."""
    returns = 1 if kind == ACTOR else plan.num_returns
    shape = (("slot", 10_000),) if kind == ACTOR else plan.shape
    extras: tuple[tuple[str, Any], ...] = (
        plan.options if plan.yields is None else ((STREAMING, plan.limit),)
    )
    if plan.max_calls and kind == TASK:
        extras += ((MAX_CALLS, plan.max_calls),)
    return (kind, name, b"", closure, shape, returns, plan.max_retries, "", extras)


class Ledger:
    """Everything that any process has submitted."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.plans: list[Plan] = []
        self.definitions: dict[int, Definition] = {}
        self.shapes: dict[int, object] = {}
        self.actors: set[int] = set()
        self.detached: list[int] = []
        self.submitted = 0
        self._calls: dict[tuple[int, int], int] = {}

    def submit(
        self, process: FakeProcess, plan: Plan, kind: str, deps: tuple[int, ...],
        held: tuple[int, ...], inner: tuple[int, ...], count: int,
    ) -> int:  # fmt: skip
        """Submit a plan on behalf of a process; return the task's id."""
        self.plans.append(plan)
        self.submitted += 1
        closure = inner[:1] if self.random.random() < 0.2 else ()
        definition = definition_of(plan, kind, closure)
        frame = process.stack[-1]
        args = (len(self.plans) - 1, inner, frame.serial, count)
        task = process.submit(definition, args, deps, held)
        self.shapes[task] = plan.shape
        if plan.yields is not None:
            process.streams[task] = ReadStream(plan.limit)
        return task

    def note_call(self, worker: int, caller: int, count: int) -> None:
        """A method runs in an actor's process: the calls of one caller must come in order."""
        before = self._calls.get((worker, caller), 0)
        assert count > before, f"call {count} of {caller} came after {before}"
        self._calls[worker, caller] = count
