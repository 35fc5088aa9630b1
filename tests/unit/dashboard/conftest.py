"""A cluster that only ends tasks, and the model of it."""

from __future__ import annotations

import pytest

from ray_jupyter.dashboard.model import Model
from ray_jupyter.testing.dashboard import Cluster


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def model() -> Model:
    return Model("abcd", 0)
