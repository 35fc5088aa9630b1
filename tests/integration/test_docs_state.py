"""The page on state, command line, attaching and timeline: examples run and print what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import ray_jupyter as ray
from ray_jupyter.testing.examples import examples_of, promises_of, run_example
from ray_jupyter.testing.suite.base import eventually
from ray_jupyter.util.state import summarize_tasks

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "state.md"
TEXT = PAGE.read_text(encoding="utf-8")
PROGRAMS = examples_of(PAGE)
SHELLS = re.findall(r"^```console\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def matches(expected: str, found: str, anything: str) -> bool:
    """Compare, whatever stands at ``anything``, and however columns are padded."""
    pattern = ".*".join(re.escape(" ".join(part.split())) for part in expected.split(anything))
    return re.fullmatch(pattern, " ".join(found.split()), re.DOTALL) is not None


def test_there_are_examples() -> None:
    assert len(PROGRAMS) >= 4
    assert len(SHELLS) >= 2


@pytest.mark.parametrize("source", PROGRAMS, ids=range(len(PROGRAMS)))
def test_program(source: str, tmp_path: Path) -> None:
    printed = run_example(source, tmp_path)
    promised = "\n".join(promises_of(source))
    assert matches(promised, printed, "..."), f"{printed!r} is not {promised!r}"


@pytest.mark.parametrize("shell", SHELLS, ids=range(len(SHELLS)))
def test_commands(shell: str) -> None:
    with ray.init(num_cpus=2):
        half = ray.remote(lambda x: x / 2).options(name="half")
        ray.get([half.remote(i) for i in range(4)])
        eventually(lambda: counts() == {"FINISHED": 4})
        for command, expected in re.findall(
            r"^\$ python (.*)\n((?:[^$].*\n)*)", shell, re.MULTILINE
        ):
            done = subprocess.run(
                [sys.executable, *command.split()],
                capture_output=True, text=True, timeout=50, check=False,
            )  # fmt: skip
            found = done.stdout + done.stderr
            assert matches(expected, found, "…"), f"{command}: {found}"


def counts() -> object:
    return summarize_tasks()["cluster"]["summary"]["half"]["state_counts"]


def test_a_difference_is_seen() -> None:
    assert matches("a … c", "a  b\nc", "…")
    assert not matches("a c", "a b c", "…")
