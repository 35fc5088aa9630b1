"""What a session on a Ray cluster must be able to do, in half a minute: part of ``make test``.

Two nodes on this machine. ``make test-cluster`` has the rest. Skipped, and said so, where Ray
cannot be imported (``pip install 'ray_jupyter[cluster]'``).
"""

from __future__ import annotations

import gc
import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.testing import clusters
from ray_jupyter.testing.suite.base import eventually, wait_for_file

pytest.importorskip("ray", reason=clusters.MISSING)

from ray_jupyter.backends.ray_cluster.rows import Rows

pytestmark = [
    clusters.LEAKS,
    pytest.mark.slow,
    pytest.mark.timeout(120),
]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[Any]:
    """Two nodes, and a session; in the end no process of theirs is left."""
    nodes = [{"num_gpus": 1, "resources": {name: 2}} for name in ("head", "second")]
    with clusters.a_cluster(*nodes) as started:
        ray.init(started.address)
        yield started


@ray.remote
def node() -> str:
    return ray.get_runtime_context().get_node_id()


@ray.remote
def total(*numbers: int) -> int:
    return sum(numbers)


@ray.remote
def sum_of(box: list[Any]) -> list[Any]:
    """A task that submits a task; references come in and go out inside of lists."""
    return [total.remote(*ray.get(box))]


def test_tasks_run_on_both_nodes() -> None:
    assert session.connected().name == "ray_cluster"
    assert len([known for known in ray.nodes() if known["Alive"]]) == 2
    placed = [node.options(resources={name: 1}).remote() for name in ("head", "second")]
    assert len(set(ray.get(placed))) == 2
    assert ray.cluster_resources()["CPU"] == 4


def test_breakpoints_of_the_driver_are_not_ray_s() -> None:
    assert "rpdb" not in os.environ.get("PYTHONBREAKPOINT", "")


def test_references_nest_both_ways() -> None:
    [inner] = ray.get(sum_of.remote([ray.put(1), total.remote(1, 1), ray.put(3)]))
    assert ray.get(inner) == 6


class Counter:
    def __init__(self) -> None:
        self.count = 0

    def add(self, number: int) -> int:
        self.count += number
        return self.count


def test_an_actor_keeps_its_state() -> None:
    counter = ray.remote(Counter).options(resources={"second": 1}).remote()
    assert ray.get([counter.add.remote(i) for i in range(4)]) == [0, 1, 3, 6]


def test_a_task_that_yields() -> None:
    @ray.remote
    def squares(n: int) -> Iterator[int]:
        for i in range(n):
            yield i * i

    assert [ray.get(ref) for ref in squares.remote(4)] == [0, 1, 4, 9]


def test_a_cancelled_task(tmp_path: Path) -> None:
    ref = wait_for_file.remote(tmp_path / "never")
    ray.cancel(ref)
    with pytest.raises(ray.TaskCancelledError):
        ray.get(ref, timeout=30)


def test_an_error_is_the_user_s_own() -> None:
    @ray.remote
    def look_up(key: str) -> int:
        return {"a": 1}[key]

    with pytest.raises(KeyError) as caught:
        ray.get(look_up.remote("b"))
    assert caught.value.args == ("b",)
    told = "".join(traceback.format_exception(caught.value))
    assert 'return {"a": 1}[key]' in told


def test_what_was_submitted_is_remembered_only_so_far() -> None:
    rows = Rows(session.connected().job_id)
    for number in range(100_001):
        rows.submitted(number, "many", "NORMAL_TASK")
    told = [row["task_id"] for row in rows.tasks() if row["name"] == "many"]
    assert (told[0], len(told)) == (1, 100_000)


def test_gpus_are_numbered_on_each_node() -> None:
    @ray.remote(num_gpus=1)
    def gpus() -> Any:
        return ray.get_gpu_ids(), os.environ["CUDA_VISIBLE_DEVICES"]

    placed = [gpus.options(resources={name: 1}).remote() for name in ("head", "second")]
    assert ray.get(placed) == [([0], "0")] * 2  # each node counts its own
    assert ray.get(gpus.options(num_gpus=0.5).remote()) == ([0], "0")
    backend = session.connected()
    cell = backend.begin_cell()
    never = gpus.options(num_gpus=2).remote()
    assert ray.wait([never], timeout=0) == ([], [never])
    eventually(lambda: backend.query("cell", cell)["lacking"] != "")
    told = backend.query("cell", cell)["lacking"]
    assert told == "gpus waits for a node with 1 CPU and 2 GPU, and there is none"
    ray.cancel(never)
    with pytest.raises(ray.TaskCancelledError):
        ray.get(never, timeout=30)


def test_a_task_that_ended_lets_go_of_what_was_inside_its_arguments() -> None:
    def none_is_left() -> bool:
        gc.collect()
        return bool(session.connected().statistics()["objects"] == 0)

    eventually(none_is_left)
    ref = sum_of.remote([ray.put(1)])
    ray.wait([ref])
    del ref
    eventually(none_is_left)


def test_the_dashboard_names_the_machines() -> None:
    ray.get([node.options(resources={name: 1}).remote() for name in ("head", "second")])
    backend = session.connected()
    question = {"watch": "", "since": 0, "most": 100}
    eventually(lambda: len({row[7] for row in backend.query("changes", question)["workers"]}) == 2)
    answer = backend.query("changes", question)
    assert {row[7] for row in answer["workers"]} <= set(answer["here"]), "both are on this machine"
