"""Rows: filtered, limited, counted."""

from __future__ import annotations

from typing import Any

import pytest

from ray_jupyter.runtime.protocol import tables

TASKS = [
    {"func_or_class_name": "f", "type": "NORMAL_TASK", "state": "FINISHED", "n": 1},
    {"func_or_class_name": "f", "type": "NORMAL_TASK", "state": "RUNNING", "n": 2},
    {"func_or_class_name": "A.m", "type": "ACTOR_TASK", "state": "FINISHED", "n": 3},
    {"func_or_class_name": "A", "type": "ACTOR_CREATION_TASK", "state": "FINISHED", "n": 4},
]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([], [1, 2, 3, 4]),
        ([("state", "=", "finished")], [1, 3, 4]),
        ([("state", "!=", "FINISHED")], [2]),
        ([("state", "=", "FINISHED"), ("func_or_class_name", "=", "f")], [1]),
        ([["n", "=", 3]], [3]),
        ([("absent", "=", None)], [1, 2, 3, 4]),
        ([("absent", "!=", "x"), ("n", "!=", 1)], [2, 3, 4]),
    ],
)
def test_filters(filters: Any, found: list[int]) -> None:
    assert [row["n"] for row in tables.select(TASKS, filters, 10)] == found


def test_rows_beyond_the_limit_are_not_made() -> None:
    def rows() -> Any:
        yield from TASKS[:2]
        raise AssertionError("one row too many was asked for")

    assert len(tables.select(rows(), [], 2)) == 2


def test_tasks_are_counted_by_function_and_state() -> None:
    assert tables.summarize_tasks(TASKS) == {
        "summary": {
            "f": {
                "func_or_class_name": "f", "type": "NORMAL_TASK",
                "state_counts": {"FINISHED": 1, "RUNNING": 1},
            },
            "A.m": {
                "func_or_class_name": "A.m", "type": "ACTOR_TASK",
                "state_counts": {"FINISHED": 1},
            },
            "A": {
                "func_or_class_name": "A", "type": "ACTOR_CREATION_TASK",
                "state_counts": {"FINISHED": 1},
            },
        },
        "total_tasks": 2, "total_actor_tasks": 1, "total_actor_scheduled": 1,
        "summary_by": "func_name",
    }  # fmt: skip


def test_actors_are_counted_by_class_and_state() -> None:
    rows = [{"class_name": "A", "state": state} for state in ("ALIVE", "DEAD", "DEAD")]
    found = tables.summarize_actors(rows)
    assert found["summary"]["A"]["state_counts"] == {"ALIVE": 1, "DEAD": 2}
    assert found["total_actors"] == 3


def reference(
    object_id: int, size: int, kind: str, pid: int, location: str | None = "MEMORY"
) -> tables.Row:
    return {
        "object_id": object_id, "object_size": size, "reference_type": kind, "pid": pid,
        "task_status": "FINISHED", "type": "DRIVER", "location": location,
        "held_by": "driver",
    }  # fmt: skip


REFERENCES = [
    reference(1, 2**20, "LOCAL_REFERENCE", 41),
    reference(1, 2**20, "PINNED_IN_MEMORY", 41),
    reference(1, 2**20, "CAPTURED_IN_OBJECT", 0),
    reference(2, 10, "LOCAL_REFERENCE", 42, "MESSAGE"),
    reference(3, -1, "LOCAL_REFERENCE", 42, None),
]


def test_an_object_counts_once_however_often_it_is_referred_to() -> None:
    found = tables.summarize_objects(REFERENCES)
    assert (found["total_objects"], found["total_size_mb"]) == (3, (2**20 + 10) / 2**20)
    [group] = found["summary"].values()
    assert group["ref_type_counts"]["LOCAL_REFERENCE"] == 3
    assert group["total_num_workers"] == 2
    assert tables.summarize_objects([])["summary"] == {}


def test_memory_by_object_holder_and_place() -> None:
    found = tables.memory(REFERENCES, 2)
    assert [row["object_id"] for row in found["objects"]] == [1, 2]
    assert len(found["objects"][0]["references"]) == 3
    assert found["holders"] == [
        {"pid": 41, "type": "DRIVER", "objects": 1, "bytes": 2**20},
        {"pid": 42, "type": "DRIVER", "objects": 2, "bytes": 10},
    ]
    assert found["locations"]["PENDING"] == {"objects": 1, "bytes": 0}
