"""The inline backend against the suite."""

from __future__ import annotations

from ray_jupyter.testing.backend_suite import (
    Backend2016Tests,
    BackendResourceTests,
    BackendSessionTests,
    BackendTests,
    BackendUtilityTests,
)

ARGUMENTS = {"mode": "inline", "num_cpus": 2, "resources": {"disk": 2}}


class TestInline(BackendTests):
    arguments = ARGUMENTS
    runs_in_background = False
    runs_in_processes = False


class TestInline2016(Backend2016Tests):
    arguments = ARGUMENTS
    runs_in_background = False
    runs_in_processes = False


class TestInlineSessions(BackendSessionTests):
    arguments = ARGUMENTS


class TestInlineUtilities(BackendUtilityTests):
    arguments = ARGUMENTS
    runs_in_background = False
    runs_in_processes = False


class TestInlineResources(BackendResourceTests):
    arguments = ARGUMENTS | {"num_gpus": 2}
    runs_in_background = False
    runs_in_processes = False
