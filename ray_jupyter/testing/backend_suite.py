"""The tests every backend must pass, to be inherited.

::

    from ray_jupyter.testing.backend_suite import (
        Backend2016Tests, BackendSessionTests, BackendTests,
    )

    class TestMine(BackendTests):
        arguments = {"mode": "mine", "num_cpus": 2, "resources": {"disk": 2}}

    class TestMine2016(Backend2016Tests):
        arguments = TestMine.arguments

    class TestMySessions(BackendSessionTests):
        arguments = TestMine.arguments

Everything goes through the public API. Class attributes (see ``suite.base.BackendSuite``) say
what a backend does not have. One session serves all tests of ``BackendTests``;
``BackendSessionTests`` starts one per test.
"""

from __future__ import annotations

from ray_jupyter.testing.suite.actor_calls import ActorCallTests
from ray_jupyter.testing.suite.actor_lives import ActorLifeTests
from ray_jupyter.testing.suite.actor_pools import ActorPoolTests
from ray_jupyter.testing.suite.actor_streams import ActorStreamTests
from ray_jupyter.testing.suite.actors import ActorTests
from ray_jupyter.testing.suite.arrays import DistributedArrayTests, RemoteArrayTests
from ray_jupyter.testing.suite.compat2016 import Info2016Tests, ReusableTests
from ray_jupyter.testing.suite.executors import CompletionTests, ExecutorTests
from ray_jupyter.testing.suite.failures import FailureTests, UnseenErrorTests
from ray_jupyter.testing.suite.generators import GeneratorTests
from ray_jupyter.testing.suite.objects import ObjectTests
from ray_jupyter.testing.suite.process_pools import ProcessPoolTests
from ray_jupyter.testing.suite.queues import QueueTests
from ray_jupyter.testing.suite.resources import ResourceTests
from ray_jupyter.testing.suite.sessions import ReportTests, SessionTests
from ray_jupyter.testing.suite.state import StateTests
from ray_jupyter.testing.suite.tasks import TaskTests

__all__ = [
    "Backend2016Tests",
    "BackendResourceTests",
    "BackendSessionTests",
    "BackendTests",
    "BackendUtilityTests",
]


class BackendTests(
    TaskTests, ObjectTests, FailureTests, UnseenErrorTests, ActorTests, ActorCallTests,
    ActorLifeTests, GeneratorTests, ActorStreamTests, ReportTests, StateTests,
):  # fmt: skip
    """All tests that share one session."""


class BackendUtilityTests(
    QueueTests, ActorPoolTests, ProcessPoolTests, ExecutorTests, CompletionTests
):
    """All tests of ``ray_jupyter.util``, in one session."""


class Backend2016Tests(ReusableTests, Info2016Tests, RemoteArrayTests, DistributedArrayTests):
    """All tests of what the system of 2016 had; they share one session."""


class BackendResourceTests(ResourceTests):
    """Tests of a session with two GPUs, which need not exist."""


class BackendSessionTests(SessionTests):
    """All tests that start and end sessions."""
