"""More than one node, nodes and heads that die, versions: what a cluster of Ray can do to a driver."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.scheduling_strategies import NodeAffinitySchedulingStrategy
from ray_jupyter.testing import clusters
from ray_jupyter.testing.suite.base import eventually, wait_for_file

pytest.importorskip("ray", reason=clusters.MISSING)

pytestmark = [
    pytest.mark.cluster,
    clusters.LEAKS,
    pytest.mark.slow,
    pytest.mark.timeout(120),
]
ONE_CPU = {"num_cpus": 1}


@contextlib.contextmanager
def a_head() -> Iterator[Any]:
    """Start a head with one CPU and the resource ``head``."""
    env = {**clusters.REPORTS_OFTEN, "RAY_health_check_period_ms": "500"}
    with clusters.a_cluster({**ONE_CPU, "resources": {"head": 9}}, env=env) as started:
        yield started


def where() -> str:
    """Return the node of the caller."""
    return ray.get_runtime_context().get_node_id()


def test_two_nodes_work_and_one_is_killed() -> None:
    with a_head() as cluster:
        second = cluster.add_node(**{**clusters.NODE, **ONE_CPU}, resources={"second": 9})
        ray.init(cluster.address)
        assert len([node for node in ray.nodes() if node["Alive"]]) == 2
        ask = ray.remote(num_cpus=0)(where)
        nodes = ray.get([ask.options(resources={name: 1}).remote() for name in ("head", "second")])
        assert len(set(nodes)) == 2
        strategy = NodeAffinitySchedulingStrategy(nodes[1], False)
        assert ray.get(ask.options(scheduling_strategy=strategy).remote()) == nodes[1]
        meeting = ray.remote(_Meeting).remote()
        both = ray.get([wait_together.remote(meeting, i) for i in range(2)], timeout=60)
        assert set(both) == set(nodes)
        _kill_the_node_while_tasks_run(cluster, second, nodes)


@ray.remote(num_cpus=1)
def wait_together(meeting: Any, number: int) -> str:
    """Return the node; runs until both tasks run, which takes the CPUs of both nodes."""
    ray.get(meeting.arrive.remote(number))
    while ray.get(meeting.arrived.remote()) < 2:
        pass
    return where()


class _Meeting:
    def __init__(self) -> None:
        self.numbers: set[int] = set()

    def arrive(self, number: int) -> None:
        self.numbers.add(number)

    def arrived(self) -> int:
        return len(self.numbers)


def _kill_the_node_while_tasks_run(cluster: Any, second: Any, nodes: list[str]) -> None:
    placed = ray.remote(resources={"second": 1}, num_cpus=0, max_retries=0)(lambda: _for_ever())
    doomed = placed.remote()
    again = ray.remote(num_cpus=1, max_retries=3)(where)
    eventually(
        lambda: ray.util.state.list_tasks(
            filters=[("name", "=", "<lambda>"), ("state", "=", "RUNNING")]
        )
    )
    cluster.remove_node(second, allow_graceful=False)
    with pytest.raises((ray.WorkerCrashedError, ray.RaySystemError)):
        ray.get(doomed, timeout=60)
    assert ray.get(again.remote(), timeout=60) == nodes[0]
    eventually(lambda: [n["Alive"] for n in ray.nodes() if n["NodeID"] == nodes[1]] == [False])


def _for_ever() -> None:
    threading.Event().wait()


def test_a_head_that_stops_is_an_error_and_another_is_one_command_away(tmp_path: Path) -> None:
    """In a process of its own: it loses its Ray."""
    program = textwrap.dedent("""
        import os, signal, sys, time
        from ray.cluster_utils import Cluster
        import ray_jupyter as ray
        NODE = dict(num_cpus=1, object_store_memory=80_000_000, include_dashboard=False)
        first = Cluster(initialize_head=True, head_node_args=NODE)
        ray.init(first.address)
        never = ray.remote(lambda: time.sleep(1000)).remote()
        print("connected", flush=True)
        head = first.head_node
        for name, processes in head.all_processes.items():
            for process in processes:
                os.kill(process.process.pid, signal.SIGKILL)
        started = time.monotonic()
        try:
            ray.get(never)
        except ray.RaySystemError as error:
            assert "does not answer any more" in str(error), error
            print("told after", time.monotonic() - started, flush=True)
        for call in (lambda: ray.put(1), lambda: ray.remote(lambda: 1).remote()):
            try:
                call()
            except ray.RaySystemError:
                print("refused", flush=True)
        ray.shutdown()
        second = Cluster(initialize_head=True, head_node_args=NODE)
        ray.init(second.address)
        print("again", ray.get(ray.remote(lambda: 42).remote()), flush=True)
        ray.shutdown()
        second.shutdown()
    """)
    ran = run(program, timeout_s=100)
    assert "connected" in ran.stdout, ran.stderr
    told = float(ran.stdout.split("told after ")[1].split()[0])
    assert told < 30, "seconds, not a minute"
    assert ran.stdout.count("refused") == 2
    assert "again 42" in ran.stdout, ran.stderr


def run(program: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run a program as a script."""
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=timeout_s,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=False,
    )  # fmt: skip


def test_a_killed_driver_ends_its_own_job_only(tmp_path: Path) -> None:
    with a_head() as cluster:
        ray.init(cluster.address)
        mine = ray.remote(_Meeting).options(name="mine").remote()
        program = textwrap.dedent(f"""
            import os, time
            from pathlib import Path
            import ray_jupyter as ray
            ray.init({cluster.address!r})
            class Kept:
                def pid(self): return os.getpid()
            @ray.remote(num_cpus=0)
            def run(path):
                Path(path).write_text(str(os.getpid()))
                time.sleep(1000)
            kept = ray.remote(Kept).remote()
            ref = run.remote({str(tmp_path / "task")!r})
            Path({str(tmp_path / "actor")!r}).write_text(str(ray.get(kept.pid.remote())))
            time.sleep(1000)
        """)
        driver = subprocess.Popen(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        try:
            eventually(lambda: _pid(tmp_path / "task") and _pid(tmp_path / "actor"), 60)
        finally:
            driver.send_signal(signal.SIGKILL)
            driver.wait()
        for name in ("task", "actor"):
            eventually(lambda: not _is_running(_pid(tmp_path / name)), 60)  # noqa: B023
        assert ray.get(mine.arrived.remote(), timeout=60) == 0


def _pid(path: Path) -> int:
    return int(path.read_text() or 0) if path.exists() else 0


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0]


def test_nodes_without_our_package_get_it(tmp_path: Path) -> None:
    (tmp_path / "ray_jupyter.py").write_text("raise ImportError('not installed here')\n")
    (tmp_path / "empty").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        patch.chdir(tmp_path / "empty")  # Ray lets workers import from where the driver is
        with a_head() as cluster:
            ray.init(cluster.address)
            assert ray.get(ray.remote(lambda x: x + 1).remote(ray.put(1))) == 2
            found = ray.get(ray.remote(lambda: ray.__file__).remote())
            assert str(tmp_path) not in found
            assert "py_modules" in session.connected().environment()


def test_other_versions_are_found_at_connect() -> None:
    import ray as itself
    from ray.experimental import internal_kv

    with a_head() as cluster:
        itself.init(cluster.address, log_to_driver=False)
        key, space = b"CLUSTER_METADATA", b"cluster"
        told = json.loads(internal_kv._internal_kv_get(key, namespace=space))
        told["python_version"] = "3.9.1"
        internal_kv._internal_kv_put(key, json.dumps(told), overwrite=True, namespace=space)
        itself.shutdown()
        with pytest.raises(RuntimeError, match=r"different versions.*Make an environment"):
            ray.init(cluster.address)
        assert not ray.is_initialized()


def test_nobody_answers() -> None:
    with pytest.raises(ConnectionError, match=r"no Ray cluster answers at 127\.0\.0\.1:1"):
        ray.init("127.0.0.1:1")


def test_ray_itself_must_not_be_connected() -> None:
    import ray as itself

    with a_head() as cluster:
        itself.init(cluster.address, log_to_driver=False)
        try:
            with pytest.raises(RuntimeError, match="connected to Ray already"):
                ray.init(cluster.address)
        finally:
            itself.shutdown()


def test_what_tasks_print_is_told_with_its_task(tmp_path: Path) -> None:
    told: list[Any] = []

    @ray.remote
    def child() -> None:
        print("from the child")

    @ray.remote
    def parent() -> None:
        print("one\ntwo")
        print("wrong", file=sys.stderr)
        ray.get(child.remote())

    with a_head() as cluster:
        ray.init(cluster.address)
        session.connected().show = told.extend
        cell = session.connected().begin_cell()
        ref = parent.remote()
        ray.get(ref)
        eventually(lambda: len(told) >= 4)
        assert session.connected().cell_of(ref.id) == cell
        assert {(root, stream, text) for root, _, _, _, stream, text in told} == {
            (ref.id, 1, b"one\n"), (ref.id, 1, b"two\n"), (ref.id, 2, b"wrong\n"),
            (ref.id, 1, b"from the child\n"),
        }  # fmt: skip
        assert {name for _, _, name, *_ in told} == {"parent", "child"}
        assert ray.get(wait_for_file.remote(tmp_path, 1)) == 1


def test_cells_are_counted_and_their_tasks_can_be_cancelled(tmp_path: Path) -> None:
    with a_head() as cluster:
        ray.init(cluster.address)
        backend = session.connected()
        first = backend.begin_cell()
        ref = nested.options(name="outer").remote()
        with pytest.raises(ValueError, match="in the cell"):
            ray.get([ref, failing.remote()])
        second = backend.begin_cell()
        kept = wait_for_file.remote(tmp_path / "never")
        eventually(lambda: backend.query("cell", first).get("unfinished") == 0)
        report = backend.query("cell", first)
        assert {entry[0]: entry[1:] for entry in report["functions"]} == {
            "outer": (1, 0, 1, 0), "inner": (1, 0, 1, 0), "failing": (1, 0, 0, 1),
        }  # fmt: skip
        assert report["error"][1] == "failing"
        assert report["error"][2][-1] == "ValueError: in the cell"
        eventually(lambda: len(backend.query("cell_tasks", second)) == 1)
        [(task_id, is_call)] = backend.query("cell_tasks", second)
        assert not is_call
        backend.cancel(task_id, force=False, recursive=True)
        eventually(lambda: backend.query("cell_tasks", second) == [])
        with pytest.raises(ray.TaskCancelledError):
            ray.get(kept)


@ray.remote
def inner() -> int:
    return 1


@ray.remote
def nested() -> int:
    return int(ray.get(inner.remote()))


@ray.remote
def failing() -> None:
    raise ValueError("in the cell")


def test_through_the_client(tmp_path: Path) -> None:
    pytest.importorskip("grpc", reason="Ray's client needs grpcio: pip install 'ray[client]'")
    with a_head() as cluster, clusters.a_client_server(cluster) as (address, _):
        ray.init(address)
        assert ray.get(ray.get(boxed.remote([ray.put(5)]))[0]) == 6
        with pytest.raises(ValueError, match="in the cell"):
            ray.get(failing.remote())
        meeting = ray.remote(_Meeting).options(name="met").remote()
        ray.get(ray.get_actor("met").arrive.remote(1))
        assert ray.get(meeting.arrived.remote()) == 1
        with pytest.raises(NotImplementedError, match="STREAMS"):
            ray.remote(lambda: (yield 1)).remote()
        backend = session.connected()
        assert backend.statistics()["workers"] >= 1
        cell = backend.begin_cell()
        kept = wait_for_file.remote(tmp_path / "never")
        eventually(lambda: len(backend.query("cell_tasks", cell)) == 1)
        [(task_id, _)] = backend.query("cell_tasks", cell)
        backend.cancel(task_id, force=False, recursive=True)
        with pytest.raises(ray.TaskCancelledError):
            ray.get(kept, timeout=30)
        eventually(lambda: backend.query("cell_tasks", cell) == [])


@ray.remote
def boxed(box: list[Any]) -> list[Any]:
    return [ray.remote(lambda value: value + 1).remote(ray.get(box[0]))]


def test_the_address_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_head() as cluster:
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        assert ray.get(ray.remote(lambda: 1).remote()) == 1
        assert session.connected().name == "ray_cluster"
        ray.shutdown()
        assert ray.init("auto").address == "auto"
        ray.shutdown()
        with ray.init(scheduler_address=cluster.address) as joined:
            assert "Ray cluster at" in repr(joined)
        with pytest.raises(ValueError, match="leave out num_cpus"):
            ray.init(num_cpus=2)
        with ray.init(mode="inline"):
            assert session.connected().name == "inline"
