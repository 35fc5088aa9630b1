"""A real JupyterLab (or Notebook 7) and the system's Chromium, with directories of their own.

Needs jupyterlab, playwright (its Python package; no browser of its own) and a Chromium. Where one
is missing every test here is skipped, and the run says which. ``RJ_PICTURES=folder`` keeps pictures.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ray_jupyter.testing.suite.base import eventually

ROOT = Path(__file__).parents[2]
LABEXTENSION = ROOT / "ray_jupyter" / "labextension"
MODULE = ROOT / "ray_jupyter" / "dashboard" / "static" / "dashboard.js"
WAIT_MS = 40_000
START_S = 60.0
TOKEN = "t"
BROWSER_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

SEQ_ABOVE = """before => [...document.querySelectorAll('.jp-OutputArea-output')].some(e =>
Number((e.shadowRoot || e.firstElementChild?.shadowRoot)?.querySelector('.app')?.dataset.seq || 0) > before)"""
"""Whether a dashboard in an output has had a frame with a higher number."""

BLANK_PAGE = """<!doctype html><body style="margin:0"><div id="out"></div>
<script type="module">
const model = { state: { snapshot: {}, height_css_px: 400 }, heard: {}, sent: [],
  get(name) { return this.state[name]; },
  on(name, act) { (this.heard[name] ||= []).push(act); }, off(name) { delete this.heard[name]; },
  send(content) { this.sent.push(content); },
  say(name, content) { for (const act of this.heard[name] || []) act(content); } };
window.model = model;
window.dashboard = await import("/dashboard.js");
window.undo = window.dashboard.default.render({ model, el: document.getElementById("out") });
window.document.querySelector("#out > div").id = "at";
</script>"""


def chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


def missing() -> list[str]:
    """Return what these tests need and is not here."""
    found = [name for name in ("jupyterlab", "playwright") if not importlib.util.find_spec(name)]
    found += [] if chromium() else ["a Chromium on the PATH"]
    found += (
        [] if MODULE.exists() and LABEXTENSION.exists() else ["the built front end (make front)"]
    )
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    lacking = missing()
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(180))
            if lacking:
                item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(lacking)}"))


class Server:
    """A Jupyter server whose kernels import this checkout."""

    def __init__(self, root: Path, program: str = "lab") -> None:
        self.root = root / "notebooks"
        self.root.mkdir(parents=True)
        env = dict(os.environ, JUPYTER_PREFER_ENV_PATH="1", PYTHONPATH=str(ROOT))
        for place in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
            env[f"JUPYTER_{place}"] = str(root / place.lower())
        for place in ("IPYTHONDIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"):
            env[place] = str(root / place.lower())
        config = root / "config_dir" / "labconfig"
        config.mkdir(parents=True)
        announcements = {"@jupyterlab/apputils-extension:announcements": True}
        config.joinpath("page_config.json").write_text(
            json.dumps({"disabledExtensions": announcements})
        )
        extensions = root / "data_dir" / "labextensions"
        extensions.mkdir(parents=True)
        extensions.joinpath("ray-jupyter-labextension").symlink_to(LABEXTENSION)
        kernel = root / "data_dir" / "kernels" / "python3"
        kernel.mkdir(parents=True)
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        specification = {
            "argv": [*command, "--HistoryManager.enabled=False"],
            "display_name": "here",
        }
        kernel.joinpath("kernel.json").write_text(
            json.dumps(specification | {"language": "python"})
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        app = {"lab": "LabApp", "notebook": "JupyterNotebookApp"}[program]
        arguments = [
            "--no-browser", "--ip=127.0.0.1", f"--port={self.port}", "--allow-root",
            f"--ServerApp.root_dir={self.root}", f"--IdentityProvider.token={TOKEN}",
            f"--{app}.expose_app_in_browser=True", "--ServerApp.iopub_msg_rate_limit=1000",
            # Before the environment's, where a copy lies that may be older than what is built here.
            f"--{app}.extra_labextensions_path={extensions}",
        ]  # fmt: skip
        module = {"lab": "jupyterlab", "notebook": "notebook"}[program]
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.program = program
        eventually(self._answers, START_S)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url("api/status"), timeout=5):
                return True
        except (urllib.error.URLError, ConnectionError):
            assert self.process.poll() is None, "the server ended at once"
            return False

    def url(self, path: str) -> str:
        mark = "&" if "?" in path else "?"
        return f"http://127.0.0.1:{self.port}/{path}{mark}token={TOKEN}"

    def add(self, cells: list[str], outputs: list[Any] | None = None) -> str:
        """Write a notebook; return its name."""
        import nbformat

        made = [nbformat.v4.new_code_cell(cell, id=f"cell-{i}") for i, cell in enumerate(cells)]
        notebook = nbformat.v4.new_notebook(cells=made)
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "here",
            "language": "python",
        }
        if outputs is not None:
            made[0]["outputs"] = outputs
        name = f"{uuid.uuid4().hex[:8]}.ipynb"
        nbformat.write(notebook, self.root / name)
        return name

    def is_busy(self, page: Page) -> bool:
        """Return whether the kernel of a page runs a cell, says the server."""
        kernel = page.page.evaluate(
            "jupyterapp.shell.currentWidget.sessionContext.session.kernel.id"
        )
        with urllib.request.urlopen(self.url(f"api/kernels/{kernel}"), timeout=10) as answer:
            return bool(json.load(answer)["execution_state"] == "busy")

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Page:
    """One notebook in one page, seen as a person sees it."""

    def __init__(self, server: Server, context: Any, name: str) -> None:
        self.server = server
        self.name = name
        self.page = context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))

    def open(self, *, with_kernel: bool = True) -> Page:
        if self.server.program == "lab":
            path = f"lab/workspaces/{uuid.uuid4().hex[:6]}/tree/{self.name}?reset"
        else:
            path = f"notebooks/{self.name}"
        self.page.goto(self.server.url(path))
        self.ready(with_kernel=with_kernel)
        return self

    def ready(self, *, with_kernel: bool = True, status: str = "idle") -> None:
        self.page.wait_for_function("window.jupyterapp && jupyterapp.restored.then(() => true)")
        served = self.page.locator("#jupyter-config-data").text_content()
        assert any(
            entry.name in served for entry in LABEXTENSION.glob("static/remoteEntry.*.js")
        ), "the page has another build of the labextension than this checkout"
        self.page.wait_for_function("jupyterapp.shell.currentWidget?.content?.model")
        if with_kernel:
            self.page.wait_for_function(
                "status => jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status"
                " === status",
                arg=status,
            )

    def start(self, cell: int) -> None:
        """Run a cell without waiting for its end."""
        self.page.evaluate(
            """cell => { const n = jupyterapp.shell.currentWidget.content;
            n.activeCellIndex = cell; n.deselectAll(); window.ended = window.ended || {};
            window.ended[cell] = false;
            jupyterapp.commands.execute('notebook:run-cell').then(() => window.ended[cell] = true); }""",
            cell,
        )

    def run(self, cell: int) -> None:
        self.start(cell)
        self.finish(cell)

    def finish(self, cell: int) -> None:
        self.page.wait_for_function("cell => window.ended[cell]", arg=cell)

    def has_ended(self, cell: int) -> bool:
        return bool(self.page.evaluate("cell => window.ended[cell]", cell))

    @property
    def app(self) -> Any:
        """The dashboard in the output of a cell."""
        return self.page.locator(".jp-OutputArea-output .app").first

    def seq(self) -> int:
        return int(self.app.get_attribute("data-seq") or 0)

    def wait_for_news(self, before: int) -> None:
        """Wait for a frame with a higher number."""
        self.wait_for(SEQ_ABOVE, before)

    def reload_while_busy(self, cell: int) -> None:
        """Start a cell, save, and load the page anew; the dashboard must be live again during the cell."""
        self.save()
        self.start(cell)
        self.app.get_by_text("load").first.wait_for()
        self.page.reload()
        self.ready(with_kernel=False)
        self.app.wait_for()
        self.wait_for_news(self.seq())
        assert self.server.is_busy(self), "live again while the cell still runs"

    def save(self) -> None:
        self.page.evaluate("jupyterapp.commands.execute('docmanager:save')")

    def interrupt(self) -> None:
        self.page.evaluate("jupyterapp.commands.execute('notebook:interrupt-kernel')")

    def wait_for(self, script: str, arg: Any = None) -> None:
        self.page.wait_for_function(script, arg=arg)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium(), headless=True, args=BROWSER_FLAGS
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("lab"))
    yield server
    server.stop()


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[[str], Server]]:
    """Start a server of another program."""
    servers: list[Server] = []

    def start(program: str) -> Server:
        servers.append(Server(tmp_path / program, program))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def new_page() -> Callable[[Server, Any, list[str]], Page]:
    """Open a notebook of these cells on any server."""
    return lambda server, context, cells: Page(server, context, server.add(cells)).open()


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    made = browser.new_context(viewport={"width": 1280, "height": 1000})
    yield made
    made.close()


@pytest.fixture
def open_page(lab: Server, context: Any) -> Iterator[Callable[[list[str]], Page]]:
    """Open a notebook of these cells in JupyterLab; its kernel ends with the test."""
    pages: list[Page] = []

    def open_(cells: list[str]) -> Page:
        pages.append(Page(lab, context, lab.add(cells)).open())
        return pages[-1]

    yield open_
    for page in pages:
        page.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        # After a reload the server sends again what it has kept, which JupyterLab cannot read;
        # after a restart JupyterLab complains of its own question to the old kernel.
        known = ("Kernel message validation error", "Canceled future for kernel_info_request")
        assert [e for e in page.errors if not e.startswith(known)] == []


@pytest.fixture
def page(context: Any) -> Iterator[Any]:
    """The widget's module in a blank page, with a model that only pretends (``window.model``)."""
    made = context.new_page()
    made.set_default_timeout(20_000)
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.route("**/*", lambda route: route.fulfill(
        body=MODULE.read_text() if route.request.url.endswith(".js") else BLANK_PAGE,
        content_type="text/javascript" if route.request.url.endswith(".js") else "text/html",
    ))  # fmt: skip
    made.goto("http://dashboard.test/")
    made.wait_for_function("!!window.undo")
    yield made
    assert errors == []
