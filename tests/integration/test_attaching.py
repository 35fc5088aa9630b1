"""A second driver: it has all of the session, ends nothing but itself, and is told of the end."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.backends import attaching
from ray_jupyter.runtime.client import visit
from ray_jupyter.runtime.transport import door
from ray_jupyter.testing import leaks
from ray_jupyter.testing.faults import Driver, session_pids
from ray_jupyter.testing.suite.base import echo, eventually, statistics, wait_for_file
from ray_jupyter.util import state

START = "import sys, ray_jupyter as ray, numpy as np, pickle, base64\n"
HOST = (
    START
    + """
info = ray.init(num_cpus=2)
kept = ray.put(np.arange(1000))
print(info.session_id)
for line in sys.stdin:
    if line.strip() == "end":
        break
    print(eval(line))
"""
)
GUEST = (
    START
    + """
info = ray.init(address=sys.argv[1])
print(info)
for line in sys.stdin:
    if line.strip() == "end":
        break
    try:
        exec(line)
    except BaseException as error:
        print(type(error).__name__, error)
"""
)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Callable[..., Driver]]:
    started: list[Driver] = []

    def start(program: str, *arguments: str) -> Driver:
        started.append(Driver(program, tmp_path / f"driver_{len(started)}.py", *arguments))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def own() -> Iterator[str]:
    """A session of this process."""
    with ray.init(num_cpus=2, object_store_memory=64 << 20) as info:
        yield info.session_id


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no session runs, ``auto`` would look for a Ray cluster, which another test may have started."""
    monkeypatch.setattr(attaching, "_is_alone", lambda: False)


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    ray.shutdown()


def asked(guest: Driver, line: str) -> str:
    guest.tell(line)
    return guest.hear()


def drivers() -> list[int]:
    found = state.list_workers(filters=[("worker_type", "=", "DRIVER")])
    return [worker.pid for worker in found]


def test_a_guest_does_all_that_a_driver_does(own: str, driver: Callable[..., Driver]) -> None:
    guest = driver(GUEST, "auto")
    assert "2 workers" in guest.hear()
    guest.tell("double = ray.remote(lambda x: 2 * x)")
    assert asked(guest, "print(ray.get([double.remote(i) for i in range(100)])[-1])") == "198"
    assert asked(guest, "print(ray.get(ray.put(np.arange(10**6))).sum())") == "499999500000"
    guest.tell("Box = ray.remote(type('Box', (), {'get': lambda self: 5}))")
    guest.tell("box = Box.remote()")
    assert asked(guest, "print(ray.get(box.get.remote()))") == "5"
    guest.tell("ready, rest = ray.wait([double.remote(1), double.remote(2)], num_returns=2)")
    assert asked(guest, "print(len(ready), len(rest))") == "2 0"
    guest.tell("deep = ray.remote(lambda n: n and ray.get(deep.remote(n - 1)) + 1)")
    assert asked(guest, "print(ray.get(deep.remote(5)))") == "5"
    assert asked(guest, "print(ray.cluster_resources()['CPU'])") == "2.0"
    assert ray.get(echo.remote(1), timeout=20) == 1
    assert drivers() == [os.getpid(), guest.pid]


def test_names_of_actors_are_the_session_s(own: str, driver: Callable[..., Driver]) -> None:
    box = ray.remote(type("Box", (), {"get": lambda self: 5})).options(name="box").remote()
    guest = driver(GUEST, "auto")
    guest.hear()
    assert asked(guest, "print(ray.get(ray.get_actor('box').get.remote()))") == "5"
    guest.tell("ray.shutdown(); info = ray.init(address='auto', namespace='mine')")
    assert "no actor named 'box' in namespace 'mine'" in asked(guest, "ray.get_actor('box')")
    [row] = state.list_actors(filters=[("name", "=", "box")])
    assert row.state == "ALIVE"
    del box


def test_references_travel_between_drivers(own: str, driver: Callable[..., Driver]) -> None:
    ref = ray.put(np.arange(10**6))
    guest = driver(GUEST, own[:4])
    guest.hear()
    guest.tell(f"ref = pickle.loads(bytes.fromhex('{pickle.dumps(ref).hex()}'))")
    assert asked(guest, "print(ray.get(ref)[-1])") == "999999"
    guest.tell("data = pickle.dumps(ray.put('from there')).hex()")
    answer = asked(guest, "ray.cluster_resources(); print(data)")  # by now it has been put
    assert ray.get(pickle.loads(bytes.fromhex(answer)), timeout=20) == "from there"


def test_a_guest_that_leaves_ends_nothing(own: str, driver: Callable[..., Driver]) -> None:
    mine = ray.put("mine")
    guest = driver(GUEST, "auto")
    guest.hear()
    before = statistics()["objects"]
    guest.tell("ref = ray.put(np.ones(10**6)); other = ray.put(2)")
    eventually(lambda: statistics()["objects"] == before + 2)
    assert asked(guest, "ray.shutdown(); print(ray.is_initialized(), info)").startswith("False")
    eventually(lambda: drivers() == [os.getpid()])
    eventually(lambda: statistics()["objects"] == before)
    assert ray.get([mine, echo.remote(1)], timeout=20) == ["mine", 1]
    assert asked(guest, "info = ray.init(address='auto'); print(ray.get(ray.put(3)))") == "3"
    guest.tell("end")
    assert guest.end()[0] == 0
    eventually(lambda: drivers() == [os.getpid()])
    assert ray.get(echo.remote(2), timeout=20) == 2


def test_a_guest_that_is_killed_leaves_nothing(own: str, driver: Callable[..., Driver]) -> None:
    mine = ray.put(np.ones(10**6))
    before = statistics()
    guest = driver(GUEST, "auto")
    guest.hear()
    guest.tell("array = ray.get(ray.put(np.ones(10**6))); refs = [ray.put(i) for i in range(10)]")
    guest.tell("f = ray.remote(lambda: 1); g = ray.remote(type('A', (), {})); a = g.remote()")
    guest.tell("print('made', ray.get([f.remote() for _ in range(10)])[0])")
    assert guest.hear() == "made 1"
    guest.send(signal.SIGKILL)
    guest.end()

    def is_as_before() -> bool:
        now = statistics()
        names = ("objects", "actors", "store_used_bytes", "inline_bytes")
        return all(now[name] == before[name] for name in names)

    eventually(is_as_before)
    assert drivers() == [os.getpid()]
    assert ray.get(mine, timeout=20).sum() == 10**6
    assert ray.get(echo.remote(1), timeout=20) == 1


def test_a_guest_spills_and_restores(own: str, driver: Callable[..., Driver]) -> None:
    guest = driver(GUEST, "auto")
    guest.hear()
    guest.tell("refs = [ray.put(np.full(2 << 20, i)) for i in range(8)]")
    guest.tell("print([int(ray.get(ref)[-1]) for ref in refs])")
    assert guest.hear() == str(list(range(8)))
    assert statistics()["spilled_bytes"] > 0


def test_the_hosts_end_ends_the_guest(driver: Callable[..., Driver], tmp_path: Path) -> None:
    host = driver(HOST)
    ray.init(address=host.hear())
    ref = echo.remote(1)
    assert ray.get(ref, timeout=20) == 1
    never = wait_for_file.remote(tmp_path / "never")
    host.tell("end")
    assert host.end()[0] == 0
    with pytest.raises(ray.RaySystemError, match="session has ended"):
        ray.get(never, timeout=20)
    with pytest.raises(ray.RaySystemError, match="session has ended"):
        ray.get(echo.remote(1))
    ray.shutdown()
    with ray.init(num_cpus=1):
        assert ray.get(echo.remote(1), timeout=20) == 1


def test_a_host_that_is_killed_leaves_nothing(driver: Callable[..., Driver]) -> None:
    before = leaks.snapshot()
    host = driver(HOST)
    ray.init(address=host.hear())
    array = ray.get(echo.remote(np.ones(10**6)), timeout=20)
    assert leaks.snapshot().since(before)
    host.send(signal.SIGKILL)
    host.end()
    with pytest.raises(ray.RaySystemError):
        ray.get(echo.remote(1))
    assert array.sum() == 10**6
    ray.shutdown()
    del array
    leaks.assert_no_leaks(before, deadline_s=2.0)


def test_a_killed_scheduler_leaves_no_door(own: str) -> None:
    os.kill(session_pids().scheduler, signal.SIGKILL)
    with pytest.raises(ray.RaySystemError):
        ray.get(echo.remote(1))
    ray.shutdown()
    assert door.find() == ([], [])


def test_a_door_that_everybody_left_goes_with_the_next_start(
    driver: Callable[..., Driver],
) -> None:
    host = driver(HOST)
    session_id = host.hear()
    scheduler = int(asked(host, "ray.session.current.statistics()['pids'][0]"))
    host.send(signal.SIGSTOP)  # it cannot tidy up
    os.killpg(scheduler, signal.SIGKILL)
    host.send(signal.SIGKILL)
    host.end()
    assert [path.stem for path in door.find()[0]] == [session_id]
    with pytest.raises(ConnectionError, match=r"no session of this user.*init\(\)"):
        ray.init(address="auto")
    with ray.init(num_cpus=1) as info:
        eventually(lambda: [path.stem for path in door.find()[0]] == [info.session_id])


def test_no_session_and_several(driver: Callable[..., Driver], tmp_path: Path) -> None:
    for address in ("auto", "0123", str(tmp_path / "no.sock")):
        with pytest.raises(ConnectionError, match=r"no session.*init\(\)"):
            ray.init(address=address)
    hosts = [driver(HOST), driver(HOST)]
    ids = [host.hear() for host in hosts]
    with pytest.raises(ValueError, match="2 sessions are running") as caught:
        ray.init(address="auto")
    assert all(session_id in str(caught.value) for session_id in ids)
    assert str(hosts[0].pid) in str(caught.value)
    assert not ray.is_initialized()
    path = next(path for path in door.find()[0] if path.stem == ids[1])
    for address in (ids[1], str(path)):
        assert ray.init(address=address).session_id == ids[1]
        ray.shutdown()


def test_init_again_in_a_session(own: str, driver: Callable[..., Driver]) -> None:
    assert ray.init(address="auto") is ray.init(address=own) is ray.init()
    with pytest.raises(RuntimeError, match=r"init\(\) asks for the one at 'ffff'.*shutdown\(\)"):
        ray.init(address="ffff")
    ray.shutdown()
    host = driver(HOST)
    first = ray.init(scheduler_address=host.hear(), start_ray_local=False)
    assert first.is_attached
    assert ray.init() is ray.init(num_cpus=2) is first
    with pytest.raises(RuntimeError, match="num_cpus=2 is running"):
        ray.init(num_cpus=3)


def test_another_version_is_refused(
    driver: Callable[..., Driver], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = driver(HOST)
    session_id = host.hear()
    monkeypatch.setattr(visit, "__version__", "99.0")
    with pytest.raises(RuntimeError, match=r"cannot attach.*'0\..*the visitor '99\.0'"):
        ray.init(address=session_id)
    assert not ray.is_initialized()
    assert asked(host, "ray.get(ray.put(1))") == "1"


def test_a_session_is_asked_without_attaching(driver: Callable[..., Driver]) -> None:
    host = driver(HOST)
    session_id = host.hear()
    [kept] = state.list_objects(address=session_id)
    assert (kept.pid, kept.reference_type) == (host.pid, "LOCAL_REFERENCE")
    assert state.summarize_tasks(address="auto")["cluster"]["total_tasks"] == 0
    with pytest.raises(ray.NotInitializedError):
        state.list_objects()
    assert not ray.is_initialized()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_task_cannot_attach(own: str) -> None:
    @ray.remote
    def attach() -> Any:
        return ray.init(address="auto")

    with pytest.raises(RuntimeError, match="inside a task"):
        ray.get(attach.remote())


def test_a_session_works_without_a_door(tmp_path: Path) -> None:
    """Where no directory can be trusted, one session still runs; it says so and goes on."""
    program = START + "ray.init(num_cpus=1); print(ray.get(ray.put(1)))"
    place = tmp_path / f"ray_jupyter-{os.getuid()}"
    place.symlink_to(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True, text=True, timeout=50, check=True,
    )  # fmt: skip
    assert done.stdout == "1\n"
    assert "no other process can reach this session" in done.stderr
