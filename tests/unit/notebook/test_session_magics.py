"""%load_ext, %ray_start, %ray_stop, %ray_status: one session, said in one line."""

from __future__ import annotations

import re
from typing import Any

import pytest
from IPython.core.error import UsageError

import ray_jupyter as ray
from ray_jupyter import session


def test_loading_is_silent_and_starts_nothing(bare_notebook: Any) -> None:
    assert bare_notebook.run("%load_ext ray_jupyter").out == ""
    assert not ray.is_initialized()


def test_start_says_what_runs_in_one_line(notebook: Any) -> None:
    out = notebook.run("%ray_start --inline -n 2 --memory 1GB").out
    assert re.fullmatch(r"inline runtime · .+ · started in \d+\.\d s\n", out)
    config = session.start({}).config
    assert (config.num_cpus, config.object_store_memory_bytes) == (2, 10**9)


def test_quiet(notebook: Any) -> None:
    assert notebook.run("%ray_start --inline --quiet").out == ""


@pytest.mark.parametrize("again", ["", "--inline", "-n 2", "--inline -n workers"])
def test_start_again_with_the_same_arguments_changes_nothing(inline: Any, again: str) -> None:
    inline.variables["workers"] = 2
    before = session.current
    assert inline.run(f"%ray_start {again}").out.startswith("already running: inline runtime")
    assert session.current is before


@pytest.mark.parametrize("other", ["-n 3", "--memory 12345678"])
def test_start_with_other_arguments_points_at_restart(inline: Any, other: str) -> None:
    before = session.current
    outcome = inline.fails(f"%ray_start {other}")
    assert isinstance(outcome.error, UsageError)
    assert "--restart" in outcome.out
    assert session.current is before


def test_restart_starts_another_session(inline: Any) -> None:
    inline.run("import ray_jupyter as ray; ref = ray.put(1)")
    inline.run("%ray_start --inline -n 3 --restart")
    assert session.start({}).config.num_cpus == 3
    assert isinstance(inline.fails("ray.get(ref)").error, ray.StaleRefError)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--address auto -n 2", "-n is settled by the session that runs"),
        ("--address auto --restart", "--restart starts a session here"),
        ("--address ray://127.0.0.1:1", "Ray cluster"),
        ("--address abcd", "no session of this user whose id begins with abcd"),
        ("--address", "expected one argument"),
        ("-n 0", "num_cpus must be a whole number of at least 1"),
        ("-n many", "-n: expected a number or the name of a variable"),
        ("--memory much", "expected a size such as 2GB"),
        ("--inlin", "did you mean '--inline'"),
        ("5", "unknown argument 5"),
    ],
)
def test_mistakes_are_usage_errors_and_start_nothing(
    notebook: Any, line: str, message: str
) -> None:
    outcome = notebook.fails(f"%ray_start {line}")
    assert isinstance(outcome.error, UsageError)
    assert re.search(message, outcome.out)
    assert "Traceback" not in outcome.out
    assert not ray.is_initialized()


def test_a_mistake_does_not_end_the_session_it_was_to_replace(inline: Any) -> None:
    inline.fails("%ray_start --restart -n 0")
    assert ray.is_initialized()


def test_stop_ends_the_session_and_may_be_repeated(inline: Any) -> None:
    assert inline.run("%ray_stop").out == "stopped\n"
    assert not ray.is_initialized()
    assert "%ray_start" in inline.run("%ray_stop").out


def test_status_counts_tasks_and_returns_nothing(inline: Any) -> None:
    inline.run("%%remote\ndef f(): return 1\nrefs = [f.remote() for _ in range(3)]")
    inline.run("import ray_jupyter as ray; ray.get(refs)")
    outcome = inline.run("%ray_status")
    assert "inline runtime" in outcome.out
    assert "3 finished" in outcome.out
    assert outcome.value is None


def test_status_without_a_session(notebook: Any) -> None:
    assert "%ray_start" in notebook.run("%ray_status").out


@pytest.mark.parametrize("magic", ["%ray_stop", "%ray_status"])
def test_magics_without_options_refuse_any(notebook: Any, magic: str) -> None:
    assert isinstance(notebook.fails(f"{magic} --now").error, UsageError)


@pytest.mark.parametrize(
    ("magic", "words"),
    [
        ("%ray_start", ["Start the runtime", "--num-cpus", "--inline", "--restart"]),
        ("%ray_stop", ["End the runtime"]),
        ("%ray_status", ["what the runtime is doing"]),
        ("%%remote", ["writes @ray.remote(OPTIONS)", "--num-returns", "--show", "--label", "-i"]),
        ("%remote", ["REF = %remote EXPRESSION"]),
        ("%ray_dashboard", ["graph, timeline", "--close"]),
        ("%ray_report", ["FILE"]),
        ("%ray_logs", ["REF|NAME", "-n"]),
        ("%ray_cancel", ["--cell", "--all", "--force"]),
        ("%ray_debug", ["%ray_debug [REF]"]),
        ("%ray_rerun", ["--resume", "--with"]),
        ("%ray_trace", ["FILE", "Perfetto"]),
    ],
)
def test_help_explains_magic_and_options(notebook: Any, magic: str, words: list[str]) -> None:
    out = notebook.run(f"{magic}?").out
    assert [word for word in words if word not in out] == []


def test_options_complete(notebook: Any) -> None:
    assert "--num-cpus" in notebook.completions("%%remote --num-c")
    assert "--inline" in notebook.completions("%ray_start --in")
    assert "--objects" in notebook.completions("%ray_status --o")
    assert "--force" in notebook.completions("%ray_cancel --f")
    assert "--close" in notebook.completions("%ray_dashboard --c")
    assert "--resume" in notebook.completions("%ray_rerun --")


def test_settings_are_under_config(notebook: Any) -> None:
    assert "autostart" in notebook.run("%config RayMagics").out
    assert notebook.run("%config RayMagics.autostart").value is True


def test_reload_keeps_session_and_refs(inline: Any) -> None:
    inline.run("%%remote\ndef f(): return 42\nref = f.remote()")
    before = session.current
    inline.run("%reload_ext ray_jupyter")
    assert session.current is before
    assert inline.run("import ray_jupyter as ray; ray.get([ref, f.remote()])").value == [42, 42]
    assert len([c for c in inline.shell.configurables if type(c).__name__ == "RayMagics"]) == 1


def test_unload_removes_magics_hooks_and_completion(inline: Any) -> None:
    hooks = list(inline.shell.events.callbacks["pre_run_cell"])
    assert "ray_jupyter.shutdown()" in inline.run("%unload_ext ray_jupyter").out
    assert ray.is_initialized()
    assert isinstance(inline.fails("%ray_status").error, UsageError)
    assert len(inline.shell.events.callbacks["pre_run_cell"]) == len(hooks) - 1
    assert "--num-cpus" not in inline.completions("%%remote --num-c")


def test_each_cell_has_remote_functions_sent_anew(inline: Any) -> None:
    before = session.generation
    inline.run("1 + 1")
    assert session.generation > before
