"""Hints: said when they are true, and not otherwise."""

from __future__ import annotations

from ray_jupyter.dashboard.hints import hints
from ray_jupyter.dashboard.model import Model
from ray_jupyter.testing.dashboard import MS, Cluster


def test_all_is_well(cluster: Cluster, model: Model) -> None:
    for task in range(1, 300):
        cluster.end(task, took_ns=20 * MS)
    cluster.tell(model)
    assert hints(model) == []


def test_tasks_that_are_too_small(cluster: Cluster, model: Model) -> None:
    for task in range(1, 300):
        cluster.end(task, took_ns=20_000)
    cluster.tell(model)
    assert hints(model)[0].startswith("work: 299 tasks of ")


def test_one_that_is_much_longer(cluster: Cluster, model: Model) -> None:
    for task in range(1, 30):
        cluster.end(task, took_ns=20 * MS)
    cluster.end(30, took_ns=3_000 * MS)
    cluster.tell(model)
    assert "one task took 3.0 s" in hints(model)[0]


def test_what_was_cancelled_has_neither_failed_nor_been_short(
    cluster: Cluster, model: Model
) -> None:
    cluster.end(1, took_ns=20 * MS)
    for task in range(2, 900):
        cluster.end(task, took_ns=0, status="CANCELLED")
    cluster.tell(model)
    assert hints(model) == []


def test_failures_spilling_and_what_was_not_seen(cluster: Cluster, model: Model) -> None:
    cluster.end(1, status="FAILED")
    cluster.totals = {"spilled_bytes": 5}
    cluster.tell(model)
    model.totals["forgotten"] = 7
    said = "\n".join(hints(model))
    assert "1 of 1 tasks failed" in said
    assert "--memory" in said
    assert "7 tasks ended unseen" in said
