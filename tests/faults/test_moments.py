"""The matrix: five moments of a call, five endings; the error's type and its text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter.testing import leaks
from ray_jupyter.testing.faults import CrashAtPickle, CrashAtUnpickle, Driver, Ending, crash

DEADLY = [ending for ending in Ending if ending.is_deadly]
MILD = [ending for ending in Ending if not ending.is_deadly]
TEXT = {
    Ending.EXCEPTION: "on purpose",
    Ending.SYSTEM_EXIT: "SystemExit: 3",
    Ending.OS_EXIT: "exited with code 3",
    Ending.SIGSEGV: "killed by SIGSEGV",
    Ending.SIGKILL: "killed by SIGKILL",
}
LEFT_S = 2.0


@ray.remote(max_retries=0)
def taking(value: Any) -> None:
    """Get the argument and do nothing."""


@ray.remote(max_retries=0)
def running(ending: Ending) -> None:
    crash(ending)


@ray.remote(max_retries=0)
def returning(cls: type, ending: Ending) -> Any:
    return cls(ending)


def by_name(ending: Ending) -> str:
    return ending.value


IN_WORKER: dict[str, tuple[str, Callable[[Ending], ray.ObjectRef[Any]]]] = {
    "unpickling the argument": ("taking", lambda how: taking.remote(CrashAtUnpickle(how))),
    "running": ("running", lambda how: running.remote(how)),
    "pickling the result": ("returning", lambda how: returning.remote(CrashAtPickle, how)),
}


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("ending", DEADLY, ids=by_name)
@pytest.mark.parametrize("moment", IN_WORKER)
def test_the_worker_dies(moment: str, ending: Ending) -> None:
    name, submit = IN_WORKER[moment]
    with pytest.raises(ray.WorkerCrashedError) as caught:
        ray.get(submit(ending), timeout=20)
    assert re.search(rf"worker process \d+ {TEXT[ending]}", str(caught.value))
    assert name in str(caught.value), "the error must name the function"


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("ending", MILD, ids=by_name)
@pytest.mark.parametrize("moment", ["unpickling the argument", "running"])
def test_the_task_raises(moment: str, ending: Ending) -> None:
    name, submit = IN_WORKER[moment]
    with pytest.raises(ray.RayTaskError) as caught:
        ray.get(submit(ending), timeout=20)
    assert isinstance(caught.value, ArithmeticError) == (ending is Ending.EXCEPTION)
    assert type(caught.value.cause) is (
        ArithmeticError if ending is Ending.EXCEPTION else SystemExit
    )
    assert TEXT[ending] in str(caught.value)
    assert caught.value.function_name == name


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("ending", MILD, ids=by_name)
def test_pickling_the_result_raises(ending: Ending) -> None:
    with pytest.raises(ray.SerializationError) as caught:
        ray.get(returning.remote(CrashAtPickle, ending), timeout=20)
    assert re.search(rf"result of returning.*CrashAtPickle.*{TEXT[ending]}", str(caught.value))


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("ending", MILD, ids=by_name)
def test_pickling_the_argument_raises(ending: Ending) -> None:
    with pytest.raises(ray.SerializationError) as caught:
        taking.remote(CrashAtPickle(ending))
    text = str(caught.value)
    assert re.search(rf"'value' of taking.*CrashAtPickle.*{TEXT[ending]}", text)


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    "inside", [lambda x: x, lambda x: [x, bytes(300_000)]], ids=["small", "large"]
)
def test_unpickling_the_result_raises(inside: Callable[[Any], Any]) -> None:
    @ray.remote
    def make() -> Any:
        return inside(CrashAtUnpickle(Ending.EXCEPTION))

    ref = make.remote()
    for _ in range(2):  # the value is still there, and still as bad
        with pytest.raises(ArithmeticError, match="on purpose"):
            ray.get(ref, timeout=20)


@pytest.mark.usefixtures("session")
def test_unpickling_the_result_does_not_end_the_driver() -> None:
    with pytest.raises(Exception, match=r"SystemExit|3") as caught:
        ray.get(returning.remote(CrashAtUnpickle, Ending.SYSTEM_EXIT), timeout=20)
    assert not isinstance(caught.value, ray.GetTimeoutError)


DYING_DRIVER = """
import sys
import ray_jupyter as ray
from ray_jupyter.testing.faults import CrashAtPickle, CrashAtUnpickle, Ending

@ray.remote
def give(cls, ending):
    return cls(ending)

ray.init(num_cpus=2)
ending = Ending(sys.argv[2])
print(ray.get(give.remote(str, 1)), flush=True)
if sys.argv[1] == "argument":
    give.remote(CrashAtPickle(ending), ending)
else:
    ray.get(give.remote(CrashAtUnpickle, ending))
"""


@pytest.mark.parametrize("ending", DEADLY, ids=by_name)
@pytest.mark.parametrize("moment", ["argument", "result"])
def test_the_driver_dies(driver: Callable[..., Driver], moment: str, ending: Ending) -> None:
    before = leaks.snapshot()
    dying = driver(DYING_DRIVER, moment, ending.value)
    assert dying.hear() == "1"
    assert dying.end()[0] == ending.returncode
    leaks.assert_no_leaks(before, deadline_s=LEFT_S)
