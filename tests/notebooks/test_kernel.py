"""The magics in a real kernel: what a front end sees, cell by cell."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ray_jupyter.testing.suite.base import eventually


@pytest.fixture(params=["--inline", "-n 2"])
def started(request: pytest.FixtureRequest, kernel: Any) -> Any:
    """A kernel with a session: tasks in the kernel, or in workers."""
    kernel.run(f"%ray_start {request.param}")
    return kernel


def test_start_twice_is_harmless(started: Any) -> None:
    assert started.run("%ray_start").startswith("already running")


def test_another_number_of_workers_keeps_what_there_is(kernel: Any, tmp_path: Path) -> None:
    kernel.run("%ray_start -n 1 --quiet\nkept = ray.put('kept')")
    assert kernel.run("%ray_start -n 3").startswith("resized: local runtime · 3 workers · ")
    kernel.run(
        "import pathlib, time\n"
        "@ray.remote\ndef meet(folder, i):\n"
        "    (folder / str(i)).touch()\n"
        "    while len(list(folder.iterdir())) < 3: time.sleep(0.002)"
    )
    kernel.run(f"ray.get([meet.remote(pathlib.Path({str(tmp_path)!r}), i) for i in range(3)])")
    kernel.run(
        "@ray.remote(num_cpus=3)\ndef greedy(folder):\n"
        "    while not (folder / 'go').exists(): time.sleep(0.002)\n"
        f"ref = greedy.remote(pathlib.Path({str(tmp_path)!r}))"
    )
    refused = kernel.fails("%ray_start -n 2")
    assert "greedy has not ended and asks for 3 CPU" in refused.error[1] + refused.text
    (tmp_path / "go").touch()
    kernel.run("ray.get(ref)")
    assert kernel.run("%ray_start -n 2").startswith("resized: local runtime · 2 workers · ")
    assert kernel.run("ray.get(kept)") == "'kept'"


def test_remote_functions_use_globals_and_imports_of_the_notebook(started: Any) -> None:
    started.run("import math\nfrom collections import Counter as C\nscale = 10")
    started.run("def helper(x): return math.floor(x) * scale")
    started.run("%%remote\ndef f(x): return helper(x) + C('aab')['a']")
    assert started.run("ray.get(f.remote(1.5))") == "12"


def test_edits_in_later_cells_reach_the_next_call(started: Any) -> None:
    started.run("scale = 10\ndef helper(x): return x * scale")
    started.run("%%remote\ndef f(x): return helper(x)")
    assert started.run("ray.get(f.remote(1))") == "10"
    started.run("scale = 100")
    assert started.run("ray.get(f.remote(1))") == "100"
    started.run("def helper(x): return x + scale")
    assert started.run("ray.get(f.remote(1))") == "101"
    started.run("%%remote\ndef f(x): return 'new'")
    assert started.run("ray.get(f.remote(1))") == "'new'"


def test_errors_of_ours_end_at_the_line_that_called_us(kernel: Any) -> None:
    kernel.run("%ray_start -n 1 --quiet\nimport threading")
    kernel.run("@ray.remote\ndef wait(): threading.Event().wait()")
    reply = kernel.fails("ref = wait.remote()\nray.get(ref, timeout=0.01)")
    assert reply.error[0] == "GetTimeoutError"
    assert "line 2" in reply.error[2]
    assert "ray_jupyter" not in reply.error[2].replace("ray_jupyter.", "")
    kernel.run("ray.cancel(ref, force=True)")


def test_awaiting_in_cells(kernel: Any) -> None:
    kernel.run("%ray_start -n 2 --quiet\nimport asyncio")
    kernel.run("@ray.remote\ndef double(x): return 2 * x")
    kernel.run("@ray.remote\ndef count(n):\n    for i in range(n): yield i")
    assert kernel.run("await double.remote(4)") == "8"
    assert kernel.run("await asyncio.gather(*[double.remote(i) for i in range(3)])") == "[0, 2, 4]"
    assert kernel.run("[await ref async for ref in count.remote(3)]") == "[0, 1, 2]"
    assert kernel.fails("await double.remote()").error[0] == "TypeError"


def test_a_ref_from_before_a_restart_fails_at_once(start_kernel: Any, tmp_path: Path) -> None:
    kernel = start_kernel()
    path = str(tmp_path / "ref")
    kernel.run("import ray_jupyter as ray, pickle\nray.init(num_cpus=1)")
    kernel.run(f"pickle.dump(ray.put(1), open({path!r}, 'wb'))")
    kernel.manager.restart_kernel(now=True)
    kernel.client.wait_for_ready(timeout=30)
    kernel.run("import ray_jupyter as ray, pickle\nray.init(num_cpus=1)")
    kernel.run(f"ref = pickle.load(open({path!r}, 'rb'))")
    reply = kernel.fails("ray.get(ref)")
    assert reply.error[0] == "StaleRefError"
    assert "run the code that made it again" in reply.error[1]


def test_an_actor_keeps_its_state_between_cells(started: Any) -> None:
    started.run(
        "%%remote\nclass Counter:\n    n = 0\n    def add(self):\n        self.n += 1\n        return self.n"
    )
    started.run("c = Counter.remote()\nc.add.remote()")
    assert started.run("ray.get(c.add.remote())") == "2"


def test_errors_fail_the_cell_with_the_lines_of_the_user(started: Any) -> None:
    reply = started.fails("%%remote --num-cpus 1\ndef f(x):\n    return 1 / x\n\nf(0)")
    name, message, shown = reply.error
    assert (name, message) == ("ZeroDivisionError", "division by zero")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert re.search(r"Cell In\[\d+\], line 5\b", plain)
    assert re.search(r"Cell In\[\d+\], line 3, in f", plain)
    assert "-> 1 # %%remote --num-cpus 1" in plain


def test_errors_of_tasks_are_the_users_own(started: Any) -> None:
    started.run("class Mine(Exception): ...")
    started.run("%%remote\ndef f():\n    raise Mine('broken')\nref = f.remote()")
    assert "caught" in started.run(
        "try:\n    ray.get(ref)\nexcept Mine as error:\n    print('caught', error)"
    )
    assert "Mine" in started.fails("ray.get(ref)").error[0]


def test_mistakes_fail_the_cell_in_one_line(kernel: Any) -> None:
    reply = kernel.fails("%%remote --num-cp 1\ndef f(): ...")
    assert "did you mean '--num-cpus'" in reply.text + reply.error[1]
    assert "Cell In" not in reply.text + reply.error[2]


def test_trailing_value_is_displayed_and_silenced(started: Any) -> None:
    assert started.run("%%remote\ndef f(): return 7\nf()") == "remote: f\n7"
    assert started.run("%%remote\ndef f(): return 7\nf();") == "remote: f\n"


def test_interrupt_ends_the_wait_and_the_session_still_works(started: Any, tmp_path: Path) -> None:
    kernel, waits = started, tmp_path / "waits"
    kernel.run("""%%remote
def endless(path):
    import pathlib, threading
    # Later: not even a signal between two lines of this is to be missed.
    threading.Timer(0.2, pathlib.Path(path).touch).start()
    threading.Event().wait()""")
    kernel.run("%%remote\ndef one(): return 1")
    waiting = kernel.send(f"ray.get(endless.remote({str(waits)!r}))")
    eventually(waits.exists)
    kernel.manager.interrupt_kernel()
    reply = kernel.finish(waiting)
    assert reply.error[0] == "KeyboardInterrupt"
    assert kernel.run("ray.get(one.remote())") == "1"


def test_options_complete(kernel: Any) -> None:
    line = "%%remote --num-"
    kernel.client.complete(line, len(line))
    answer = kernel.client.get_shell_msg(timeout=30)
    assert "--num-cpus" in answer["content"]["matches"]


def test_an_item_of_a_stream_was_not_put(kernel: Any) -> None:
    kernel.run("%ray_start -n 1 --quiet\n@ray.remote\ndef count():\n    yield [1, 2]")
    text = kernel.run("next(count.remote())")
    assert text.endswith(" · list of 2")
    assert "put" not in text
    assert " · put · " in kernel.run("ray.put(1)")


def test_without_widget_packages_only_the_widget_is_missing(start_kernel: Any) -> None:
    kernel = start_kernel()
    kernel.run("import sys\nfor name in ('ipywidgets', 'anywidget'): sys.modules[name] = None")
    kernel.run("%load_ext ray_jupyter\nimport ray_jupyter as ray\n%ray_start -n 1 --quiet")
    assert kernel.run("%%remote -w --run\nprint('there')\n6 * 7") == "there\n42"
    reply = kernel.try_run("ray.get(ray.remote(lambda: __import__('time').sleep(0.7)).remote())")
    assert reply.strip.startswith("1 task · ")
    assert "2 tasks finished" in kernel.run("%ray_dashboard")
    assert "2 finished" in kernel.run("%ray_status")
    assert kernel.fails("ray.dashboard.Dashboard()").error[0] == "ImportError"


def test_two_kernels_side_by_side(start_kernel: Any) -> None:
    kernels = [start_kernel(), start_kernel()]
    for number, kernel in enumerate(kernels):
        kernel.run("%load_ext ray_jupyter\nimport ray_jupyter as ray\n%ray_start -n 1 --quiet")
        kernel.run(f"@ray.remote\ndef f(x): return {number}, x\nref = f.remote(ray.put('kept'))")
    assert [k.run("ray.get(ref)") for k in kernels] == ["(0, 'kept')", "(1, 'kept')"]
    assert len({k.run("ref.hex()[:16]") for k in kernels}) == 2
    kernels[0].end(kill=True)
    assert kernels[1].run("ray.get(f.remote(2))") == "(1, 2)"
