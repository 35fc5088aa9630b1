"""Errors of tasks in a real kernel: what is shown, the debugger, running again, resuming."""

from __future__ import annotations

import re
from typing import Any

import pytest

FUNCTIONS = """%%remote
def helper(divisor):
    doubled = [2 * divisor]
    return 1 / divisor

def work(divisor, table):
    label = "ours"
    return helper(divisor)

def add(x, y):
    return x + y
"""
MENDED = "%%remote\ndef work(divisor, table):\n    return len(table)"
CALLS = "ref = work.remote(0, table)\nneeds = add.remote(ref, 1)\nlast = add.remote(needs, ref)"


@pytest.fixture
def failed(kernel: Any) -> Any:
    """A kernel in which a task has failed, and two because of it."""
    kernel.run("%ray_start -n 1 --quiet\nimport numpy as np, os, signal\ntable = np.ones(50_000)")
    kernel.run(FUNCTIONS)
    kernel.run(CALLS)
    return kernel


def test_the_error_is_the_users_with_the_lines_of_both_cells(failed: Any) -> None:
    reply = failed.fails("ray.get(last)")
    text = reply.traceback
    assert reply.error[0] == "RayTaskError(ZeroDivisionError)"
    assert re.match(r"-+\nZeroDivisionError +Traceback \(most recent call last\)", text)
    places = re.findall(r"Cell In\[\d+\], line (\d+)(?:, in (\w+))?", text)
    assert places == [("1", ""), ("8", "work"), ("4", "helper")]
    assert "----> 4     return 1 / divisor" in text
    assert "ray_jupyter/" not in text
    assert re.search(
        r"ZeroDivisionError: division by zero\n  in work \(task \w+, worker \d+, pid \d+\)$", text
    )


def test_debug_opens_the_frames_of_a_worker_that_is_dead(failed: Any) -> None:
    failed.fails("ray.get(ref)")
    failed.run(
        "[at] = {t.worker_pid for t in ray.util.state.list_tasks(detail=True) if t.worker_pid}"
    )
    failed.run("os.kill(at, signal.SIGKILL)")
    text = failed.debugged("%debug", "p doubled, divisor", "up", "p label, table", "up", "u")
    assert "(0, " not in text.split("p doubled")[0]
    assert "([0], 0)" in text
    assert "('ours', <ndarray, .fetch() returns it: float64 (50000,), 0.4 MB" in text
    assert "----> 1 ray.get(ref)" in text


def test_an_argument_is_fetched_at_the_prompt(failed: Any) -> None:
    text = failed.debugged("%ray_debug ref", "up", "p table.fetch().sum()")
    assert "ZeroDivisionError in work" in text
    assert "50000.0" in text


def test_ray_debug_without_a_ref_opens_the_last(failed: Any) -> None:
    failed.fails("ray.get(last)")
    assert "[0]" in failed.debugged("%ray_debug", "p doubled")


def test_rerun_runs_it_here_and_the_debugger_has_everything(failed: Any) -> None:
    reply = failed.fails("%ray_rerun ref")
    assert "running work here, as work is defined now" in reply.text
    assert reply.error[0] == "ZeroDivisionError"
    assert "ray_jupyter/" not in reply.traceback
    assert "50000.0" in failed.debugged("%debug", "up", "p table.sum()")


def test_fix_and_resume(failed: Any) -> None:
    failed.fails("ray.get(last)")
    failed.run(MENDED)
    assert failed.run("%ray_rerun ref").endswith("50000")
    text = failed.run("%ray_rerun --resume last")
    assert text == "work runs again, as work is defined now; then 2 add\n"
    assert failed.run("ray.get([ref, needs, last])") == "[50000, 50001, 100001]"


def test_resume_of_many_and_with_another_function(failed: Any) -> None:
    failed.run("refs = [work.remote(0, table) for _ in range(3)]")
    failed.run("@ray.remote\ndef other(divisor, table): return divisor")
    failed.run("%ray_rerun --resume --with other refs")
    assert failed.run("ray.get(refs)") == "[0, 0, 0]"
    assert "did you mean 'other'" in failed.try_run("%ray_rerun --with othr ref").text


def test_a_worker_that_died_is_followed_by_another_try(failed: Any) -> None:
    failed.run(
        "@ray.remote(max_retries=0)\ndef dies():\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "ref = dies.remote()"
    )
    assert failed.fails("ray.get(ref)").error[0] == "WorkerCrashedError"
    failed.run("@ray.remote\ndef dies():\n    return 'lives'\nimport time")
    failed.run("%ray_rerun --resume ref")
    assert failed.run("ray.get(ref)") == "'lives'"


def test_mistakes_say_what_to_type(failed: Any) -> None:
    failed.run("good = add.remote(1, 2); ray.get(good);")
    for line, expected in (
        ("%ray_debug good", "no task of good has failed"),
        ("%ray_rerun good", "its task has not failed"),
        ("%ray_debug 7", "expected a ref or a list of refs, got 7"),
        ("%ray_debug nothing", "nothing is no ref: name 'nothing' is not defined"),
        ("%ray_rerun --resum ref", "did you mean '--resume'"),
    ):
        reply = failed.fails(line)
        assert expected in reply.text + reply.error[1], line


def test_breakpoint_in_a_task_says_where_one_can_stop(failed: Any) -> None:
    failed.run("@ray.remote\ndef stops():\n    breakpoint()\n    return 7")
    text = failed.run("print(ray.get(stops.remote()))")
    assert "breakpoint() in stops, line 3: a worker has no keyboard" in text
    assert "7\n" in text


def test_a_breakpoint_stops_in_inline_mode(kernel: Any) -> None:
    kernel.run("%ray_start --inline -n 1 --quiet")
    kernel.run("@ray.remote\ndef stops(x):\n    breakpoint()\n    return x")
    assert "41" in kernel.debugged("ref = stops.remote(41)", "p x", "c")


def test_errors_of_inline_tasks_can_be_opened(kernel: Any) -> None:
    kernel.run("%ray_start --inline -n 1 --quiet")
    kernel.run("@ray.remote\ndef fails(x):\n    doubled = 2 * x\n    return 1 / 0")
    kernel.fails("ray.get(fails.remote(21))")
    assert "42" in kernel.debugged("%debug", "p doubled")


def test_unload_shows_errors_as_before(failed: Any) -> None:
    failed.run("%unload_ext ray_jupyter")
    shown = failed.fails("ray.get(ref)").traceback
    assert "RayTaskError(ZeroDivisionError): work (task" in shown
