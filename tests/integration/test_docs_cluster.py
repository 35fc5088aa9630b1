"""The examples of ``docs/howto/cluster.md`` run on a cluster, and its table names what is lacking."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ray_jupyter.testing import clusters
from ray_jupyter.testing.examples import check_example, examples_of

pytest.importorskip("ray", reason=clusters.MISSING)

from ray_jupyter.backends.base import Capability
from ray_jupyter.backends.ray_cluster.backend import RayClusterBackend

pytestmark = pytest.mark.cluster
PAGE = Path(__file__).parents[2] / "docs" / "howto" / "cluster.md"
EXAMPLES = examples_of(PAGE)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of one node."""
    with clusters.a_cluster() as started:
        yield str(started.address)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 2


@pytest.mark.leaks_allowed("Ray keeps descriptors and threads after its shutdown")
@pytest.mark.parametrize("source", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_prints_what_it_says(
    source: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    check_example(source, tmp_path)


def test_the_table_is_complete() -> None:
    named = set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE))
    lacking = RayClusterBackend.lacks | {Capability.STREAMS}
    assert named == {capability.name for capability in lacking}
