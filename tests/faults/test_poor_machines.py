"""Containers and servers that lack something: a session works with what there is, and says so.

Each test has a mount namespace of its own, in which directories are small or read-only; where the
system permits none (macOS, most containers) it is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ISOLATED = ["unshare", "--mount", "--map-root-user"]
PROGRAM = """
import os, sys
import numpy as np
import ray_jupyter as ray

ray.init(num_cpus=2, object_store_memory="300MB")

@ray.remote
def ones(number):
    return np.ones(number)

@ray.remote
def total(array):
    return array.sum()

refs = [ones.remote(10**7) for _ in range(3)]  # 80 MB each
print(*(int(ray.get(total.remote(ref))) for ref in refs))
print("mapped", ray.get(refs[0]).shape)
"""
IN_A_NOTEBOOK = """
from IPython.testing.globalipapp import start_ipython
shell = start_ipython()
shell.run_line_magic("load_ext", "ray_jupyter")
shell.run_line_magic("ray_start", "-n 1 --quiet")
shell.run_cell("import ray_jupyter as ray")
shell.run_cell_magic("remote", "-o x -w", "x = 20 + 1")
print("x", shell.user_ns["x"])
shell.run_line_magic("ray_stop", "")
"""


def run(program: str, mounts: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run a program where ``mounts``, shell commands, have been executed."""
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare(1) here")
    probe = subprocess.run([*_ISOLATED, "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"no mount namespace for this user: {probe.stderr.strip()}")
    (tmp_path / "program.py").write_text(program)
    here = str(Path(__file__).parents[2])
    script = f'set -e; {mounts}; exec "$0" "$1"'
    return subprocess.run(
        [*_ISOLATED, "sh", "-c", script, sys.executable, str(tmp_path / "program.py")],
        env={**os.environ, "PYTHONPATH": here, "IPYTHONDIR": str(tmp_path / "ipython")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def only_read(directory: Path) -> str:
    directory.mkdir(exist_ok=True)
    return f"mount -t tmpfs -o ro tmpfs {directory}"


@pytest.mark.parametrize("options", ["size=64m", "ro"])
def test_shared_memory_of_docker_or_none(tmp_path: Path, options: str) -> None:
    # The segment is not in /dev/shm, so nothing is said: nothing is missed.
    done = run(PROGRAM, f"mount -t tmpfs -o {options} tmpfs /dev/shm", tmp_path)
    assert done.stdout == "10000000 10000000 10000000\nmapped (10000000,)\n", done.stderr
    assert done.stderr == ""


def test_a_notebook_in_a_directory_that_is_read_only(tmp_path: Path) -> None:
    folder = tmp_path / "course"
    done = run(IN_A_NOTEBOOK, f"{only_read(folder)}; cd {folder}", tmp_path)
    assert "x 21\n" in done.stdout, done.stderr
    assert "Traceback" not in done.stderr


def test_no_directory_for_files_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    # Python looks in many places; here this is the only one.
    places = f"import tempfile\ntempfile._candidate_tempdir_list = lambda: [{str(folder)!r}]\n"
    done = run(places + PROGRAM, only_read(folder), tmp_path)
    assert done.stdout == "10000000 10000000 10000000\nmapped (10000000,)\n", done.stderr
    assert "objects that do not fit into memory cannot be kept" in done.stderr
    assert "init(spill_dir=...)" in done.stderr
