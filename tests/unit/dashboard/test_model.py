"""The model adds up: however what happened is cut into answers and frames."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_jupyter.dashboard import frames
from ray_jupyter.dashboard.model import (
    CANCELLED,
    DATA,
    FAILED,
    FINISHED,
    LAUNCHED,
    LIVE,
    NODES_MAX,
    OTHERS,
    TASKS_MAX,
    WALL,
    Model,
)
from ray_jupyter.testing.dashboard import MS, Cluster, Viewer

EXTRAS: dict[str, Any] = {"hints": [], "logs": deque(), "objects": []}


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    cluster = Cluster()
    for task_id in range(1, draw(st.integers(1, 40)) + 1):
        cluster.end(
            task_id, draw(st.sampled_from(["load", "clean", "train"])),
            worker=draw(st.integers(1, 3)), took_ns=draw(st.integers(0, 90)) * MS,
            parent=draw(st.sampled_from([0, 0, max(1, task_id - 2)])),
            arguments=draw(st.sampled_from([(), (max(1, task_id - 1),)])),
            status=draw(st.sampled_from(["FINISHED", "FINISHED", "FAILED", "CANCELLED"])),
        )  # fmt: skip
    return cluster


def counts(model: Model) -> dict[Any, list[int]]:
    return {tuple(row[:3]): [*row[5:8], row[CANCELLED], *row[8:10]] for row in model.nodes}


@given(clusters(), st.lists(st.integers(1, 10), max_size=8))
def test_deltas_add_up_to_what_the_events_do(cluster: Cluster, steps: list[int]) -> None:
    at_once, in_steps = Model("s", 0), Model("s", 0)
    cluster.tell(at_once)
    viewer, seq, width_us, until = Viewer(), 1, 0, 0
    viewer.apply(frames.snapshot(in_steps, seq, 0, EXTRAS))
    for step in [*steps, len(cluster.records)]:
        until += step
        cluster.tell(in_steps, until)
        seq += 1
        viewer.apply(frames.delta(in_steps, seq, 0, width_us))
        width_us = in_steps.bins.width_us
    late = Viewer()
    late.apply(frames.snapshot(in_steps, seq, 0, EXTRAS))
    assert viewer.sees() == late.sees()
    assert viewer.tasks == late.tasks
    assert counts(in_steps) == counts(at_once)
    assert sorted(map(tuple, in_steps.tasks)) == sorted(map(tuple, at_once.tasks))
    assert in_steps.bins.rows() == at_once.bins.rows()


@given(clusters(), st.integers(1, 30))
def test_counts_are_exact_however_few_tasks_are_told(cluster: Cluster, most: int) -> None:
    every, some = Model("s", 0), Model("s", 0)
    cluster.tell(every)
    cluster.tell(some, most=most)
    exact = {key: row[:4] + row[5:] for key, row in counts(every).items()}
    told = {key: row[:4] + row[5:] for key, row in counts(some).items()}
    assert told == exact
    for key, row in counts(some).items():  # each task and group is rounded down to microseconds
        assert abs(row[4] - counts(every)[key][4]) <= len(cluster.records)


def test_edges_are_what_tasks_got_and_who_launched_them(cluster: Cluster, model: Model) -> None:
    cluster.end(1, "load", num_returns=2)
    cluster.end(3, "train", arguments=(1, 2))
    cluster.end(4, "child", parent=3)
    cluster.tell(model)
    assert model.edges == [[0, 1, DATA, 1], [1, 2, LAUNCHED, 1]]


def test_what_waits_is_drawn_before_it_is_counted(cluster: Cluster, model: Model) -> None:
    cluster.waiting = [(2, "train", "task", 0, 0, (1,)), (1, "load", "task", 0, 0, ())]
    cluster.live = [("train", "task", 1, 0), ("load", "task", 1, 0)]
    cluster.tell(model)
    assert [row[0] for row in model.nodes] == ["train", "load"]
    assert model.edges == [[1, 0, DATA, 0]]
    assert [row[3] for row in model.nodes] == [1, 1]
    cluster.waiting, cluster.live = [], []
    cluster.end(1, "load")
    cluster.end(2, "train", arguments=(1,))
    cluster.tell(model)
    assert model.edges == [[1, 0, DATA, 1]]
    assert [row[3] for row in model.nodes] == [0, 0]


def test_functions_of_two_cells_are_two_nodes(cluster: Cluster, model: Model) -> None:
    model.begin_cell(100, "a", "[1]")
    cluster.end(1, cell=100)
    cluster.tell(model)
    model.begin_cell(200, "b", "[2]")
    cluster.end(2, cell=200)
    cluster.end(3, cell=100)  # what a cell submits belongs to it, also while another one runs
    cluster.live = [("work", "task", 4, 200)]
    cluster.tell(model)
    assert [(row[0], row[2], row[3]) for row in model.nodes] == [("work", 1, 0), ("work", 2, 4)]
    model.begin_cell(300, "a", "[3]")
    cluster.end(4, cell=300)
    cluster.live = []
    cluster.tell(model)
    assert model.cells[1:] == [["a", "[3]"], ["b", "[2]"]]
    assert [row[5] for row in model.nodes] == [3, 1]


def test_actors_that_live_are_counted_where_they_were_made(cluster: Cluster, model: Model) -> None:
    model.begin_cell(7, "a", "[1]")
    cluster.end(1, "Tally", kind="actor", cell=7)
    cluster.live = [("Tally", "actor", 2, 0)]
    cluster.tell(model)
    (node,) = model.nodes  # not another one, of no cell, in which nothing is ever made
    assert (node[:3], node[LIVE], node[FINISHED]) == (["Tally", "actor", 1], 2, 1)
    cluster.live = []
    cluster.tell(model)
    assert model.nodes[0][LIVE] == 0


@pytest.mark.parametrize("others", [0, 3_000], ids=["few", "flood"])
def test_what_runs_once_more_stays_in_the_box_of_its_cell(
    cluster: Cluster, model: Model, others: int
) -> None:
    model.begin_cell(7, "a", "[1]")
    tasks = range(1, 3 + others)
    for task in tasks:
        cluster.end(task, status="FAILED" if task == 1 else "FINISHED", cell=7)
    cluster.end(10_000, "use", cell=7)
    cluster.tell(model)
    # Resumed, or rebuilt because its result was lost: the session counts it in no cell any more.
    cluster.waiting = [(2, "work", "task", 0, 0, ())]
    cluster.live = [("work", "task", 2, 0)]
    cluster.workers = [(7, 107, "RUNNING", "", 1, [(1, "work", "task", 1, 0)], 9, "")]
    cluster.tell(model)
    assert [(row[:3], row[LIVE]) for row in model.nodes] == [
        (["work", "task", 1], 2), (["use", "task", 1], 0),
    ]  # fmt: skip
    for task in tasks:
        cluster.end(task)
    cluster.waiting, cluster.live, cluster.workers = [], [], []
    cluster.tell(model)
    assert [row[:3] for row in model.nodes] == [["work", "task", 1], ["use", "task", 1]]
    assert model.nodes[0][FINISHED] == 2 * len(tasks) - 1


def test_what_belongs_to_no_cell_has_a_box_of_its_own(cluster: Cluster, model: Model) -> None:
    model.begin_cell(7, "a", "[1]")
    cluster.end(1, cell=7)
    cluster.end(2)
    cluster.workers = [(7, 107, "RUNNING", "", 1, [(3, "work", "task", 1, 0)], 9, "")]
    cluster.live = [("work", "task", 1, 0)]
    cluster.tell(model)
    assert [(row[2], row[LIVE], row[FINISHED]) for row in model.nodes] == [(0, 1, 1), (1, 0, 1)]


def test_workers_come_and_go(cluster: Cluster, model: Model) -> None:
    cluster.workers = [
        (7, 107, "RUNNING", "", 2, [(5, "work", "task", 1, 0), (6, "next", "task", 1, 0)], 9, "")
    ]
    cluster.tell(model)
    assert model.lanes[0][:8] == [7, 107, "RUNNING", "", 0, 5, 0, 2]
    assert [row[4] for row in model.nodes] == [1, 0]
    model.measure({107: (500, 4_096), 99: (1, 1)})
    assert model.lanes[0][8:] == [500, 4_096, ""]
    cluster.workers = []
    cluster.tell(model)
    assert model.lanes[0][2] == "GONE"
    assert [row[4] for row in model.nodes] == [0, 0]


def test_workers_elsewhere_are_not_measured_here(cluster: Cluster, model: Model) -> None:
    cluster.workers = [(1, 107, "IDLE", "", 0, [], 0, ""), (2, 107, "IDLE", "", 0, [], 0, "host-2")]
    cluster.tell(model)
    assert model.pids_here() == [107]
    model.measure({107: (500, 4_096)})
    assert [row[8:] for row in model.lanes] == [[500, 4_096, ""], [0, 0, "host-2"]]


def test_an_error_has_its_text(cluster: Cluster, model: Model) -> None:
    cluster.end(1, status="FAILED")
    cluster.failures = {1: b"ValueError: <b>no</b>" + b"x" * 9_000}
    cluster.tell(model)
    [task, kind, text] = model.errors[1]
    assert (task, kind, text[:21]) == (1, "TASK_EXECUTION_EXCEPTION", "ValueError: <b>no</b>")
    assert len(text) == 2_000


def test_cancelled_tasks_are_none_that_failed(cluster: Cluster, model: Model) -> None:
    for task_id, status in enumerate(["FINISHED", "FAILED", "CANCELLED", "CANCELLED"], start=1):
        cluster.end(task_id, status=status)
    cluster.totals = {"finished": 1, "failed": 3}  # the core calls them failed, as Ray does
    cluster.tell(model)
    [row] = model.nodes
    assert (row[FINISHED], row[FAILED], row[CANCELLED]) == (1, 1, 2)
    assert row[WALL] < 21_000, "how long a task takes is told by those that came to an end"
    assert [task[6] for task in model.tasks] == [0, 1, 2, 2]
    assert list(model.errors) == [2], "an error says something: that it was cancelled is no news"
    assert (model.totals["failed"], model.totals["cancelled"]) == (1, 2)


def test_everything_is_bounded(cluster: Cluster, model: Model) -> None:
    for index in range(NODES_MAX + 50):
        cluster.end(index + 1, f"function {index}", took_ns=0)
    cluster.tell(model, most=10_000)
    for index in range(TASKS_MAX + 10):
        cluster.end(1_000 + index, "function 0", took_ns=0)
    cluster.tell(model, most=10 * TASKS_MAX)
    assert len(model.nodes) == NODES_MAX + 1
    assert model.nodes[-1][0] == OTHERS
    assert model.nodes[-1][5] == 50
    assert len(model.tasks) == TASKS_MAX
