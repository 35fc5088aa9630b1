"""The kernel's and the server's environment, as files say they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ray_jupyter import __version__
from ray_jupyter.cli import jupyter_checks
from ray_jupyter.cli.findings import NOTE, OK, WARNING, Finding
from ray_jupyter.cli.places import EXTENSION

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Disk
else:
    Disk = object

MANAGER = "@jupyter-widgets/jupyterlab-manager"


def check(disk: Disk) -> dict[str, Finding]:
    """Return the findings about one server, by subject."""
    found = jupyter_checks.check_servers(disk.places)
    assert len({finding.subject for finding in found}) == len(found)
    return {finding.subject: finding for finding in found}


@pytest.fixture
def lab(disk: Disk) -> Disk:
    """JupyterLab in the kernel's environment, complete."""
    disk.install(disk.kernel, "jupyterlab", "4.6.6")
    for name in (EXTENSION, "anywidget", MANAGER):
        disk.extend(disk.kernel, name)
    return disk


def test_all_is_well_in_one_environment(lab: Disk) -> None:
    found = check(lab)
    assert {finding.outcome for finding in found.values()} == {OK}
    assert f"jupyterlab 4.6.6 at {lab.kernel} (in this environment)" in found["server"].text
    assert f"the extension {__version__} is enabled" in found["lab"].text


def test_without_a_server_one_can_be_installed(disk: Disk) -> None:
    finding = check(disk)["server"]
    assert (finding.outcome, finding.advice) == (
        NOTE, "for one: pip install 'ray_jupyter[dashboard]'",
    )  # fmt: skip


def test_the_server_that_started_the_kernel_is_looked_at_first(lab: Disk) -> None:
    hub = lab.environment("hub", jupyterlab="4.2.0")
    lab.environ["JPY_PARENT_PID"] = "77"
    lab.run(77, hub / "bin" / "python", hub / "bin" / "jupyter-labhub")
    first, *_ = found = jupyter_checks.check_servers(lab.places)
    assert f"at {hub} (it started this kernel)" in first.text
    missing = next(finding for finding in found if finding.outcome == WARNING)
    assert f"{hub} has no {EXTENSION}" in missing.text
    assert f"{hub / 'bin' / 'python'} -m pip install ray_jupyter=={__version__}" in missing.advice
    assert any(str(lab.kernel) in finding.text for finding in found)  # the other one, too


def test_running_servers_are_found_and_ended_ones_are_not(disk: Disk) -> None:
    hub = disk.environment("hub", notebook="7.2.0")
    runtime = disk.root / "runtime"
    disk.environ["JUPYTER_RUNTIME_DIR"] = str(runtime)
    disk.write(runtime / "jpserver-5.json", {"pid": 5})
    disk.write(runtime / "jpserver-6.json", {"pid": 6})  # has no process any more
    disk.run(5, hub / "bin" / "python3.11", "-m", "notebook")
    assert f"notebook 7.2.0 at {hub} (it runs, as process 5)" in check(disk)["server"].text


def test_a_server_on_the_path(disk: Disk, make_executable: Callable[[Path], Path]) -> None:
    hub = disk.environment("hub", jupyterlab="4.2.0")
    make_executable(hub / "bin" / "jupyter-lab")
    disk.environ["PATH"] = str(hub / "bin")
    assert "(first on the PATH)" in check(disk)["server"].text


def test_an_old_server_is_to_be_upgraded(disk: Disk) -> None:
    disk.install(disk.kernel, "jupyterlab", "3.6.1")
    finding = check(disk)["server"]
    assert finding.outcome == WARNING
    assert "needs jupyterlab 4 or newer" in finding.text
    assert finding.advice.endswith("pip install --upgrade jupyterlab")


def test_another_version_of_the_extension(lab: Disk) -> None:
    lab.extend(lab.kernel, version="0.0.1")
    finding = check(lab)["lab"]
    assert finding.outcome == WARNING
    assert f"is 0.0.1, this kernel's ray_jupyter {__version__}" in finding.text
    assert finding.advice.endswith("then reload the page")


def test_an_extension_in_the_users_directory_or_in_jupyter_path_counts(lab: Disk) -> None:
    lab.environ["JUPYTER_PATH"] = str(lab.root / "more")
    package = lab.root / "more" / "labextensions" / EXTENSION / "package.json"
    lab.write(package, {"version": "9.0"})
    assert f"the extension at {package.parent} is 9.0" in check(lab)["lab"].text


@pytest.mark.parametrize("listed", [{EXTENSION: True}, {f"{EXTENSION}:plugin": True}, [EXTENSION]])
def test_a_disabled_extension(lab: Disk, listed: object) -> None:
    file = lab.kernel / "etc" / "jupyter" / "labconfig" / "page_config.json"
    lab.write(file, {"disabledExtensions": listed})
    finding = check(lab)["lab"]
    assert (finding.outcome, finding.text) == (WARNING, f"{EXTENSION} is disabled in {file}")
    assert f"labextension enable {EXTENSION}" in finding.advice


@pytest.mark.parametrize("listed", [{EXTENSION: False}, {"other": True}, []])
def test_what_does_not_disable_it(lab: Disk, listed: object) -> None:
    file = lab.root / "home" / ".jupyter" / "labconfig" / "page_config.json"
    lab.write(file, {"disabledExtensions": listed})
    assert check(lab)["lab"].outcome == OK


def test_a_broken_page_configuration_is_not_ours_to_report(lab: Disk) -> None:
    file = lab.kernel / "etc" / "jupyter" / "labconfig" / "page_config.json"
    lab.write(file, []).write_text("{")
    assert check(lab)["lab"].outcome == OK


def test_widgets_are_only_noted(disk: Disk) -> None:
    disk.install(disk.kernel, "jupyterlab", "4.6.6")
    disk.extend(disk.kernel)
    finding = check(disk)["widgets"]
    assert finding.outcome == NOTE
    assert finding.advice.endswith("pip install anywidget ipywidgets")


def test_kernels_that_start_this_python(disk: Disk) -> None:
    disk.register("python3", "python")  # Jupyter puts its own in the place of a bare name
    disk.register("mine", disk.kernel / "bin" / "python3.11")
    disk.register("ir", "R", disk.root / "usr" / "share" / "jupyter")
    (finding,) = jupyter_checks.check_kernels(disk.places, has_ipykernel=True)
    assert finding.outcome == OK
    assert finding.text == "mine (this Python), python3 (this Python), ir (not Python)"


def test_a_kernel_whose_python_is_gone(disk: Disk) -> None:
    disk.register("python3", "python")
    disk.register("old", disk.root / "gone" / "bin" / "python")
    gone, rest = jupyter_checks.check_kernels(disk.places, has_ipykernel=True)
    assert (gone.outcome, gone.advice) == (WARNING, "jupyter kernelspec remove old")
    assert rest.outcome == OK


def test_kernels_of_other_environments_only(disk: Disk) -> None:
    with_it = disk.environment("with", ray_jupyter="0.0.3")
    without = disk.environment("without", ray_jupyter_other="1.0")
    home = disk.root / "home" / ".local" / "share" / "jupyter"
    disk.register("with", with_it / "bin" / "python", home)
    disk.register("without", without / "bin" / "python", home)
    (finding,) = jupyter_checks.check_kernels(disk.places, has_ipykernel=True)
    assert finding.outcome == WARNING
    assert "ray_jupyter 0.0.3), without" in finding.text
    assert "no ray_jupyter" in finding.text
    assert "-m ipykernel install --user" in finding.advice
    (finding,) = jupyter_checks.check_kernels(disk.places, has_ipykernel=False)
    assert finding.outcome == OK  # this Python is not meant for notebooks


def test_no_kernel(disk: Disk) -> None:
    (finding,) = jupyter_checks.check_kernels(disk.places, has_ipykernel=False)
    assert (finding.outcome, finding.text) == (NOTE, "none is installed")


@pytest.mark.parametrize(("absent", "outcome", "advised"), [
    ((), OK, ""),
    (("anywidget",), NOTE, "for it: pip install anywidget"),
    (("ipykernel", "ipywidgets"), NOTE, "for notebooks: pip install 'ray_jupyter[dashboard]'"),
])  # fmt: skip
def test_what_a_kernel_has(
    absent: tuple[str, ...], outcome: str, advised: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name in absent:
            raise jupyter_checks.PackageNotFoundError(name)
        return "1.2"

    monkeypatch.setattr(jupyter_checks, "version", version)
    finding = jupyter_checks.check_notebook()
    assert (finding.outcome, finding.advice) == (outcome, advised)
