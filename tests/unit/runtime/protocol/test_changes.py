"""Ended tasks told one by one and in sums: nothing is lost, and nothing grows."""

from __future__ import annotations

from array import array
from collections import Counter, deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_jupyter.runtime.protocol import changes
from ray_jupyter.runtime.protocol.changes import FAILURES_MAX, EndedTask, Group, ended

NAMES = ("load", "clean", "<img onerror=alert(1)>")


@st.composite
def records(draw: st.DrawFn, most: int = 60) -> list[tuple[Any, ...]]:
    found = []
    for task_id in range(1, draw(st.integers(0, most)) + 1):
        submit_ns = draw(st.integers(1, 100))
        start_ns = draw(st.sampled_from([0, submit_ns, submit_ns + 5]))
        status = draw(st.sampled_from(["FINISHED", "FINISHED", "FAILED"]))
        errors = [("TASK_CANCELLED", "why"), ("TASK_EXECUTION_EXCEPTION", "")]
        error = draw(st.sampled_from(errors)) if status == "FAILED" else None
        found.append((
            task_id, 0, draw(st.sampled_from(NAMES)), status, 41, submit_ns, start_ns,
            (start_ns or submit_ns) + draw(st.integers(0, 50)), draw(st.integers(0, 2)), 1,
            tuple(range(draw(st.sampled_from([0, 1, 40])))), 0, draw(st.integers(1, 2)), "task", 0, error,
            draw(st.sampled_from([0, 7])),
        ))  # fmt: skip
    return found


def sums(tasks: list[EndedTask], groups: list[Group]) -> dict[Any, tuple[int, int, int]]:
    """Return (number, time, retries) by name, status, worker and cell."""
    number, wall_ns, retries = Counter[Any](), Counter[Any](), Counter[Any]()
    for task in tasks:
        key = task.name, task.status, task.worker, task.cell
        number[key] += 1
        wall_ns[key] += task.end_ns - task.start_ns if task.start_ns else 0
        retries[key] += task.attempt
    for group in groups:
        key = group.name, group.status, group.worker, group.cell
        number[key] += group.number
        wall_ns[key] += group.wall_ns
        retries[key] += group.retries
    return {key: (number[key], wall_ns[key], retries[key]) for key in number}


@given(records(), st.integers(1, 80))
def test_sums_do_not_depend_on_how_many_are_told_one_by_one(
    given_records: list[tuple[Any, ...]], most: int
) -> None:
    every, no_groups = ended(given_records, 10_000)
    some, groups = ended(given_records, most)
    assert no_groups == []
    assert [task.id for task in every] == [record[0] for record in given_records]
    assert sums(some, groups) == sums(every, [])
    assert sum(task.weight for task in some) == len(given_records)
    assert {(t.name, t.status, t.worker, t.cell) for t in some} == {
        (t.name, t.status, t.worker, t.cell) for t in every
    }


def test_a_flood_is_a_few_rows_and_what_is_rare_is_among_them() -> None:
    flood: list[Any] = [
        (i, 0, "noop", "FINISHED", 41, 1, 2, 3, 0, 1, (), 0, 1, "task", 0, None, 0)
        for i in range(10_000)
    ]
    flood[777] = (777, 0, "rare", "FAILED", 41, 1, 2, 3, 0, 1, (), 0, 1, "task", 0, ("X", "y"), 0)
    tasks, groups = ended(flood, 100)
    assert len(tasks) <= 102
    assert [(task.name, task.weight) for task in tasks if task.name == "rare"] == [("rare", 1)]
    assert [(group.name, group.number) for group in groups] == [("noop", 9_999 - (len(tasks) - 1))]


def test_many_failures_are_told_one_by_one_up_to_a_limit() -> None:
    failures = [
        (i, 0, "bad", "FAILED", 41, 1, 2, 3, 0, 1, (), 0, 1, "task", 0, ("X", "y"), 0)
        for i in range(5_000)
    ]
    tasks, _ = ended(failures, 10)
    assert FAILURES_MAX // 2 < len(tasks) <= FAILURES_MAX


def test_cancelled_tasks_are_summed_apart_from_those_that_failed() -> None:
    kinds = [None, ("TASK_CANCELLED", "it was"), ("TASK_EXECUTION_EXCEPTION", "")]
    told: list[Any] = [
        (i, 0, "f", "FAILED" if kinds[i % 3] else "FINISHED", 41, 5, 5, 5, 0, 1, (), 0, 1, "task", 0, kinds[i % 3], 0)
        for i in range(3_000)
    ]  # fmt: skip
    tasks, groups = ended(told, 30)
    number = Counter({group.status: group.number for group in groups})
    number.update(task.status for task in tasks)
    assert number == {"FINISHED": 1_000, "FAILED": 1_000, "CANCELLED": 1_000}


def test_tasks_of_two_cells_are_not_summed() -> None:
    told: list[Any] = [
        (i, 0, "f", "FINISHED", 41, 5, 5, 5, 0, 1, (), 0, 1, "task", 0, None, 100 + i // 10)
        for i in range(20)
    ]
    tasks, groups = ended(told, 2)
    assert [group.cell for group in groups] == [100, 101]
    assert [task.cell for task in tasks] == [100, 101]


@given(records(), st.lists(st.integers(0, 60), max_size=5), st.integers(1, 9))
def test_what_is_gathered_between_questions_adds_up(
    given_records: list[tuple[Any, ...]], questions: list[int], chunk: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "CHUNK", chunk)
        watch = changes.Watch()
        ended_so_far: deque[Any] = deque()
        tasks: list[EndedTask] = []
        groups: list[Group] = []
        for index, record in enumerate([*given_records, None]):
            if index in questions or record is None:
                some, sums_of = watch.take(ended_so_far, index)
                tasks += some
                groups += sums_of
            if record is not None:
                ended_so_far.append(record)
                assert watch.look(ended_so_far, index + 1) is False
    every, _ = ended(given_records, 10_000)
    assert sums(tasks, groups) == sums(every, [])
    assert sum(task.weight for task in tasks) == len(given_records)
    told = [task.id for task in tasks] + [i for g in groups for i in array("q", g.ids)]
    assert sorted(told) == [record[0] for record in given_records]


def test_few_tasks_are_told_one_by_one_and_nobody_is_gathered_for_without_asking() -> None:
    record = (1, 0, "noop", "FINISHED", 41, 1, 2, 3, 0, 1, (), 0, 1, "task", 0, None, 0)
    few = deque([record] * (changes.CHUNK - 1))
    watch = changes.Watch(10)
    assert watch.look(few, 10 + len(few)) is False
    tasks, groups = watch.take(few, 10 + len(few))
    assert (len(tasks), groups) == (changes.CHUNK - 1, [])
    many = deque([record] * changes.UNASKED_MAX)
    assert watch.look(many, 10 + len(few) + changes.UNASKED_MAX) is False
    assert watch.look(many, 10 + len(few) + 2 * changes.UNASKED_MAX) is True
