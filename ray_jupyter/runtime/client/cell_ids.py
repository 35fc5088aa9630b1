"""Which cell made something: the ids of a process grow, so a cell is where its ids begin."""

from __future__ import annotations

from bisect import bisect_right

from ray_jupyter.runtime.protocol.ids import COUNTER_BITS


class CellIds:
    """The cells of one process.

    Args:
        client_id: its own, which its ids begin with.
    """

    def __init__(self, client_id: int) -> None:
        self._client_id = client_id
        self._ids: list[int] = []

    def begin(self, cell_id: int) -> int:
        """What has larger ids is of this cell; return it."""
        self._ids.append(cell_id)
        return cell_id

    def of(self, object_id: int) -> int | None:
        """See ``Backend.cell_of``."""
        if object_id >> COUNTER_BITS != self._client_id:
            return None
        place = bisect_right(self._ids, object_id)
        return self._ids[place - 1] if place else 0
