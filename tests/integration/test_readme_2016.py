"""The program on the front page of 2016 runs as it stood there, with today's ``print``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PROGRAM = """\
import ray_jupyter as ray
import numpy as np

ray.services.start_ray_local(num_workers=10)      # a scheduler, an object store and some workers

@ray.remote([int], [float])                       # argument types, return types
def estimate_pi(n):
    x = np.random.uniform(size=n)
    y = np.random.uniform(size=n)
    return 4 * np.mean(x ** 2 + y ** 2 < 1)

results = []
for _ in range(10):
    results.append(estimate_pi(100))              # returns an object reference at once

estimate = np.mean([ray.get(ref) for ref in results])
print("Pi is approximately {}.".format(estimate))
"""


def run(program: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, timeout=50, cwd=folder, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_program_of_2016(tmp_path: Path) -> None:
    said = re.fullmatch(r"Pi is approximately (\d\.\d+)\.\n", run(PROGRAM, tmp_path))
    assert said is not None
    assert 2.8 < float(said[1]) < 3.5


def test_workers_and_tasks_draw_different_numbers(tmp_path: Path) -> None:
    program = (
        PROGRAM + "\nprint(len(set(ray.get(r) for r in [estimate_pi(10**5) for _ in range(20)])))"
    )
    assert int(run(program, tmp_path).split()[-1]) >= 18
