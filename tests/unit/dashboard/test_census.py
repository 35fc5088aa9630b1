"""What the rows of objects say."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any

from ray_jupyter.dashboard.census import Census
from ray_jupyter.dashboard.model import Model


def test_a_value_that_was_made_again_is_looked_at_again(model: Model) -> None:
    """Its task failed, and then ran again: what the object was is not what it is."""
    looks: list[Any] = ["", pickle.dumps([1, 2]), pickle.dumps([1, 2]), pickle.dumps({})]
    model.totals["objects"] = 1

    def query(question: str, *rest: Any) -> list[tuple[Any, ...]]:
        return [(7, 5, "MESSAGE", 1, [], 0, False, (1, 0, 0, 0, 0), looks.pop(0))]

    census, backend = Census(), SimpleNamespace(query=query, lacks=frozenset())
    said = []
    while looks:
        census._due_at_s = 0.0
        census.take(backend, model)  # type: ignore[arg-type]
        said.append(census.rows[0][-1])
    assert said == ["", "list of 2", "list of 2", "dict of 0"]
