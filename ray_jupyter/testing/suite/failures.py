"""Failures: what a task raises, what cannot be pickled, retries, cancelling."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import pickle
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter.testing.suite.base import (
    BackendSuite,
    add,
    echo,
    eventually,
    fail,
    statistics,
    wait_for_file,
)


class PickyError(Exception):
    """An exception that cannot be made from its ``args``."""

    def __init__(self, code: int, *, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


class FailureTests(BackendSuite):
    """What any backend must do when something goes wrong."""

    def test_the_error_is_of_its_own_type_and_a_task_error(self) -> None:
        with pytest.raises(ValueError, match="boom") as caught:
            ray.get(fail.remote())
        error = caught.value
        assert isinstance(error, ray.RayTaskError)
        assert error.args == ("boom",)
        assert type(error.cause) is ValueError
        assert error.function_name == "fail"

    def test_the_error_shows_the_remote_line(self) -> None:
        with pytest.raises(ray.RayTaskError) as caught:
            ray.get(fail.remote())
        assert "raise ValueError(message)" in str(caught.value)
        assert 'base.py", line' in caught.value.traceback_str

    def test_every_get_raises_again(self) -> None:
        ref = fail.remote()
        for _ in range(2):
            with pytest.raises(ValueError, match="boom"):
                ray.get(ref)

    def test_get_of_a_list_raises_the_first_error_in_order(self) -> None:
        refs = [echo.remote(1), fail.remote("first"), fail.remote("second")]
        with pytest.raises(ValueError, match="first"):
            ray.get(refs)

    def test_chained_causes_are_shown(self) -> None:
        @ray.remote
        def chained() -> None:
            try:
                dict[str, int]()["missing"]
            except KeyError as error:
                raise RuntimeError("outer") from error

        with pytest.raises(RuntimeError) as caught:
            ray.get(chained.remote())
        assert "KeyError: 'missing'" in str(caught.value)
        assert "direct cause" in str(caught.value)

    def test_dependants_fail_with_the_same_error(self) -> None:
        with pytest.raises(ValueError, match="boom") as caught:
            ray.get(add.remote(add.remote(fail.remote(), 1), 2))
        assert isinstance(caught.value, ray.RayTaskError)
        assert caught.value.function_name == "fail"

    def test_an_error_through_several_tasks_keeps_its_type(self) -> None:
        @ray.remote
        def middle() -> Any:
            return ray.get(fail.remote("inner"))

        with pytest.raises(ValueError, match="inner") as caught:
            ray.get(middle.remote())
        assert isinstance(caught.value, ray.RayTaskError)

    def test_every_result_of_a_failed_task_fails(self) -> None:
        for ref in fail.options(num_returns=2).remote():
            with pytest.raises(ValueError, match="boom"):
                ray.get(ref)

    def test_exceptions_with_a_constructor_of_their_own(self) -> None:
        @ray.remote
        def picky() -> None:
            raise PickyError(7, detail="odd")

        with pytest.raises(PickyError, match="7: odd") as caught:
            ray.get(picky.remote())
        assert caught.value.code == 7

    def test_exceptions_of_main(self) -> None:
        namespace: dict[str, Any] = {"__name__": "__main__", "ray": ray}
        exec(
            "class Mine(Exception):\n    pass\n\n"
            "@ray.remote\ndef raises():\n    raise Mine('here')\n",
            namespace,
        )
        with pytest.raises(ray.RayTaskError, match="here") as caught:
            ray.get(namespace["raises"].remote())
        assert type(caught.value.cause).__name__ == "Mine"

    def test_an_exception_that_cannot_be_pickled_has_a_stand_in(self) -> None:
        @ray.remote
        def locked() -> None:
            raise ValueError("held", threading.Lock())

        with pytest.raises(ray.RayTaskError, match="held") as caught:
            ray.get(locked.remote())
        assert "raise ValueError" in str(caught.value)

    def test_system_exit_fails_the_task_only(self) -> None:
        @ray.remote
        def leave() -> None:
            sys.exit(3)

        with pytest.raises(ray.RayTaskError) as caught:
            ray.get(leave.remote())
        assert isinstance(caught.value.cause, SystemExit)
        assert ray.get(echo.remote("alive")) == "alive"

    def test_stop_iteration_does_not_end_loops_of_the_caller(self) -> None:
        @ray.remote
        def stop() -> None:
            raise StopIteration

        with pytest.raises(ray.RayTaskError) as caught:
            ray.get(stop.remote())
        assert not isinstance(caught.value, StopIteration)

    def test_errors_can_be_pickled(self) -> None:
        with pytest.raises(ValueError) as caught:
            ray.get(fail.remote())
        again = pickle.loads(pickle.dumps(caught.value))
        assert isinstance(again, ValueError)
        assert str(again) == str(caught.value)

    def test_an_argument_that_cannot_be_pickled_is_named(self) -> None:
        with pytest.raises(TypeError, match=r"right.*lock") as caught:
            add.remote(1, threading.Lock())
        assert isinstance(caught.value, ray.SerializationError)
        with pytest.raises(ray.SerializationError, match="left"):
            add.remote(left=[threading.Lock()], right=1)

    def test_a_variable_that_cannot_be_pickled_is_named(self) -> None:
        guard = threading.Lock()

        @ray.remote
        def locked() -> None:
            with guard:
                pass

        with pytest.raises(ray.SerializationError, match=r"locked.*guard.*lock"):
            locked.remote()

    def test_a_value_that_cannot_be_pickled_is_not_stored(self) -> None:
        with pytest.raises(ray.SerializationError, match="lock"):
            ray.put(threading.Lock())

    def test_a_result_that_cannot_be_pickled_is_named(self) -> None:
        @ray.remote
        def make() -> Any:
            return threading.Lock()

        with pytest.raises(ray.SerializationError, match=r"make.*lock"):
            ray.get(make.remote())
        assert ray.get(echo.remote("alive")) == "alive"

    def test_too_few_results(self) -> None:
        for result in ((1, 2), 5):
            first, *_ = echo.options(num_returns=3).remote(result)
            with pytest.raises(ValueError, match="num_returns=3"):
                ray.get(first)

    def test_retry_exceptions(self, tmp_path: Path) -> None:
        def third_time(log: Path) -> int:
            with log.open("a") as file:
                file.write("x")
            if len(log.read_text()) < 3:
                raise OSError("not yet")
            return len(log.read_text())

        before = statistics()["retries"]
        flaky = ray.remote(max_retries=3, retry_exceptions=[OSError])(third_time)
        assert ray.get(flaky.remote(tmp_path / "a")) == 3
        eventually(lambda: statistics()["retries"] == before + 2)
        always = ray.remote(max_retries=-1, retry_exceptions=True)(third_time)
        assert ray.get(always.remote(tmp_path / "b")) == 3

    @pytest.mark.parametrize(
        ("options", "attempts"),
        [
            ({"max_retries": 1, "retry_exceptions": True}, 2),
            ({"max_retries": 5, "retry_exceptions": [KeyError]}, 1),
            ({"max_retries": 5}, 1),
        ],
    )
    def test_retries_end(self, tmp_path: Path, options: dict[str, Any], attempts: int) -> None:
        @ray.remote
        def never(log: Path) -> None:
            with log.open("a") as file:
                file.write("x")
            raise OSError("never")

        with pytest.raises(OSError, match="never"):
            ray.get(never.options(**options).remote(tmp_path / "log"))
        assert len((tmp_path / "log").read_text()) == attempts

    def test_cancel_a_queued_task(self, tmp_path: Path) -> None:
        self.needs_background()
        gate = wait_for_file.remote(tmp_path / "go")
        queued = echo.remote(gate)
        dependant = add.remote(queued, 1)
        ray.cancel(queued)
        for ref in (queued, dependant):
            with pytest.raises(ray.TaskCancelledError):
                ray.get(ref, timeout=20)
        (tmp_path / "go").touch()
        assert ray.get(gate, timeout=20) is None

    def test_cancel_a_running_task(self, tmp_path: Path) -> None:
        self.needs_background()
        ref = _loop_for_ever.remote(tmp_path / "started")
        eventually((tmp_path / "started").exists)
        ray.cancel(ref)
        with pytest.raises(ray.TaskCancelledError):
            ray.get(ref, timeout=20)

    def test_cancel_a_finished_task_does_nothing(self) -> None:
        ref = echo.remote(1)
        assert ray.get(ref) == 1
        ray.cancel(ref)
        assert ray.get(ref) == 1

    def test_cancel_refuses_what_is_no_reference(self) -> None:
        with pytest.raises(TypeError, match="needs an ObjectRef"):
            ray.cancel("ref")  # type: ignore[arg-type]  # that is what is tested


@ray.remote
def _loop_for_ever(started: Path) -> None:
    started.touch()
    while True:
        pass


class UnseenErrorTests(BackendSuite):
    """Errors that nobody asks for."""

    def test_an_error_that_nobody_can_ask_for_is_printed(
        self, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        printed: list[str] = []

        def said() -> str:
            ray.get(echo.remote(0))
            printed.append(capfd.readouterr().err)
            return "".join(printed)

        with pytest.raises(ValueError, match="read"):
            ray.get(fail.remote("read"))
        kept = fail.remote("kept")
        fail.remote("dropped")
        line = "fail failed, and nobody asked for its result: ValueError: "
        eventually(lambda: f"{line}dropped\n" in said())
        dependent = echo.remote(fail.remote("passed on"))
        with pytest.raises(ValueError, match="passed on"):
            ray.get(dependent)
        del dependent
        both = [fail.remote("both"), fail.remote("both")]
        ray.wait(both, num_returns=2)
        with pytest.raises(ValueError, match="both"):
            ray.get(both)
        del both
        assert [
            word for word in ("read", "kept", "passed on", "both") if f"{line}{word}" in said()
        ] == []
        del kept
        eventually(lambda: f"{line}kept\n" in said())
        monkeypatch.setenv("RAY_IGNORE_UNHANDLED_ERRORS", "1")
        fail.remote("silent")
        ray.get([echo.remote(1), add.remote(1, 2)])
        eventually(lambda: statistics()["tasks"].get("RUNNING", 0) == 0)
        assert "silent" not in said()
