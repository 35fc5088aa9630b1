"""The words of the strip: progress by function, one line at the end, a hint if there is one."""

from __future__ import annotations

from typing import Any

import pytest

from ray_jupyter.notebook import strip

SECOND = 10**9


def report(**changes: Any) -> dict[str, Any]:
    return {
        "functions": [("work", 40, 0, 40, 0)], "unfinished": 0, "first_ns": 5 * SECOND,
        "last_ns": 7 * SECOND, "wall_ns": 7 * SECOND, "cpu_ns": 6 * SECOND, "busy_ns": 7 * SECOND,
        "longest_ns": SECOND // 4, "retries": 0, "spilled_bytes": 0, "pids": [1, 2, 3, 4], "cpus": 4,
        "store_used_bytes": 0, "error": None, "moved_ns": 0, "packed_ns": 0,
        "cancelled": 0, "lacking": "",
    } | changes  # fmt: skip


def test_progress_by_function_with_the_unfinished_first() -> None:
    functions = [("load", 10, 0, 10, 0), ("simulate", 200, 4, 98, 2)]
    text = strip.progress(report(functions=functions), 8 * SECOND)
    assert text.split("\n") == [
        "simulate  ██████████░░░░░░░░░░ 100/200 · 4 running · 2 failed",
        "load      ████████████████████ 10/10",
        "3.0 s · 4 workers",
    ]


def test_a_bar_is_full_only_at_the_end() -> None:
    assert "░ 999/1,000" in strip.progress(report(functions=[("f", 1000, 1, 999, 0)]), 0)


def test_bars_of_tasks_are_part_of_it() -> None:
    text = strip.progress(report(), 8 * SECOND, ["\r 50%|█████     | 5/10"])
    assert "\n  50%|█████     | 5/10\n" in text


def test_a_task_that_no_node_can_run_is_named() -> None:
    waiting = report(lacking="train waits for a node with 4 GPU, and there is none")
    last = strip.progress(waiting, 8 * SECOND).split("\n")[-1]
    assert last == "hint: train waits for a node with 4 GPU, and there is none"


def test_many_functions_are_cut() -> None:
    functions = [(f"f{i}", 1, 0, 0, 0) for i in range(20)]
    text = strip.progress(report(functions=functions), 0)
    assert len(text.split("\n")) == strip.FUNCTIONS_MAX + 2
    assert "… 12 more functions" in text


def test_the_line_that_stays() -> None:
    assert strip.summary(report()) == "40 tasks · 2.0 s · 6.0 s CPU · 3.0× · 0 failed"


def test_what_runs_an_older_definition_is_marked() -> None:
    functions = [("work", 40, 2, 35, 0), ("load", 10, 0, 10, 0)]
    text = strip.progress(report(functions=functions), 8 * SECOND, older={"work": 5})
    assert "35/40 · 2 running · older definition\n" in text
    assert "10/10\n" in text
    line = strip.summary(report(), older={"work": 5, "load": 1})
    assert line.endswith(" · 0 failed · 5 of work and 1 of load with an older definition")


def test_what_was_cancelled_has_not_failed() -> None:
    found = report(functions=[("work", 5, 0, 1, 4)], cancelled=3)
    assert strip.summary(found).endswith("3.0× · 3 cancelled · 1 failed")


def test_with_everything_there_is_to_say() -> None:
    found = report(functions=[("work", 1, 0, 0, 1)], retries=2, cpu_ns=0)
    assert strip.summary(found, peak_bytes=1_200_000_000, why="ValueError: boom (in work)") == (
        "1 task · 2.0 s · 0.0 s CPU · peak 1.2 GB · 2 repeated · 1 failed: ValueError: boom (in work)"
    )


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"spilled_bytes": 3 * 10**9}, "3.0 GB went to disk"),
        (
            {"functions": [("f", 10_000, 0, 10_000, 0)], "wall_ns": 2 * SECOND},
            "a task takes 200 µs",
        ),
        (
            {"longest_ns": 19 * SECOND // 10, "wall_ns": 3 * SECOND},
            "one task took 1.9 s of 2.0 s, the others 0.0 s each",
        ),
        ({"moved_ns": 6 * SECOND}, "86% of the tasks' time went into pickling"),
        ({"packed_ns": 2 * SECOND}, "100% of the cell's time went into pickling"),
        ({"last_ns": 20 * SECOND}, "workers were idle 88% of the time"),
        (
            {"functions": [("f", 2, 0, 2, 0)], "last_ns": 20 * SECOND, "longest_ns": 7 * SECOND},
            "2 of 4 workers had something to do",
        ),
    ],
)
def test_hints(changes: dict[str, Any], hint: str) -> None:
    assert hint in strip.summary(report(**changes)).split("\n")[1]


def test_no_hint_when_other_cells_kept_the_workers_busy() -> None:
    found = report(last_ns=20 * SECOND, busy_ns=60 * SECOND)
    assert "hint" not in strip.summary(found)


def test_workers_of_actors_are_not_idle_cpus() -> None:
    found = report(last_ns=9 * SECOND, busy_ns=7 * SECOND, pids=[1, 2, 3, 4, 5], cpus=1)
    assert "hint" not in strip.summary(found)


def test_names_are_text_and_no_markup() -> None:
    functions = [("<script>alert(1)</script>", 2, 0, 1, 0)]
    found = strip.html(strip.progress(report(functions=functions), 0))
    assert "white-space: pre-wrap" in found  # an error at the end of the line can be read
    assert "<script" not in found
    assert "&lt;script&gt;" in found


def test_what_a_cluster_does_not_tell_is_left_out() -> None:
    found = report(cpu_ns=None, pids=[])
    assert strip.summary(found) == "40 tasks · 2.0 s · 0 failed"
    assert strip.progress(found, 8 * SECOND).endswith("\n3.0 s")
