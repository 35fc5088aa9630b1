"""How busy each worker was, over the whole session, in a bounded number of bins. Pure.

Bins start fine; when there are too many, neighbours are joined and bins are twice as wide.
"""

from __future__ import annotations

BINS_MAX = 512
"""Most bins of one lane."""
CELLS_MAX = 2048
"""Most bins of all lanes together; with many lanes each has fewer."""
BINS_MIN = 32
FIRST_WIDTH_US = 50_000


class Bins:
    """Busy time by lane, bin and node.

    Attributes:
        width_us: of each bin; bin 0 begins at time 0.
        changed: (lane, bin) since this was last emptied; everything after ``width_us`` changed.
    """

    def __init__(self) -> None:
        self.width_us = FIRST_WIDTH_US
        self.changed: set[tuple[int, int]] = set()
        self._lanes: dict[int, dict[int, dict[int, int]]] = {}

    def add(self, lane: int, node: int, start_us: int, end_us: int, busy_us: int) -> None:
        """Spread ``busy_us`` of work on a node evenly over a stretch of a lane."""
        if busy_us <= 0:
            return
        start_us = max(0, start_us)
        end_us = max(end_us, start_us + 1)
        lane_bins = self._lanes.setdefault(lane, {})
        while end_us > self.width_us * self._most():
            self._widen()
            lane_bins = self._lanes[lane]
        first, last = start_us // self.width_us, (end_us - 1) // self.width_us
        for at in range(first, last + 1):
            low, high = max(start_us, at * self.width_us), min(end_us, (at + 1) * self.width_us)
            share_us = busy_us * (high - low) // (end_us - start_us)
            cell = lane_bins.setdefault(at, {})
            cell[node] = cell.get(node, 0) + share_us
            self.changed.add((lane, at))

    def rows(self, cells: set[tuple[int, int]] | None = None) -> dict[int, list[list[int]]]:
        """Return ``[bin, busy in thousandths, node that had most of it]``, ascending, by lane.

        Args:
            cells: (lane, bin) to return; all without.
        """
        if cells is None:
            cells = {(lane, at) for lane, bins in self._lanes.items() for at in bins}
        rows: dict[int, list[list[int]]] = {}
        for lane, at in sorted(cells):
            by_node = self._lanes[lane][at]
            busy = min(1000, 1000 * sum(by_node.values()) // self.width_us)
            node = max(by_node, key=lambda node: (by_node[node], -node))
            rows.setdefault(lane, []).append([at, busy, node])
        return rows

    def _most(self) -> int:
        return max(BINS_MIN, min(BINS_MAX, CELLS_MAX // max(1, len(self._lanes))))

    def _widen(self) -> None:
        self.width_us *= 2
        for lane, bins in self._lanes.items():
            joined: dict[int, dict[int, int]] = {}
            for at, by_node in bins.items():
                cell = joined.setdefault(at // 2, {})
                for node, busy_us in by_node.items():
                    cell[node] = cell.get(node, 0) + busy_us
            self._lanes[lane] = joined
        self.changed.clear()
