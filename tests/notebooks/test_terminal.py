"""The magics without a kernel: IPython in a terminal, and plain Python."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CELLS = """\
%load_ext ray_jupyter
%ray_start --inline
get_ipython().run_cell("%%remote\\ndef f(x): return x + 1\\nprint('sum', f(41))")
import ray_jupyter as ray
print("task", ray.get(f.remote(1)))
%ray_status
%ray_stop
"""


def test_ipython_script(tmp_path: Path) -> None:
    script = tmp_path / "cells.ipy"
    script.write_text(CELLS)
    command = [sys.executable, "-m", "IPython", "--no-banner"]
    done = subprocess.run(
        [*command, f"--ipython-dir={tmp_path}", str(script)],
        capture_output=True, text=True, timeout=50, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("inline runtime")
    assert lines[1:4] == ["remote: f", "sum 42", "task 2"]
    assert lines[4].startswith("runtime ")
    assert lines[-1] == "stopped"


WORKERS = """\
%load_ext ray_jupyter
%ray_start -n 1 --quiet
import ray_jupyter as ray
get_ipython().run_cell("import time\\n@ray.remote\\ndef nap(): print('zzz'); time.sleep(0.7); display(1)")
get_ipython().run_cell("ray.get(nap.remote())")
get_ipython().run_cell("%%remote -o x -w\\nx = 41")
print(x + 1)
%ray_logs nap -n 1
"""


def test_workers_of_a_terminal(tmp_path: Path) -> None:
    script = tmp_path / "cells.ipy"
    script.write_text(WORKERS)
    command = [sys.executable, "-m", "IPython", "--no-banner", f"--ipython-dir={tmp_path}"]
    done = subprocess.run(
        [*command, str(script)], capture_output=True, text=True, timeout=50, check=False,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [re.sub(r"pid=\d+", "pid=N", line) for line in done.stdout.splitlines()]
    assert lines[:2] == ["(nap pid=N) zzz", "(nap pid=N) 1"]
    assert lines[2].startswith("1 task · ")
    assert lines[3:] == ["42", "… 1 lines before these; -n 2 shows them", "(nap pid=N) 1"]


def test_the_library_needs_no_ipython() -> None:
    code = "import sys, ray_jupyter; print('IPython' in sys.modules, 'traitlets' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_loading_the_extension_is_quick(tmp_path: Path) -> None:
    """No clock: what loading imports beyond IPython is what could make it slow."""
    code = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        f"shell = InteractiveShell(ipython_dir={str(tmp_path)!r})\n"
        "before = set(sys.modules)\n"
        "shell.run_line_magic('load_ext', 'ray_jupyter')\n"
        "heavy = {'numpy', 'cloudpickle', 'ipywidgets', 'ipykernel', 'asyncio', 'multiprocessing'}\n"
        "print(sorted(heavy & (set(sys.modules) - before)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
