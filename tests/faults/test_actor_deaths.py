"""Actors that are killed or crash: what waits for them fails with the reason, others live."""

from __future__ import annotations

import gc
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter.testing.faults import CrashAtPickle, CrashAtUnpickle, Ending, crash, is_running
from ray_jupyter.testing.suite.base import eventually, statistics

pytestmark = pytest.mark.usefixtures("session")
DEADLY = [ending for ending in Ending if ending.is_deadly]
TEXT = {Ending.OS_EXIT: "code 3", Ending.SIGSEGV: "SIGSEGV", Ending.SIGKILL: "SIGKILL"}


@ray.remote
class Victim:
    def __init__(self, ending: Ending | None = None) -> None:
        if ending is not None:
            crash(ending)

    def pid(self) -> int:
        return os.getpid()

    def crash(self, ending: Ending) -> None:
        crash(ending)

    def echo(self, value: Any) -> Any:
        return value

    def unpicklable(self, ending: Ending) -> Any:
        return CrashAtPickle(ending)

    def stuck(self, started: Path) -> None:
        started.touch()
        while True:
            pass


def by_name(ending: Ending) -> str:
    return ending.value


def assert_dead(victim: Any, text: str, *refs: ray.ObjectRef[Any]) -> None:
    """What waited fails, and so does whatever is called from now on."""
    for ref in [*refs, victim.pid.remote()]:
        with pytest.raises(ray.ActorDiedError, match=text) as caught:
            ray.get(ref, timeout=20)
        assert "Victim" in str(caught.value)


@pytest.mark.parametrize("ending", DEADLY, ids=by_name)
def test_in_its_constructor(ending: Ending) -> None:
    victim = Victim.remote(ending)
    assert_dead(victim, TEXT[ending], victim.echo.remote(1))


@pytest.mark.parametrize("ending", [Ending.EXCEPTION, Ending.SYSTEM_EXIT], ids=by_name)
def test_its_constructor_raises(ending: Ending) -> None:
    victim = Victim.remote(ending)
    text = "on purpose" if ending is Ending.EXCEPTION else "SystemExit"
    assert_dead(victim, text, victim.echo.remote(1))


@pytest.mark.parametrize("ending", DEADLY, ids=by_name)
def test_in_a_method(ending: Ending) -> None:
    victim = Victim.remote()
    assert ray.get(victim.echo.remote(1), timeout=20) == 1
    calls = [victim.crash.remote(ending), victim.echo.remote(2), victim.echo.remote(3)]
    assert_dead(victim, TEXT[ending], *calls)


@pytest.mark.parametrize("ending", DEADLY, ids=by_name)
def test_unpickling_an_argument(ending: Ending) -> None:
    victim = Victim.remote()
    assert_dead(victim, TEXT[ending], victim.echo.remote(CrashAtUnpickle(ending)))


@pytest.mark.parametrize("ending", DEADLY, ids=by_name)
def test_pickling_a_result(ending: Ending) -> None:
    victim = Victim.remote()
    assert_dead(victim, TEXT[ending], victim.unpicklable.remote(ending))


@pytest.mark.parametrize("ending", [Ending.EXCEPTION, Ending.SYSTEM_EXIT], ids=by_name)
def test_a_method_that_raises_leaves_it_alive(ending: Ending) -> None:
    victim = Victim.remote()
    pid = ray.get(victim.pid.remote(), timeout=20)
    with pytest.raises(ray.RayTaskError, match=r"Victim\.crash"):
        ray.get(victim.crash.remote(ending), timeout=20)
    assert ray.get(victim.pid.remote(), timeout=20) == pid


def test_sigkill_while_idle() -> None:
    victim = Victim.remote()
    pid = ray.get(victim.pid.remote(), timeout=20)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_running(pid))
    assert_dead(victim, "SIGKILL")


def test_sigkill_while_it_runs(tmp_path: Path) -> None:
    victim = Victim.remote()
    pid = ray.get(victim.pid.remote(), timeout=20)
    calls = [victim.stuck.remote(tmp_path / "started"), victim.echo.remote(1)]
    eventually((tmp_path / "started").exists)
    os.kill(pid, signal.SIGKILL)
    assert_dead(victim, rf"process {pid} killed by SIGKILL", *calls)


def test_kill_says_who_did_it(tmp_path: Path) -> None:
    victim = Victim.remote()
    pid = ray.get(victim.pid.remote(), timeout=20)
    calls = [victim.stuck.remote(tmp_path / "started"), victim.echo.remote(1)]
    eventually((tmp_path / "started").exists)
    ray.kill(victim)
    assert_dead(victim, re.compile("kill", re.I).pattern, *calls)
    eventually(lambda: not is_running(pid))


def test_kill_twice_and_after_death() -> None:
    victim = Victim.remote()
    ray.kill(victim)
    ray.kill(victim)
    assert_dead(victim, "kill")


def test_calls_that_wait_for_an_argument_fail_at_once() -> None:
    victim, slow = Victim.remote(), Victim.remote()
    waiting = victim.echo.remote(slow.echo.remote(1))
    ray.kill(victim)
    assert_dead(victim, "kill")
    with pytest.raises(ray.ActorDiedError):  # unless it was done before
        ray.get([waiting, victim.pid.remote()], timeout=20)


def test_a_task_that_waits_for_a_dying_actor() -> None:
    @ray.remote(max_retries=0)
    def ask(victim: Any) -> Any:
        return ray.get(victim.crash.remote(Ending.SIGKILL))

    with pytest.raises(ray.ActorDiedError, match="SIGKILL"):
        ray.get(ask.remote(Victim.remote()), timeout=20)


def test_what_dies_with_an_actor() -> None:
    before = statistics()
    victim = Victim.remote()
    array = ray.get(victim.echo.remote(bytes(1_000_000)), timeout=20)
    assert_dead(victim, "SIGKILL", victim.crash.remote(Ending.SIGKILL))
    assert array == bytes(1_000_000)
    del victim
    gc.collect()  # pytest's notes about the errors hold the frames that hold the handle
    eventually(lambda: statistics()["actors"] <= before["actors"])
    eventually(lambda: statistics()["store_used_bytes"] <= before["store_used_bytes"])


def test_actors_leave_the_cpus_to_tasks(tmp_path: Path) -> None:
    @ray.remote
    def meet(mine: Path, other: Path) -> None:
        mine.touch()
        while not other.exists():
            time.sleep(0.001)

    for i in range(60):
        killed, idle = Victim.remote(), Victim.remote()
        waiting = killed.echo.remote(idle.echo.remote(i))
        ray.kill(killed)
        assert_dead(killed, "kill")
        ray.wait([waiting], timeout=20)
        one, two = tmp_path / f"{i}-1", tmp_path / f"{i}-2"
        ray.get([meet.remote(one, two), meet.remote(two, one)], timeout=20)
