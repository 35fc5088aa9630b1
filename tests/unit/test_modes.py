"""The driver modes of 2016, and the names that are imported when they are asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ray_jupyter as ray


@pytest.mark.parametrize("mode", [ray.SCRIPT_MODE, ray.SHELL_MODE, ray.SILENT_MODE])
def test_modes_of_drivers_change_nothing_else(mode: str) -> None:
    with ray.init(mode="inline", driver_mode=mode) as info:
        assert info.config.log_to_driver is (mode != ray.SILENT_MODE)


def test_python_mode_runs_here() -> None:
    with ray.services.start_ray_local(num_workers=3, driver_mode=ray.PYTHON_MODE) as info:
        assert (info.config.mode, info.config.num_cpus) == ("inline", 3)


def test_others_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="WORKER_MODE: workers are started by"):
        ray.init(driver_mode=ray.WORKER_MODE)
    with pytest.raises(ValueError, match=r"must be one of SCRIPT_MODE.*got 0"):
        ray.init(driver_mode=0)
    with pytest.raises(ValueError, match=r"means mode='inline', and mode='local'"):
        ray.init(mode="local", driver_mode=ray.PYTHON_MODE)
    assert not ray.is_initialized()


def test_every_public_name_exists() -> None:
    for name in ray.__all__:
        assert getattr(ray, name) is not None
    assert set(ray.__all__) <= set(dir(ray))
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        _ = ray.nope  # type: ignore[attr-defined]


def test_what_is_lazy_is_not_imported_at_once() -> None:
    program = (
        "import sys, ray_jupyter as ray; "
        "print(any('compat2016' in name or '.array' in name for name in sys.modules)); "
        "ray.reusables; ray.array.remote.zeros; import ray_jupyter.array.distributed as da; "
        "from ray_jupyter import task_info; print(ray.array.distributed is da)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]
