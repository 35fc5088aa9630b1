"""The lines of %ray_start and %ray_status."""

from __future__ import annotations

from typing import Any

from ray_jupyter import status
from ray_jupyter.config import Config, make_config


def statistics(**changes: Any) -> dict[str, Any]:
    return {
        "workers": 4,
        "workers_busy": 2,
        "workers_blocked": 1,
        "pids": [11, 12],
        "tasks": {
            "PENDING_ARGS_AVAIL": 1,
            "PENDING_NODE_ASSIGNMENT": 2,
            "SUBMITTED_TO_WORKER": 3,
            "RUNNING": 2,
            "FINISHED": 1_200,
            "FAILED": 5,
        },
        "retries": 7,
        "objects": 12,
        "store_used_bytes": 1_500_000,
        "store_limit_bytes": 7_800_000_000,
        "spilled_bytes": 0,
        "inline_bytes": 900,
        "task_cpu_ns": 7_100_000_000,
        "task_wall_ns": 7_500_000_000,
    } | changes


def config(**changes: Any) -> Config:
    return make_config(**{"num_cpus": 4, "object_store_memory_bytes": 7_800_000_000} | changes)


def test_description() -> None:
    assert status.description(config()) == "local runtime · 4 workers · 7.8 GB store"
    assert "1 worker ·" in status.description(config(num_cpus=1))


def test_inline_runs_here_and_has_no_workers_to_show() -> None:
    text = status.description(config(mode="inline"))
    assert text == "inline runtime · tasks run in this process, one at a time"


def test_report_has_every_subject_on_one_screen() -> None:
    lines = status.report(config(), "0123456789abcdef", statistics()).splitlines()
    assert lines == [
        "runtime  local runtime · 4 workers · 7.8 GB store · session 01234567",
        "workers  1 busy · 1 waiting for results · 2 idle",
        "tasks    2 running · 6 waiting · 1,200 finished · 5 failed · 7 repeated",
        "objects  12 alive · 1.5 MB in the store · 900 B in messages · 0 B on disk",
        "time     7.1 s of processor time in 7.5 s of tasks",
        "pids     11 12",
    ]


def test_states_that_the_backend_does_not_report_count_nothing() -> None:
    assert "0 running · 0 waiting" in status.report(config(), "0", statistics(tasks={}, pids=[]))


def test_workers_that_are_not_there_yet_are_starting() -> None:
    early = statistics(workers=0, workers_busy=0, workers_blocked=0, workers_starting=3)
    line = status.report(config(), "0", early).splitlines()[1]
    assert line == "workers  0 busy · 0 waiting for results · 0 idle · 3 starting"
