"""What every test runs under: a printed seed, hypothesis profiles, a guard against leaks."""

from __future__ import annotations

import gc
import os
import random
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from ray_jupyter.testing import leaks

GUARDED = ("integration", "faults", "notebooks")
SEED = int(os.environ.get("RJ_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
os.environ["RJ_SEED"] = str(SEED)  # for the processes of pytest-xdist

# No deadlines: a slow machine is not a bug. A failure prints the blob that replays it. It is not
# made smaller, which takes longer than a test may: RJ_HYPOTHESIS=long does that.
settings.register_profile(
    "ci",
    deadline=None,
    print_blob=True,
    derandomize=False,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
settings.register_profile("quick", parent=settings.get_profile("ci"), max_examples=20)
settings.register_profile(
    "long",
    parent=settings.get_profile("ci"),
    max_examples=2_000,
    phases=tuple(Phase),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("RJ_HYPOTHESIS", "ci"))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give hypothesis the printed seed; undo what a shell does to what it runs behind."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(SEED)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what takes minutes on Ray clusters; ``test_ray_in_short`` has the essentials."""
    if os.environ.get("RJ_CLUSTER") == "all":
        return
    reason = "only with RJ_CLUSTER=all (make test-cluster): it takes minutes"
    for item in items:
        if item.get_closest_marker("cluster"):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_report_header() -> str:
    return f"seed: {SEED} (replay: RJ_SEED={SEED} make test)"


@pytest.fixture
def seed() -> int:
    """The seed of this run, printed in the header."""
    return SEED


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test starts from the printed seed, whatever ran before it."""
    random.seed(SEED)


@pytest.fixture(autouse=True)
def bare_collector() -> Iterator[None]:
    """No callbacks of the garbage collector: hypothesis leaves one.

    A signal that comes during a collection strikes in the first one that runs after it, where
    Python ignores a ``KeyboardInterrupt``: tests that press Ctrl-C would wait in vain.
    """
    callbacks = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks[:] = callbacks


@pytest.fixture(scope="session", autouse=True)
def own_temporary_directory() -> Iterator[None]:
    """Sessions of another test run beside this one must not look like leaks of ours.

    Not one of pytest's: beside pytest-xdist their paths are too long for sockets.
    """
    with tempfile.TemporaryDirectory(prefix="rj") as own, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", own)
        patch.setattr("tempfile.tempdir", None)  # what it remembers; it looks again
        patch.delenv("XDG_RUNTIME_DIR", raising=False)  # where doors would be instead
        yield


@pytest.fixture(scope="module", autouse=True)
def module_leaves_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    yield from _guard(request)


@pytest.fixture(autouse=True)
def each_test_leaves_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    yield from _guard(request)


def _guard(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compare what is held before and after, where processes are started.

    A session that runs already belongs to a wider fixture and may start workers at any
    time; the guard of that fixture's scope judges it.
    """
    parts = Path(request.path).relative_to(Path(__file__).parent).parts
    allowed = request.node.get_closest_marker("leaks_allowed")
    before = leaks.snapshot() if parts[0] in GUARDED and not allowed else None
    yield
    if before is not None and not before.processes:
        leaks.assert_no_leaks(before, deadline_s=10.0)
