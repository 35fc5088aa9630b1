"""The local backend against the suite: two workers, one session for all of ``TestLocal``."""

from __future__ import annotations

from ray_jupyter.testing.backend_suite import (
    BackendResourceTests,
    BackendSessionTests,
    BackendTests,
)

ARGUMENTS = {"mode": "local", "num_cpus": 2, "resources": {"disk": 2}}


class TestLocal(BackendTests):
    arguments = ARGUMENTS


class TestLocalSessions(BackendSessionTests):
    arguments = ARGUMENTS


class TestLocalResources(BackendResourceTests):
    arguments = ARGUMENTS | {"num_gpus": 2}
