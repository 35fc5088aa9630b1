"""The one global: starting, ending, comparing, importing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.errors import NotInitializedError


@pytest.fixture(autouse=True)
def inline_by_default(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("RAY_JUPYTER_MODE", "inline")
    yield
    ray.shutdown()


def test_the_first_call_starts_a_session() -> None:
    assert not ray.is_initialized()
    assert ray.get(ray.put(1)) == 1
    assert ray.is_initialized()
    ray.shutdown()
    assert ray.get(ray.remote(abs).remote(-1)) == 1


def test_questions_do_not_start_one() -> None:
    for question in (ray.nodes, ray.cluster_resources, ray.available_resources, ray.timeline):
        with pytest.raises(NotInitializedError, match=r"init\(\)"):
            question()
    assert ray.get([]) == []
    assert not ray.is_initialized()


def test_texts() -> None:
    info = ray.init(num_cpus=4, object_store_memory="7.8GB")
    assert repr(info) == "<ray_jupyter session 4 workers | store 7.8 GB | inline>"
    assert "4 workers" in info._repr_html_()
    ray.shutdown()
    assert "ended" in repr(info)


def test_init_compares_what_was_asked_for() -> None:
    first = ray.init(num_cpus=3, object_store_memory="1GB")
    assert ray.init(object_store_memory=10**9) is first
    with pytest.raises(RuntimeError, match=r"mode='inline'.*'local'"):
        ray.init(mode="local")
    assert ray.init(mode="local", ignore_reinit_error=True) is first


def test_a_session_ended_twice_leaves_the_next_alone() -> None:
    first = ray.init()
    ray.shutdown()
    second = ray.init()
    first.disconnect()
    assert session.current is second.backend


def test_a_worker_is_attached_and_cannot_end_the_session() -> None:
    backend = ray.init().backend
    session.shutdown()
    session.attach(backend)
    try:
        with pytest.raises(RuntimeError, match="inside a task"):
            ray.init()
        with pytest.raises(RuntimeError, match="only the driver"):
            ray.shutdown()
    finally:
        session.current = None


def test_a_new_session_is_a_new_generation() -> None:
    before = session.generation
    ray.init()
    assert session.generation > before


def test_import_is_light() -> None:
    heavy = ("IPython", "ast", "asyncio", "cloudpickle", "inspect", "ipywidgets", "json",
             "multiprocessing", "numpy", "pathlib", "ray", "subprocess", "traceback")  # fmt: skip
    code = f"import sys, ray_jupyter; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-S", "-E", "-c", "import sys; sys.path[:0] = "
                           f"{sys.path!r}; {code}"], capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_the_session_ends_with_the_process() -> None:
    code = (
        "import ray_jupyter as ray\n"
        "ref = ray.put([ray.put(1)])\n"
        "backend = ray.session.current\n"
        "end = backend.shutdown\n"
        "backend.shutdown = lambda: (end(), print('ended'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("ended\n", "")
