"""The table of states, and what it refuses."""

from __future__ import annotations

import pytest

from ray_jupyter.runtime.core import transitions as t
from ray_jupyter.runtime.core.state import TaskRecord, TemplateRecord


@pytest.fixture
def task() -> TaskRecord:
    template = TemplateRecord(1, ("task", "work", b"", (), (), 1, 0, "", ()), definer=0)
    return TaskRecord((7, 1, b"", (), (), 0), template, submitter=0, now_ns=1)


def test_every_state_is_in_the_table_and_reached() -> None:
    reached = {state for targets in t.TASK_TRANSITIONS.values() for state in targets}
    assert reached | {t.PENDING_ARGS_AVAIL} == set(t.TASK_TRANSITIONS)
    assert {state for state, targets in t.TASK_TRANSITIONS.items() if not targets} == {
        t.FINISHED, t.FAILED
    }  # fmt: skip


def test_a_task_moves_as_the_table_says(task: TaskRecord) -> None:
    for state in (t.PENDING_NODE_ASSIGNMENT, t.SUBMITTED_TO_WORKER, t.FINISHED):
        task.move(state)
        assert task.state == state


def test_what_the_table_does_not_have_tells_the_story(task: TaskRecord) -> None:
    with pytest.raises(t.InvalidTransitionError, match=r"task 7 \(work, attempt 0.* FINISHED"):
        task.move(t.FINISHED)
