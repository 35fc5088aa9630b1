"""The tests every backend must pass, to be inherited.

::

    from ray_jupyter.testing.backend_suite import BackendSessionTests, BackendTests

    class TestMine(BackendTests):
        arguments = {"mode": "mine", "num_cpus": 2, "resources": {"disk": 2}}

    class TestMySessions(BackendSessionTests):
        arguments = TestMine.arguments

Everything goes through the public API. Class attributes (see ``suite.base.BackendSuite``) say
what a backend does not have. One session serves all tests of ``BackendTests``;
``BackendSessionTests`` starts one per test.
"""

from __future__ import annotations

from ray_jupyter.testing.suite.actors import ActorTests
from ray_jupyter.testing.suite.failures import FailureTests
from ray_jupyter.testing.suite.objects import ObjectTests
from ray_jupyter.testing.suite.resources import ResourceTests
from ray_jupyter.testing.suite.sessions import ReportTests, SessionTests
from ray_jupyter.testing.suite.tasks import TaskTests

__all__ = ["BackendResourceTests", "BackendSessionTests", "BackendTests"]


class BackendTests(TaskTests, ObjectTests, FailureTests, ActorTests, ReportTests):
    """All tests that share one session."""


class BackendResourceTests(ResourceTests):
    """Tests of a session with two GPUs, which need not exist."""


class BackendSessionTests(SessionTests):
    """All tests that start and end sessions."""
