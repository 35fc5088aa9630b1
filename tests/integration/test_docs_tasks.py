"""The examples of ``docs/reference/tasks.md`` run and print what the page says."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

import ray_jupyter as ray
from ray_jupyter.testing.examples import examples_of, promises_of

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "tasks.md"
EXAMPLES = examples_of(PAGE)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """One session for all examples."""
    with ray.init(num_cpus=2):
        yield


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 5


@pytest.mark.parametrize("source", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_prints_what_it_says(source: str) -> None:
    promised = promises_of(source)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, str(PAGE), "exec"), {"__name__": "__main__"})
    assert printed.getvalue().splitlines() == promised
