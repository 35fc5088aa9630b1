"""%ray_status --objects in a real kernel: who keeps what."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ray_jupyter.testing.suite.base import eventually


def rows(kernel: Any, line: str = "%ray_status --objects") -> dict[str, tuple[str, str]]:
    """Return (made by, held by) of each object, by where it is and how large."""
    head, *lines = kernel.run(line).splitlines()
    starts = [head.index(word) for word in ("size", "made by", "held by")]
    found = {}
    for text in lines:
        if not text.startswith("…"):
            size, made, held = (
                text[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)
            )
            found[size] = made, held
    return found


@pytest.fixture
def started(kernel: Any) -> Any:
    kernel.run("%ray_start -n 2 --quiet\nimport numpy as np")
    return kernel


def test_names_results_closures_tasks_and_views(started: Any, tmp_path: Any) -> None:
    started.run("""@ray.remote
def load(mb): return np.zeros(mb * 10**6, np.uint8)
@ray.remote
def wait(path, *args):
    import pathlib, time
    while not pathlib.Path(path).exists(): time.sleep(0.01)
a = [load.remote(1)]
d = {'x': load.remote(2)}
def make(hidden=load.remote(3)):
    captured = load.remote(4)
    return lambda: captured
f = make()
del make""")
    started.run("load.remote(5)")
    started.run(
        f"queued = wait.remote({str(tmp_path / 'go')!r}, d['x'], [a[0]])\nray.wait([*a, d['x']], num_returns=2)\nv = ray.get(a[0])[5:]\nray.get(_);"
    )
    found = rows(started)
    by_size = {size.partition(" MB")[0]: row for size, row in found.items() if "in memory" in size}
    assert by_size["1.0"][0].startswith("load, In[")
    assert by_size["1.0"][1].startswith("a[0], v (a view), ")
    assert "task wait" in by_size["2.0"][1]
    assert "d['x']" in by_size["2.0"][1]
    assert by_size["4.0"][1] == "captured in the closure of f"
    assert re.fullmatch(r"Out\[\d+\]", by_size["5.0"][1])
    assert "3.0" not in by_size  # nobody keeps it
    (tmp_path / "go").touch()
    started.run("ray.get(queued)\ndel v, a, d")
    eventually(lambda: {s.partition(" MB")[0] for s in rows(started)} >= {"4.0", "5.0"})
    eventually(lambda: "1.0" not in {s.partition(" MB")[0] for s in rows(started)})


def test_the_error_that_was_shown_last_keeps_what_its_frames_had(started: Any) -> None:
    started.run("def fails(data):\n    return 1 / 0")
    started.fails("fails(ray.put(b'x' * 10**6))")
    [(made, held)] = rows(started).values()
    assert made.startswith("put, In[")
    assert "data in fails, in the traceback of the last ZeroDivisionError" in held


def test_only_the_largest_and_how_many_more(started: Any) -> None:
    started.run("refs = [ray.put(bytes(n)) for n in (10, 1000, 100000)]")
    text = started.run("%ray_status --objects -n 1")
    assert text.splitlines()[-1].startswith("… and 2 smaller ones (")
    assert "refs[2]" in text
    started.run("del refs")
    assert started.run("%ray_status --objects") == "no objects\n"
    reply = started.fails("%ray_status --objects -n 0")
    assert "at least 1" in reply.text + reply.error[1]


def test_in_one_process_as_well(kernel: Any) -> None:
    kernel.run("%ray_start --inline --quiet")
    kernel.run("ref = ray.put('x' * 10)\nbox = ray.put([ref])")
    text = kernel.run("%ray_status --objects")
    assert re.search(r"put, In\[\d+\] +ref, object \w+$", text, re.MULTILINE)


def test_results_do_not_keep_objects_for_ever(started: Any) -> None:
    started.run("%config RayMagics.out_refs = 2")
    started.run("named = ray.put('named')\nnamed")
    started.run("[ray.put(b'1'), ray.put(b'22')]")
    for _ in range(3):
        started.run("ray.put(bytes(100))")
    held = re.findall(r"put, In\[\d+\] +(.+)", started.run("%ray_status --objects"))
    assert len(held) == 3
    assert "named, Out[" in " ".join(held)
    assert "was let go" in started.run("sorted(Out.items())[1][1]")
    assert (
        started.run("len(ray.get(_oh[max(n for n, v in Out.items() if type(v) is ray.ObjectRef)]))")
        == "100"
    )
