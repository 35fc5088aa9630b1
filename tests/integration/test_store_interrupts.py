"""Ctrl-C at every moment of ``put`` and ``get``: nothing stays behind, the session goes on."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.testing.suite.base import eventually, statistics

PACKAGE = str(Path(ray.__file__).parent)


@pytest.fixture(autouse=True)
def running_session() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    ray.init(num_cpus=1, object_store_memory="100MB")
    # Hundreds of collections follow: they need not look at what is there already, which is much
    # in a process that has run other tests.
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    ray.shutdown()
    signal.signal(signal.SIGINT, before)


def interrupted_at(moment: int, work: Callable[[], Any]) -> tuple[str, bool]:
    """Run ``work``; press Ctrl-C at its n-th moment inside the package.

    The moments are those at which the interpreter looks for signals: a Python function
    begins, a function in C has returned.

    Returns:
        (where, whether the end was reached before that moment).
    """
    left, where = moment, ""

    def profile(frame: FrameType, event: str, _: Any) -> None:
        nonlocal left, where
        if frame.f_code.co_name == "__del__":
            return  # what a finalizer raises goes nowhere
        if event in ("call", "c_return") and frame.f_code.co_filename.startswith(PACKAGE):
            left -= 1
            if not left:
                where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} {event}"
                signal.raise_signal(signal.SIGINT)

    sys.setprofile(profile)
    try:
        work()
    except KeyboardInterrupt:
        pass
    finally:
        sys.setprofile(None)
    return where, left > 0


HAND_OVER = 12
"""Moments between the minting of an id and the making of its ``ObjectRef``: an interrupt there
loses one object until the session ends (docs/design/failures.md)."""


def moments_that_leak(work: Callable[[], Any], rest: tuple[int, int]) -> list[str]:
    """Interrupt ``work`` at each of its moments; return those after which something is left.

    Args:
        rest: objects and bytes in the store when nothing is left.
    """
    leaking, moment, over = [], 0, False
    while not over:
        moment += 1
        where, over = interrupted_at(moment, work)
        try:
            eventually(lambda: stored() == rest, 1)  # noqa: B023 - called at once
        except AssertionError:
            leaking.append(where)
            rest = stored()
    assert moment > 10, "the work was watched"
    return leaking


def stored() -> tuple[int, int]:
    gc.collect()
    found = statistics()
    return found["objects"], found["store_used_bytes"]


@pytest.mark.parametrize("size", [10, 100_000], ids=["small", "large"])
def test_put(size: int) -> None:
    array = np.ones(size)
    assert len(moments_that_leak(lambda: ray.put(array), stored())) <= HAND_OVER


def test_get() -> None:
    ref = ray.put(np.ones(100_000))
    assert moments_that_leak(lambda: ray.get(ref), stored()) == []
    assert ray.get(ref).sum() == 100_000


@pytest.mark.slow
@pytest.mark.timeout(240)  # a second for each of its moments that leak
def test_a_call_with_a_large_argument() -> None:
    function = ray.remote(len)
    argument = b"x" * 200_000
    assert len(moments_that_leak(lambda: ray.get(function.remote(argument)), stored())) <= HAND_OVER
    assert ray.get(function.remote(argument)) == 200_000
