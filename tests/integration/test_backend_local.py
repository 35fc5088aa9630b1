"""The local backend against the suite: two workers, one session for all of ``TestLocal``."""

from __future__ import annotations

from ray_jupyter.testing.backend_suite import (
    Backend2016Tests,
    BackendResourceTests,
    BackendSessionTests,
    BackendTests,
    BackendUtilityTests,
)

ARGUMENTS = {"mode": "local", "num_cpus": 2, "resources": {"disk": 2}}


class TestLocal(BackendTests):
    arguments = ARGUMENTS


class TestLocal2016(Backend2016Tests):
    arguments = ARGUMENTS


class TestLocalSessions(BackendSessionTests):
    arguments = ARGUMENTS


class TestLocalUtilities(BackendUtilityTests):
    arguments = ARGUMENTS


class TestLocalResources(BackendResourceTests):
    arguments = ARGUMENTS | {"num_gpus": 2}
