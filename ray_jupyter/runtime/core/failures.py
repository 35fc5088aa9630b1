"""The records of errors, and of failed tasks that can run again. Nothing here decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray_jupyter.runtime.protocol.messages import FAILED, SHOWS_ERRORS, SYSTEM_ERROR, Descriptor

if TYPE_CHECKING:
    from ray_jupyter.runtime.core.state import TaskRecord

CANCELLED_VALUE = (SYSTEM_ERROR, "TaskCancelledError", "the task was cancelled")
REMAINS_BYTES = 1_000
"""What the memory of a failed task costs, without what it was given."""


class FailureRecord:
    """An error that somebody should get to see. ``objects`` have it as their value."""

    __slots__ = ("name", "objects", "remains", "root", "seen", "task", "value")

    def __init__(self, task: TaskRecord, value: Descriptor) -> None:
        self.root = task.root or task.id
        self.task = task.id
        self.name = task.template.name
        self.value = value
        self.objects = 0
        self.seen = value[0] == FAILED and SHOWS_ERRORS in task.template.extras
        self.remains: dict[int, RemainsRecord] = {}
        """By object that has this error: the task that would make it, if it can run again."""


class RemainsRecord:
    """What remains of a failed task: see ``remains``. ``objects`` of it have the error."""

    __slots__ = (
        "args", "cost_bytes", "deps", "failure", "held", "num_returns", "objects", "root",
        "submitter", "task", "template",
    )  # fmt: skip

    def __init__(self, task: TaskRecord, failure: FailureRecord, objects: int) -> None:
        self.task = task.id
        self.template = task.template
        self.args = task.args
        self.deps = task.deps
        self.held = task.held
        self.num_returns = task.num_returns
        self.submitter = task.submitter
        self.root = task.root
        self.failure = failure
        self.objects = objects
        self.cost_bytes = REMAINS_BYTES + len(task.args)
