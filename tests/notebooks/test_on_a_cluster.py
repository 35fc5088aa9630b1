"""The notebook on a Ray cluster: a real kernel, connected to a cluster of two nodes on this machine."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ray_jupyter.testing import clusters
from ray_jupyter.testing.suite.base import eventually

pytest.importorskip("ray", reason=clusters.MISSING)

import ray as itself

pytestmark = [
    pytest.mark.cluster,
    clusters.LEAKS,
    pytest.mark.slow,
    pytest.mark.timeout(180),
]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
SETUP = """
import pathlib, time, signal, os
@ray.remote
def wait(folder, i, deaf=False):
    if deaf: signal.signal(signal.SIGINT, signal.SIG_IGN)
    (pathlib.Path(folder) / f'began-{i}').write_text(str(os.getpid()))
    while not (pathlib.Path(folder) / 'go').exists(): time.sleep(0.005)
    return i
"""
FUNCTIONS = """%%remote
def helper(divisor):
    doubled = [2 * divisor]
    return 1 / divisor

def work(divisor, table):
    return helper(divisor)
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    nodes = ({"resources": {"head": 9}}, {"resources": {"second": 9}})
    with clusters.a_cluster(*nodes, env={}) as started:
        yield str(started.address)
        itself.shutdown()


@pytest.fixture
def connected(kernel: Any, address: str) -> Any:
    """A kernel with a session on the cluster."""
    said = kernel.run(f"%ray_start --address {address}")
    assert said.startswith("Ray cluster · 4 CPUs · "), said
    return kernel


def test_output_strip_status_and_references(connected: Any) -> None:
    connected.run(
        "import time\n"
        "@ray.remote\n"
        "def speak(i):\n    print('I am', i); time.sleep(1.5)\n    return [i] * 1000"
    )
    sent = connected.send("refs = [speak.remote(i) for i in range(2)]")
    reply = connected.finish(sent)
    texts, shown = reply.text, reply.strip
    for message in connected.arriving():
        content = message["content"]
        if message["msg_type"] == "stream":
            assert message["parent_header"]["msg_id"] == sent, "with the cell that submitted it"
            texts += content["text"]
        if "data" in content and connected.is_strip(content):
            shown = content["data"]["text/plain"]
        if "I am 0" in texts and "I am 1" in texts and "2 tasks" in shown:
            break
    assert "I am 0" in texts, texts
    assert "I am 1" in texts, texts
    assert "0 failed" in shown, shown
    assert "Ray cluster" in connected.run("%ray_status")
    told = connected.run("refs[0]")
    assert "speak" in told, told
    assert "finished" in told, told


def test_an_error_with_its_frames_and_running_again(connected: Any) -> None:
    connected.run("import numpy as np\ntable = np.ones(1_000)")
    connected.run(FUNCTIONS)
    name, _, shown = connected.fails("ref = work.remote(0, table)\nray.get(ref)").error
    text = COLOUR.sub("", shown)
    assert name == "RayTaskError(ZeroDivisionError)"
    places = re.findall(r"Cell In\[\d+\], line (\d+)(?:, in (\w+))?", text)
    assert places == [("2", ""), ("7", "work"), ("4", "helper")]
    assert "----> 4     return 1 / divisor" in text
    assert "backends/ray_cluster" not in text
    heard = connected.debugged("%ray_debug", "p doubled", "u", "p table.shape")
    assert "[0]" in heard, heard
    assert "ndarray" in heard or "(1000,)" in heard, heard
    assert "ZeroDivisionError" in connected.fails("%ray_rerun ref").error[0]
    connected.run("%%remote\ndef work(divisor, table):\n    return len(table)")
    assert "1000" in connected.run("%ray_rerun ref")
    assert "RESUMING" in connected.fails("%ray_rerun --resume ref").text
    assert "[0]" in connected.debugged("%ray_debug ref", "p doubled")


def test_stop_cancels_what_this_cell_submitted(connected: Any, tmp_path: Path) -> None:
    connected.run(SETUP)
    folder = str(tmp_path)
    connected.run(f"other = wait.remote({folder!r}, 0)")
    eventually((tmp_path / "began-0").exists)
    sent = connected.send(
        f"refs = [wait.remote({folder!r}, i) for i in range(1, 8)]\nray.get(refs)"
    )
    eventually(lambda: all((tmp_path / f"began-{i}").exists() for i in (1, 2, 3)))
    connected.manager.interrupt_kernel()
    reply = connected.finish(sent)
    assert reply.error[0] == "KeyboardInterrupt"
    assert "stopped: 7 cancelled\n" in reply.text
    (tmp_path / "go").touch()
    assert connected.run("ray.get(other)") == "0"
    assert connected.fails("ray.get(refs[0])").error[0] == "TaskCancelledError"
    assert connected.run(f"ray.get(wait.remote({folder!r}, 9))") == "9"


def test_a_second_press_kills_what_does_not_listen(connected: Any, tmp_path: Path) -> None:
    connected.run(SETUP)
    folder = str(tmp_path)
    cell = connected.send(f"refs = [wait.remote({folder!r}, 1, True)]\nray.get(refs)")
    path = tmp_path / "began-1"
    eventually(lambda: path.exists() and path.read_text())
    connected.manager.interrupt_kernel()
    while "Stop again" not in str(connected.client.get_iopub_msg(timeout=20)["content"]):
        pass
    connected.manager.interrupt_kernel()
    assert "1 killed" in connected.finish(cell).text
    eventually(lambda: not is_running(int(path.read_text())))
    assert connected.run("ray.get(ray.put(5))") == "5"


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("how", ["closed", "killed"])
def test_the_end_of_a_kernel_is_the_end_of_its_job_only(
    how: str, start_kernel: Callable[[], Any], address: str, tmp_path: Path
) -> None:
    def began(name: str) -> int:
        path = tmp_path / f"began-{name}"
        return int(path.read_text() or 0) if path.exists() else 0

    kernels = []
    for name in ("staying", "going"):
        kernels.append(kernel := start_kernel())
        kernel.run(
            f"import ray_jupyter as ray\n%load_ext ray_jupyter\n%ray_start --address {address}"
        )
        kernel.run(SETUP)
        kernel.run(f"ref = wait.remote({str(tmp_path)!r}, {name!r})")
        eventually(lambda: began(name), 60)  # noqa: B023
    staying, going = kernels
    if how == "killed":
        os.kill(going.pid, signal.SIGKILL)
    going.end(kill=how == "killed")
    eventually(lambda: not is_running(began("going")), 60)
    assert is_running(began("staying"))
    (tmp_path / "go").touch()
    assert staying.run("ray.get(ref)") == "'staying'"
    assert "the cluster goes on" in staying.run("%ray_stop")
