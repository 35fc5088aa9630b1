"""What users do wrong, and what the error must tell them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter.testing.suite.base import add, echo, wait_for_file

LOCK = threading.Lock()


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("timeout", [0, 0.02])
def test_a_timeout_leaves_the_task_alone(tmp_path: Path, timeout: float) -> None:
    done, slow = echo.remote(1), wait_for_file.remote(tmp_path / "go", 2)
    assert ray.get(done, timeout=20) == 1
    with pytest.raises(ray.GetTimeoutError, match="1 of 2 objects") as caught:
        ray.get([done, slow], timeout=timeout)
    assert isinstance(caught.value, TimeoutError)
    (tmp_path / "go").touch()
    assert ray.get([done, slow], timeout=20) == [1, 2]


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("wrong", [5, "ref", None, {"a": 1}, echo, [5], [[1]]], ids=repr)
def test_get_of_what_is_no_reference(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="ObjectRef") as caught:
        ray.get(wrong)
    assert type(wrong[0] if isinstance(wrong, list) else wrong).__name__ in str(caught.value)


@pytest.mark.usefixtures("session")
def test_init_and_shutdown_inside_a_task() -> None:
    with pytest.raises(RuntimeError, match="driver"):
        ray.get(ray.remote(lambda: ray.init(num_cpus=3)).remote(), timeout=20)
    with pytest.raises(RuntimeError, match="driver"):
        ray.get(ray.remote(ray.shutdown).remote(), timeout=20)


class TestUnpicklable:
    """The error names the variable and its type, and nothing is submitted."""

    pytestmark = pytest.mark.usefixtures("session")

    def test_arguments(self) -> None:
        for call in (
            lambda: add.remote(1, LOCK), lambda: add.remote(left=1, right=[LOCK]),
            lambda: add.remote(1, {"deep": (1, [LOCK])}),
        ):  # fmt: skip
            with pytest.raises(ray.SerializationError, match=r"'right' of add.*lock"):
                call()

    def test_a_large_argument(self) -> None:
        with pytest.raises(ray.SerializationError, match=r"'right' of add.*lock"):
            add.remote(bytes(2_000_000), [LOCK, bytes(2_000_000)])

    def test_a_closure(self) -> None:
        guard = threading.Lock()

        @ray.remote
        def task() -> Any:
            return guard

        with pytest.raises(ray.SerializationError, match=r"task.*'guard'.*lock"):
            task.remote()

    def test_a_default(self) -> None:
        @ray.remote
        def task(guard: Any = threading.Lock()) -> Any:  # noqa: B008 - the mistake under test
            return guard

        with pytest.raises(ray.SerializationError, match=r"task.*default.*guard.*lock"):
            task.remote()

    def test_a_global_of_a_notebook(self) -> None:
        source = "import threading\nconnection = threading.Lock()\ndef task():\n    connection\n"
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(source, namespace)
        with pytest.raises(ray.SerializationError, match=r"task.*'connection'.*lock"):
            ray.remote(namespace["task"]).remote()

    def test_a_result(self) -> None:
        @ray.remote
        def task() -> Any:
            return {"lock": threading.Lock()}

        with pytest.raises(ray.SerializationError, match=r"result of task.*dict.*lock"):
            ray.get(task.remote(), timeout=20)

    def test_an_exception(self) -> None:
        @ray.remote
        def task() -> None:
            error = ValueError("look here")
            error.guard = threading.Lock()  # type: ignore[attr-defined]
            raise error

        with pytest.raises(ray.RayTaskError, match="look here"):
            ray.get(task.remote(), timeout=20)

    def test_a_variable_of_an_actor_class(self) -> None:
        guard = threading.Lock()

        @ray.remote
        class Guarded:
            def get(self) -> Any:
                return guard

        with pytest.raises(ray.SerializationError, match=r"Guarded.*lock"):
            Guarded.remote()
