"""A Ray cluster seen in JupyterLab: its machines in the dashboard, one that dies, Stop, and the end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ray_jupyter.testing import clusters

PICTURES = os.environ.get("RJ_PICTURES")
pytestmark = [
    pytest.mark.skipif(
        os.environ.get("RJ_BROWSER") != "all", reason="only with RJ_BROWSER=all: it takes long"
    ),
    clusters.LEAKS,
]
DASHBOARD = 1
"""Its cell."""
WORK = """import time
import ray_jupyter as ray

@ray.remote
def hold(seconds):
    print("held for", seconds, flush=True)
    for _ in range(round(seconds * 20)):
        time.sleep(0.05)  # Ray's cancel does not wake what sleeps: it raises when Python goes on
    return ray.get_runtime_context().get_node_id()

@ray.remote
def fail(part):
    return {"a": 1}[part]
"""


def keep(page: Any, name: str) -> None:
    if PICTURES:
        page.page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def cells(address: str) -> list[str]:
    return [
        f"%load_ext ray_jupyter\n%ray_start --address {address}",
        "%ray_dashboard",
        WORK,
        "refs = [hold.options(resources=r).remote(0.5) for r in ({}, {'second': 1}) * 4]\n"
        "print(len(set(ray.get(refs))), 'nodes')",
        "ray.get(fail.remote('b'))",
        "ray.get([hold.options(name='endless').remote(600) for _ in range(4)])",
        "lost = hold.options(resources={'second': 1}, max_retries=0, name='lost').remote(600)\n"
        "ray.get(lost)",
        "ray.get(hold.options(num_gpus=4, name='train').remote(1))",
        "print(ray.get(hold.remote(0)) == ray.get_runtime_context().get_node_id())",
        "ray.get(hold.remote(0))",
    ]


def test_a_notebook_on_a_cluster(open_page: Callable[[list[str]], Any]) -> None:
    pytest.importorskip("ray", reason=clusters.MISSING)
    with (
        clusters.a_cluster({}, {"resources": {"second": 2}}) as cluster,
        clusters.a_client_server(cluster) as (address, _),
    ):
        page = open_page(cells(address))
        walk(page, cluster)
        page.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")


def wait_for_output(page: Any, cell: int, text: str) -> None:
    """Wait until a cell says it, and show the cell."""
    page.wait_for(
        """([cell, text]) => JSON.stringify(
        jupyterapp.shell.currentWidget.content.widgets[cell].model.outputs.toJSON()).includes(text)""",
        [cell, text],
    )
    show(page, cell)


def show(page: Any, cell: int) -> None:
    """Scroll to a cell: JupyterLab draws only those that are near."""
    page.page.evaluate("cell => jupyterapp.shell.currentWidget.content.scrollToItem(cell)", cell)


def walk(page: Any, cluster: Any) -> None:
    for cell in range(4):
        page.run(cell)
    wait_for_output(page, 3, "2 nodes")
    wait_for_output(page, 3, "held for 0.5")
    show(page, DASHBOARD)
    page.app.get_by_role("tab", name="Workers").click()
    page.app.locator("#pane-workers .worker").first.wait_for()
    keep(page, "cluster-workers")

    page.run(4)
    wait_for_output(page, 4, "KeyError")
    keep(page, "cluster-error")

    page.start(5)
    show(page, DASHBOARD)
    page.app.get_by_role("tab", name="Tasks").click()
    page.app.get_by_role("cell", name="● running").first.wait_for()
    assert not page.has_ended(5), "this was to be seen while the cell runs"
    keep(page, "cluster-running")
    page.interrupt()
    page.finish(5)
    wait_for_output(page, 5, "stopped: 4 cancelled")
    keep(page, "cluster-stopped")

    page.start(6)
    wait_for_output(page, 6, "0/1 · 1 running")
    cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
    page.finish(6)
    wait_for_output(page, 6, "WorkerCrashedError")
    keep(page, "cluster-node-lost")

    page.start(7)
    wait_for_output(page, 7, "train waits for a node with 1 CPU and 4 GPU")
    keep(page, "cluster-lacking")
    page.interrupt()
    page.finish(7)
    page.run(8)

    cluster.remove_node(cluster.head_node, allow_graceful=False)
    page.run(9)
    wait_for_output(page, 9, "RaySystemError")
    keep(page, "cluster-head-lost")
