"""The largest objects, as far as they are asked for: rows for the frames.

Lives here: how often is asked, names of variables, what small values look like.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ray_jupyter.backends.base import Backend, Capability
from ray_jupyter.dashboard.model import Model
from ray_jupyter.runtime.store.looks import glance

CENSUS_S, CENSUS_SHARE, CENSUS_MAX, CENSUS_ROWS = 1.0, 50, 20_000, 120
"""The objects are asked for this often, at most in a 50th of the time, if they are not more."""
ANSWER_S = 5.0
_NAME_MAX = 40


class Census:
    """See the module.

    Attributes:
        rows: of the largest objects: what ``runtime.core.census.largest`` tells, between its last
            two fields the node that made it and the names of variables that hold it.
        is_news: whether they have changed; whoever tells them sets it back.
        variables: gives the names of variables that hold an object, by its id.
    """

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []
        self.is_news = False
        self.variables: Callable[[], dict[int, list[str]]] = dict
        self._looks: dict[bytes, str] = {}
        """What the beginnings of pickles say that the last answer had; of this one, ``_read``."""
        self._read: dict[bytes, str] = {}
        self._due_at_s = 0.0

    def forget(self) -> None:
        """Another session begins."""
        self.rows, self._looks, self.is_news, self._due_at_s = [], {}, False, 0.0

    def take(self, backend: Backend, model: Model) -> None:
        """Ask for the objects, if it is time."""
        began_s = time.monotonic()
        if began_s < self._due_at_s or model.totals["objects"] > CENSUS_MAX:
            return
        if Capability.OBJECT_TABLE in backend.lacks:
            return
        names = self.variables()
        rows = [
            self._row(row, model.maker(row[0]), names.get(row[0], []))
            for row in backend.query("census", CENSUS_ROWS, ANSWER_S)
        ]
        self._looks, self._read = self._read, {}
        self.is_news = self.is_news or rows != self.rows
        self.rows = rows
        took_s = time.monotonic() - began_s
        self._due_at_s = began_s + max(CENSUS_S, CENSUS_SHARE * took_s)

    def _row(self, told: tuple[Any, ...], maker: int, names: list[str]) -> list[Any]:
        *facts, kinds, look = told
        if isinstance(look, bytes):
            # Read once, not every second; a task that runs again makes another.
            read = self._looks.get(look)
            look = self._read[look] = glance(look) if read is None else read
        return [*facts, maker, [name[:_NAME_MAX] for name in names], list(kinds), look]
