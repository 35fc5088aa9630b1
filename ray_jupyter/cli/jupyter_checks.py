"""What ``doctor`` looks at in Jupyter: the kernel's environment and the server's.

They need not be the same. The kernel needs the package, the server needs the extension that
draws the dashboard, and both should be of one version.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from ray_jupyter._version import __version__
from ray_jupyter.cli import places as at
from ray_jupyter.cli.findings import NOTE, OK, WARNING, Finding
from ray_jupyter.cli.places import Places, Server

_FOR_NOTEBOOKS = ("ipython", "ipykernel", "ipywidgets", "anywidget")
_FOR_WIDGETS = {"anywidget": "anywidget", "@jupyter-widgets/jupyterlab-manager": "ipywidgets"}


def check_notebook() -> Finding:
    """Look at what a kernel of this environment has."""
    found = {}
    for name in _FOR_NOTEBOOKS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    listed = ", ".join(f"{name} {number}" for name, number in found.items())
    if "ipykernel" not in found:
        return Finding(
            "notebook", NOTE, "no ipykernel here: scripts can use ray_jupyter, notebooks cannot",
            "for notebooks: pip install 'ray_jupyter[dashboard]'",
        )  # fmt: skip
    missing = [name for name in _FOR_NOTEBOOKS if name not in found]
    if missing:
        return Finding(
            "notebook", NOTE, f"{listed}; without {' and '.join(missing)} no Dashboard() widget",
            f"for it: pip install {' '.join(missing)}",
        )  # fmt: skip
    return Finding("notebook", OK, listed)


def check_kernels(places: Places, has_ipykernel: bool) -> list[Finding]:
    """Look at the registered kernels: which start this Python, which cannot start."""
    found, shown, ours = [], [], False
    for kernel in at.kernels(places):
        if kernel.python is None:
            shown.append(f"{kernel.name} (not Python)")
        elif at.same_environment(kernel.python, places.executable):
            ours = True
            shown.append(f"{kernel.name} (this Python)")
        elif kernel.python.is_absolute() and not kernel.python.exists():
            text = f"{kernel.name} starts {kernel.python}, which does not exist"
            advice = f"jupyter kernelspec remove {kernel.name}"
            found.append(Finding("kernels", WARNING, text, advice))
        else:
            other = at.installed_version(at.prefix_of(kernel.python), "ray_jupyter")
            shown.append(f"{kernel.name} ({kernel.python}: {_other_version(other)})")
    listed = ", ".join(shown) or "none is installed"
    if has_ipykernel and not ours:
        advice = (
            f"{places.executable} -m ipykernel install --user --name ray_jupyter, "
            "then choose it in the notebook"
        )
        found.append(Finding("kernels", WARNING, f"none starts this Python: {listed}", advice))
    else:
        found.append(Finding("kernels", OK if shown else NOTE, listed))
    return found


def _other_version(other: str | None) -> str:
    return "no ray_jupyter" if other is None else f"ray_jupyter {other}"


def check_servers(places: Places) -> list[Finding]:
    """Look at each server that may show notebooks of this user."""
    found = at.servers(places)
    if not found:
        text = "no JupyterLab or Notebook 7 in this environment, on the PATH or running"
        return [Finding("server", NOTE, text, "for one: pip install 'ray_jupyter[dashboard]'")]
    return [finding for server in found for finding in _check_server(places, server)]


def _check_server(places: Places, server: Server) -> list[Finding]:
    versions = {n: at.installed_version(server.prefix, n) for n in ("jupyterlab", "notebook")}
    listed = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    text = f"{listed} at {server.prefix} ({server.found})"
    for name, number in versions.items():
        least = {"jupyterlab": 4, "notebook": 7}[name]
        if number and int(number.split(".")[0]) < least:
            text += f": the dashboard needs {name} {least} or newer"
            return [Finding("server", WARNING, text, f"{server.pip} --upgrade {name}")]
    first = Finding("server", OK, text)
    return [first, _check_extension(places, server), _check_widgets(places, server)]


def _check_extension(places: Places, server: Server) -> Finding:
    path = at.extension(places, server)
    if path is None:
        return Finding(
            "lab", WARNING, f"{server.prefix} has no {at.EXTENSION}: no panel, no live dashboard",
            f"{server.pip} ray_jupyter=={__version__}, then reload the page "
            "(in a checkout: python labextension/front_end.py, then install again)",
        )  # fmt: skip
    file = at.disabling(places, server)
    if file is not None:
        return Finding(
            "lab", WARNING, f"{at.EXTENSION} is disabled in {file}",
            f"{server.prefix / 'bin' / 'jupyter'} labextension enable {at.EXTENSION}, then reload the page",
        )  # fmt: skip
    number = at.read_json(path / "package.json").get("version")
    if number != __version__:
        return Finding(
            "lab", WARNING, f"the extension at {path} is {number}, this kernel's ray_jupyter {__version__}",
            f"{server.pip} ray_jupyter=={__version__}, then reload the page",
        )  # fmt: skip
    return Finding("lab", OK, f"the extension {number} is enabled, at {path}")


def _check_widgets(places: Places, server: Server) -> Finding:
    missing = [
        package
        for name, package in _FOR_WIDGETS.items()
        if at.extension(places, server, name) is None
    ]
    if missing:
        return Finding(
            "widgets", NOTE, f"{server.prefix} has no {' and no '.join(missing)}: Dashboard() shows nothing there; "
            "%ray_dashboard needs neither", f"for it: {server.pip} {' '.join(missing)}",
        )  # fmt: skip
    return Finding("widgets", OK, "anywidget and ipywidgets are where the server looks")
