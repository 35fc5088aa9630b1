"""What doctor says of Python, packages and leftovers, and how it ends."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from pathlib import Path

import pytest

from ray_jupyter.cli import doctor
from ray_jupyter.cli.findings import FAILURE, OK, WARNING, Finding
from ray_jupyter.cli.leftovers import Leftovers

ROOT = Path(__file__).parents[3]


def pretend(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """Only these packages are installed."""

    def version(name: str) -> str:
        if name not in versions:
            raise doctor.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(doctor, "version", version)
    monkeypatch.setattr(
        doctor, "requires",
        lambda _: ["numpy>=1.23", 'anywidget>=0.9; extra == "dashboard"', 'sphinx>=9; extra == "docs"'],
    )  # fmt: skip


def test_what_is_needed_is_what_pyproject_says() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^dependencies = \[(.*)\]", text, re.M)
    assert dict(re.findall(r'"([a-z]+)>=([0-9.]+)"', listed)) == doctor._NEEDED


def test_packages_are_there_and_new_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, numpy="2.4.6", cloudpickle="3.0", sphinx="7.0")
    assert doctor.check_packages().outcome == OK


def test_a_missing_package_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, numpy="2.0")
    finding = doctor.check_packages()
    assert finding.outcome == FAILURE
    assert finding.advice.endswith("-m pip install cloudpickle")


def test_packages_that_are_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, numpy="1.9.3", cloudpickle="3.1", anywidget="0.8.1+local")
    finding = doctor.check_packages()
    assert finding.outcome == WARNING
    assert "too old: numpy 1.9.3, anywidget 0.8.1" in finding.text
    assert finding.advice.endswith("--upgrade 'numpy>=1.23' 'anywidget>=0.9'")


def test_a_python_that_was_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.version_info", (3, 14, 0))
    assert doctor.check_python().outcome == WARNING


@pytest.mark.parametrize(("left", "outcome", "advice"), [
    (Leftovers([], [], [], [], 2), "ok", ""),
    (Leftovers([Path("door")], [], [Path("spilled")], [], 0), "note", ""),
    (Leftovers([], [Path("spilled")], [], [(7, "rj-worker")], 0), "warning",
     "python -m ray_jupyter doctor --clean; kill 7"),
])  # fmt: skip
def test_leftovers(
    left: Leftovers, outcome: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray_jupyter.cli.leftovers.look", lambda clean: left)
    finding = doctor._left(clean=False)
    assert (finding.outcome, finding.advice) == (outcome, advice)


@pytest.mark.parametrize(("outcome", "code"), [(OK, 0), (WARNING, 0), (FAILURE, 1)])
def test_only_failures_count(
    outcome: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [Finding("disk", outcome, "so", "do this")]
    monkeypatch.setattr(doctor, "examine", lambda **_: iter(found))
    asked = Namespace(clean=False, no_trial=True, json=False)
    assert doctor.run_doctor(asked) == code
    assert capsys.readouterr().out.splitlines()[1].strip() == "-> do this"
    asked.json = True
    assert doctor.run_doctor(asked) == code
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {"subject": "disk", "outcome": outcome, "text": "so", "advice": "do this"}


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> Finding:
        raise RuntimeError("no such thing")

    monkeypatch.setattr("ray_jupyter.cli.machine_checks.check_memory", broken)
    found = {finding.subject: finding for finding in doctor.examine(trial=False)}
    assert found["memory"].outcome == FAILURE
    assert found["memory"].text == "RuntimeError: no such thing"
    assert "disk" in found
