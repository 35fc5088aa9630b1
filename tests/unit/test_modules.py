"""Ray's module names: importable, complete, and without weight."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import ray_jupyter as ray
from ray_jupyter import errors, exceptions


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("actor", ["ActorClass", "ActorHandle", "ActorMethod"]),
        ("exceptions", ["GetTimeoutError", "RayTaskError", "RayActorError", "ObjectLostError"]),
        ("types", ["ObjectRef"]),
        ("util", ["ActorPool", "Executor", "as_completed", "inspect_serializability", "map"]),
        ("util.actor_pool", ["ActorPool"]),
        ("util.executor", ["Executor"]),
        ("util.joblib", ["register_ray"]),
        ("util.multiprocessing", ["Pool", "TimeoutError"]),
        ("util.multiprocessing.pool", ["Pool"]),
        ("util.queue", ["Queue", "Empty", "Full"]),
    ],
)
def test_modules_of_ray(module: str, names: list[str]) -> None:
    imported = importlib.import_module(f"ray_jupyter.{module}")
    assert [name for name in names if not hasattr(imported, name)] == []


def test_everything_is_reached_from_the_package() -> None:
    program = (
        "import ray_jupyter as ray\n"
        "print(ray.exceptions.GetTimeoutError.__name__, ray.util.queue.Queue.__name__,\n"
        "      ray.util.multiprocessing.Pool.__name__, ray.util.Executor.__name__,\n"
        "      ray.types.ObjectRef is ray.ObjectRef, ray.actor.ActorHandle is ray.ActorHandle,\n"
        "      'util' in dir(ray), 'queue' in dir(ray.util))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [
        "GetTimeoutError", "Queue", "Pool", "Executor", "True", "True", "True", "True",
    ]  # fmt: skip


def test_names_that_do_not_exist() -> None:
    for module in (ray, ray.util, exceptions):
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            module.nothing  # noqa: B018 - asking is the test


def test_every_error_is_in_exceptions() -> None:
    own = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert own <= set(exceptions.__all__)
    assert all(getattr(exceptions, name) is getattr(errors, name) for name in own)


def test_rays_other_errors_are_never_raised_and_say_why() -> None:
    others = set(exceptions.__all__) - set(vars(errors))
    assert "OutOfMemoryError" in others
    for name in others:
        error = getattr(exceptions, name)
        assert issubclass(error, ray.RayError)
        assert "Never raised" in (error.__doc__ or "")


def test_names_of_ray_without_a_class_say_what_is_nearest() -> None:
    with pytest.raises(AttributeError, match=r"RpcError.*nearest is RaySystemError"):
        exceptions.RpcError  # noqa: B018 - asking is the test
    with pytest.raises(AttributeError, match=r"placement_group.*use num_cpus="):
        ray.util.placement_group  # noqa: B018
