"""joblib and scikit-learn on both backends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.testing.suite.base import eventually, statistics
from ray_jupyter.util.joblib import register_ray


@pytest.fixture(scope="module", params=["local", "inline"])
def mode(request: pytest.FixtureRequest) -> Iterator[str]:
    with ray.init(mode=request.param, num_cpus=2):
        register_ray()
        yield request.param


def fail_at(bad: int, x: int) -> int:
    if x == bad:
        raise LookupError(f"at {x}")
    return x


def wait_or_fail(gate: Path, x: int) -> None:
    """The first waits until somebody stops it, the second fails once the first has begun."""
    if x == 0:
        gate.touch()
        threading.Event().wait()
    eventually(gate.exists)
    raise LookupError("second")


def nested(x: int) -> list[int]:
    return joblib.Parallel(n_jobs=2)(joblib.delayed(pow)(x, y) for y in range(3))  # type: ignore[no-any-return]


def total(array: Any, scale: int, *, more: Any) -> float:
    return float(array.sum() * scale + more.sum())


def run(function: Any, *calls: tuple[Any, ...], **options: Any) -> Any:
    with joblib.parallel_config(backend="ray"):
        return joblib.Parallel(**options)(joblib.delayed(function)(*call) for call in calls)


def test_results_in_order(mode: str) -> None:
    assert run(pow, *[(x, 2) for x in range(500)]) == [x * x for x in range(500)]
    assert list(run(pow, (2, 3), (3, 2), return_as="generator")) == [8, 9]
    assert run(pow, (2, 3), (3, 2), n_jobs=1) == [8, 9]
    with joblib.parallel_config(backend="ray"), joblib.Parallel(n_jobs=2) as parallel:
        for _ in range(2):
            assert parallel(joblib.delayed(abs)(x) for x in (-1, -2)) == [1, 2]


def test_runs_in_the_workers(mode: str) -> None:
    pids = set(run(os.getpid, *[()] * 8))
    assert (os.getpid() in pids) == (mode == "inline")


def test_how_many_at_a_time(mode: str) -> None:
    for asked, given in ((-1, 2), (None, 2), (5, 5), (-2, 1), (1, 1)):
        with joblib.parallel_config(backend="ray"):
            assert joblib.effective_n_jobs(asked) == (1 if mode == "inline" else given)
    with pytest.raises(ValueError, match="n_jobs == 0"):
        run(abs, (1,), n_jobs=0)


def test_options_of_the_tasks(mode: str) -> None:
    with joblib.parallel_config(backend="ray", ray_remote_args={"num_cpus": 2}):
        assert joblib.Parallel()(joblib.delayed(abs)(x) for x in (-1, -2)) == [1, 2]
    if mode == "local":
        with (
            joblib.parallel_config(backend="ray", ray_remote_args={"num_cpu": 2}),
            pytest.raises(ValueError, match="did you mean 'num_cpus'"),
        ):
            joblib.Parallel()(joblib.delayed(abs)(x) for x in (-1, -2))


def test_what_counts_as_large() -> None:
    from scipy.sparse import eye

    from ray_jupyter.util.joblib_backend import _size_bytes

    class Frame:
        __module__ = "pandas.core.frame"

        def memory_usage(self) -> Any:
            return np.array([128, 800])

    class Model:
        def memory_usage(self, unit: str) -> int:
            return 1

    values = [np.ones(100), eye(100), Frame(), Model(), "x" * 1000, None, [1]]
    assert [_size_bytes(value) for value in values] == [800, 800, 928, 0, 0, 0, 0]


def test_the_users_own_error(mode: str) -> None:
    with pytest.raises(LookupError, match="at 3"):
        run(fail_at, *[(3, x) for x in range(10)])
    assert run(fail_at, (3, 1)) == [1]


def test_an_error_stops_the_others(mode: str, tmp_path: Path) -> None:
    if mode == "inline":
        pytest.skip("nothing runs beside the call that fails")
    with pytest.raises(LookupError, match="second"):
        run(wait_or_fail, (tmp_path / "gate", 0), (tmp_path / "gate", 1), batch_size=1)


def test_parallel_inside_of_parallel(mode: str) -> None:
    assert run(nested, (2,), (3,)) == [[1, 2, 4], [1, 3, 9]]


def test_large_arguments_are_stored_once_and_let_go(mode: str) -> None:
    array, more = np.ones(100_000), np.ones(200_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nobody wants advice on what the library does by itself
        with joblib.parallel_config(backend="ray"):
            sums = joblib.Parallel(batch_size=1)(
                joblib.delayed(total)(array, scale, more=more) for scale in range(6)
            )
    assert sums == [200_000 + 100_000 * scale for scale in range(6)]
    assert statistics()["store_used_bytes"] <= 16_000_000


def test_grid_search(mode: str) -> None:
    from sklearn.datasets import load_iris
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVC

    x, y = load_iris(return_X_y=True)
    grid = {"C": [0.1, 1.0, 10.0], "gamma": [0.01, 0.1]}
    expected = GridSearchCV(SVC(), grid, cv=3).fit(x, y)
    with joblib.parallel_backend("ray"):
        found = GridSearchCV(SVC(), grid, cv=3).fit(x, y)
    assert found.best_params_ == expected.best_params_
    scores = "mean_test_score"
    assert np.array_equal(found.cv_results_[scores], expected.cv_results_[scores])


def test_without_joblib_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['joblib'] = None\n"
        "import ray_jupyter as ray\n"
        "ray.util.joblib.register_ray()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "ImportError: register_ray() needs joblib" in done.stderr
    assert "pip install joblib" in done.stderr
