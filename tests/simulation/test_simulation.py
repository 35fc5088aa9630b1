"""Seeds of delay, reordering, duplicates and death; see ``ray_jupyter.testing.simulation``."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from ray_jupyter.testing import simulation

SEEDS = 500
PARTS = 10


@pytest.fixture(scope="module")
def happened() -> Counter[str]:
    return Counter()


@pytest.mark.parametrize("part", range(PARTS))
def test_every_task_ends_once_and_nothing_is_left(
    seed: int, part: int, happened: Counter[str]
) -> None:
    for index in range(part, SEEDS, PARTS):
        world = simulation.run(seed + index)
        happened.update(world.happened)


def test_the_seeds_saw_everything_that_can_happen(happened: Counter[str]) -> None:
    if not happened:
        pytest.skip("sums up the tests before it")
    events = {kind.__name__ for kind in simulation.e.Event.__args__}
    commands = {kind.__name__ for kind in simulation.c.Command.__args__}
    assert {"DispatchInPlace", *events, *commands} - happened.keys() == set()


def test_a_seed_is_the_same_story_every_time() -> None:
    first, second = simulation.run(7), simulation.run(7)
    assert list(first.trace) == list(second.trace)
    assert first.now_ns == second.now_ns


def test_a_failing_seed_says_how_to_run_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "STEPS_LIMIT", 50)
    with pytest.raises(simulation.SimulationError) as caught:
        simulation.run(7)
    assert str(caught.value).startswith("seed 7 (")
    assert "> ClientJoined(client=0" in str(caught.value)
    assert str(caught.value).endswith("python -m ray_jupyter.testing.simulation --seed 7")


def test_the_command_line_runs_a_seed() -> None:
    command = [sys.executable, "-m", "ray_jupyter.testing.simulation", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.startswith("seed 7: ")
