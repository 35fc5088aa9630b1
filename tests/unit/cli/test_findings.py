"""What is wrong is never printed without what to do."""

from __future__ import annotations

import pytest

from ray_jupyter.cli.findings import FAILURE, NOTE, OK, WARNING, Finding


@pytest.mark.parametrize("outcome", [WARNING, FAILURE])
def test_what_is_wrong_comes_with_what_to_do(outcome: str) -> None:
    with pytest.raises(ValueError, match="expected advice"):
        Finding("disk", outcome, "full")
    assert Finding("disk", outcome, "full", "empty it").lines()[1].strip() == "-> empty it"


def test_what_is_well_needs_one_line() -> None:
    assert Finding("disk", OK, "empty").lines() == ["ok   disk       empty"]
    assert Finding("lab", NOTE, "none", "get one").lines() == [
        "note lab        none", "                -> get one",
    ]  # fmt: skip
