"""The dashboard's state: what the answers to ``"changes"`` add up to. Pure: no clock, no IO.

Lives here: ``Model.fold``, O(1) per ended task, and the tables it fills. Does not: frames
(``frames``), asking (``feed``).

Rules
    * Everything here has a bounded size, however long the session runs.
    * Rows are lists, ready for JSON, with the columns of ``COLUMNS``; times are microseconds
      since ``origin_ns``. A row's place in its table is its name for ever.
    * A row that changes is noted in ``changed``; who sends frames empties it.
"""

from __future__ import annotations

import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any

from ray_jupyter.dashboard.bins import Bins
from ray_jupyter.dashboard.makers import UNKNOWN, Makers
from ray_jupyter.runtime.protocol import changes
from ray_jupyter.runtime.protocol.changes import EndedTask, Group
from ray_jupyter.runtime.protocol.messages import ACTOR

COLUMNS = {
    "cells": ["id", "label"],
    "nodes": [
        "name", "kind", "cell", "live", "running", "finished", "failed", "retries",
        "wall_us", "max_us", "first_us", "last_us", "cancelled",
    ],
    "edges": ["from", "to", "kind", "count"],
    "lanes": [
        "worker", "pid", "activity", "actor", "node", "task", "since_us", "tasks", "cpu", "rss_bytes",
        "machine",
    ],
    "tasks": [
        "id", "node", "lane", "submit_us", "start_us", "end_us", "status", "attempt",
        "num_returns", "parent", "arguments", "weight",
    ],
}  # fmt: skip
"""The names of the fields of each row, in order; the front end's model has them too."""
NAME, KIND, CELL, LIVE, RUNNING, FINISHED, FAILED, RETRIES, WALL, MOST, FIRST, LAST, CANCELLED = (
    range(13)
)
ASKED_MAX = 400
"""So many tasks are told one by one in each answer."""
TASKS_MAX = 20_000
NODES_MAX = 150
EDGES_MAX = 600
CELLS_MAX = 200
RUNS_MAX = 1_000
"""So many of the newest runs of cells are remembered; what was submitted before is of none."""
NAME_MAX, NAME_BYTES = 80, 160
ERROR_MAX = 2_000
ERRORS_MAX = 200
OTHERS = "(other functions)"
RETURNS_MAX = 16
"""So many results of a task are remembered as its own."""
LAUNCHED, DATA = 0, 1
_STATUSES = (changes.FINISHED, changes.FAILED, changes.CANCELLED)
"""A task's ``status`` is a place in here."""
_FIELDS = (FINISHED, FAILED, CANCELLED)


class Model:
    """What is known of one session.

    Args:
        session_id: of the session.
        origin_ns: time 0 of all rows, on the session's clock.
        name: what the backend tells this one's questions from others' by.

    Attributes:
        totals: numbers of the whole session, by name.
        changed: places of rows that changed, by table; of ``tasks`` and ``errors`` the new ones.
    """

    def __init__(self, session_id: str, origin_ns: int, name: str = "") -> None:
        self.session_id = session_id
        self.origin_ns = origin_ns
        self.cells: list[list[Any]] = [["", ""]]
        self.nodes: list[list[Any]] = []
        self.edges: list[list[int]] = []
        self.lanes: list[list[Any]] = []
        self.tasks: deque[list[Any]] = deque(maxlen=TASKS_MAX)
        self.errors: OrderedDict[int, list[Any]] = OrderedDict()
        self.totals: dict[str, int] = {"forgotten": 0}
        self.bins = Bins()
        self.new_tasks: deque[list[Any]] = deque(maxlen=TASKS_MAX)
        self.new_errors: deque[list[Any]] = deque(maxlen=ERRORS_MAX)
        self.changed: dict[str, set[int]] = {t: set() for t in ("cells", "nodes", "edges", "lanes")}
        self.name = name
        self._cursor = 0
        self._here: Sequence[str] = ()
        self._runs: dict[int, int] = {}  # places of cells, by the ids of their runs
        self._cells: dict[str, int] = {"": 0}
        self._nodes: dict[tuple[str, str, int], int] = {}
        self._newest: dict[tuple[str, str], int] = {}  # of the nodes with this name and kind
        self._edges: dict[tuple[int, int, int], int] = {}
        self._lanes: dict[int, int] = {}
        self._makers = Makers()

    # In

    def begin_cell(self, run: int, cell_id: str, label: str) -> None:
        """Note what the notebook calls a cell whose run has this id; known ones do no harm."""
        if run in self._runs:
            return
        cell = self._cells.get(cell_id)
        if cell is None:
            if len(self.cells) >= CELLS_MAX:
                cell_id, label = "", ""  # a session of days: the rest is told without its cell
            cell = self._cells.setdefault(cell_id, len(self.cells))
            if cell == len(self.cells):
                self.cells.append([cell_id, label])
        self.cells[cell][1] = label
        self.changed["cells"].add(cell)
        self._runs[run] = cell
        if len(self._runs) > RUNS_MAX:
            del self._runs[next(iter(self._runs))]

    def question(self) -> dict[str, Any]:
        """Return what to ask the backend with, under ``"changes"``."""
        return {"watch": self.name, "since": self._cursor, "most": ASKED_MAX}

    def fold(
        self, answer: dict[str, Any], text_of: Callable[[bytes], str] = lambda data: ""
    ) -> None:
        """Take an answer to ``question``.

        Args:
            answer: see ``runtime.core.changes``.
            text_of: what a pickled error says.
        """
        self._cursor, self._here = answer["cursor"], answer["here"]
        forgotten = self.totals["forgotten"] + answer["forgotten"]
        self.totals = answer["totals"] | {"forgotten": forgotten}
        self._fold_workers(answer["workers"])
        for group in answer["groups"]:
            self._fold_group(Group(*group))
        tasks = [EndedTask(*task) for task in answer["tasks"]]
        for task in tasks:
            self._fold_task(task)
        for task in tasks:  # all are known now: one may have got the result of a later one
            self._fold_edges(task)
            if task.status == changes.FAILED:
                self._fold_error(task, answer["failures"].get(task.id), text_of)
        self._fold_waiting(answer["waiting"])
        self._fold_live(answer["live"])
        _take_apart(self.totals, sum(row[CANCELLED] for row in self.nodes))

    def _fold_group(self, group: Group) -> None:
        first = int.from_bytes(group.ids[:8], sys.byteorder)  # as good as any: they have one cell
        node = self._node(group.name, group.kind, _cell(self, first, group.name, group.cell))
        row = self.nodes[node]
        self._makers.add_packed(group.ids, node)
        _count(row, group.status, group.number, group.retries, group.wall_ns, group.max_ns)
        self._span(row, group.start_ns, group.end_ns)
        if group.start_ns:
            lane = self._lane(group.worker, 0)
            start_us, end_us = self._us(group.start_ns), self._us(group.end_ns)
            self.bins.add(lane, node, start_us, end_us, group.wall_ns // 1000)

    def _fold_task(self, task: EndedTask) -> None:
        node = self._node(task.name, task.kind, _cell(self, task.id, task.name, task.cell))
        row = self.nodes[node]
        wall_ns = task.end_ns - task.start_ns if task.start_ns else 0
        _count(row, task.status, 1, task.attempt, wall_ns, wall_ns)
        self._span(row, task.start_ns, task.end_ns)
        lane = self._lane(task.worker, task.pid) if task.start_ns else -1
        start_us, end_us = self._us(task.start_ns), self._us(task.end_ns)
        if lane >= 0:
            self.bins.add(lane, node, start_us, end_us, wall_ns // 1000)
        told = [
            task.id, node, lane, self._us(task.submit_ns), start_us if lane >= 0 else -1, end_us,
            _STATUSES.index(task.status), task.attempt, task.num_returns, task.parent,
            list(task.arguments), task.weight,
        ]  # fmt: skip
        self.errors.pop(task.id, None)  # it ran once more
        self.tasks.append(told)
        self.new_tasks.append(told)
        self._makers.add(task.id, node, max(1, min(task.num_returns, RETURNS_MAX)))

    def _fold_edges(self, task: EndedTask) -> None:
        target = self._makers.of(task.id)
        self._edge(self._makers.of(task.parent), target, LAUNCHED, task.weight)
        for source in {self._makers.of(object_id) for object_id in task.arguments}:
            self._edge(source, target, DATA, task.weight)

    def _fold_error(
        self, task: EndedTask, data: bytes | None, text_of: Callable[[bytes], str]
    ) -> None:
        text = text_of(data) if data else task.error_text
        told = [task.id, task.error_type, text[:ERROR_MAX]]
        self.errors[task.id] = told
        self.new_errors.append(told)
        if len(self.errors) > ERRORS_MAX:
            self.errors.popitem(last=False)

    def _fold_workers(self, workers: Sequence[tuple[Any, ...]]) -> None:
        present = set()
        running = dict.fromkeys(range(len(self.nodes)), 0)
        for worker, pid, activity, actor, number, tasks, since_ns, machine in workers:
            lane = self._lane(worker, pid)
            present.add(lane)
            first = [-1, 0, 0]
            for index, (task, name, kind, submit_ns, cell) in enumerate(tasks):
                node = self._node(name, kind, _cell(self, task, name, cell))
                self._makers.add(task, node)
                if not index:
                    first = [node, task, self._us(max(since_ns, submit_ns))]
                    running[node] = running.get(node, 0) + (activity == "RUNNING")
            self._set_lane(lane, [worker, pid, activity, _cut(actor), *first, number], machine)
        for lane, row in enumerate(self.lanes):
            if lane not in present and row[2] != "GONE":
                self._set_lane(lane, [*row[:2], "GONE", row[3], -1, 0, 0, 0], row[10])
        for node, count in running.items():
            self._set(node, RUNNING, count)

    def _fold_waiting(self, waiting: Sequence[tuple[Any, ...]]) -> None:
        """Draw the edges of what is to come; they are counted when the tasks have ended."""
        for task, name, kind, cell, _, _ in waiting:
            self._makers.add(task, self._node(name, kind, _cell(self, task, name, cell)))
        for task, _, _, _, parent, arguments in waiting:
            target = self._makers.of(task)
            self._edge(self._makers.of(parent), target, LAUNCHED, 0)
            for object_id in arguments:
                self._edge(self._makers.of(object_id), target, DATA, 0)

    def _fold_live(self, live: Sequence[tuple[str, str, int, int]]) -> None:
        counts: dict[int, int] = {}
        for name, kind, count, cell in live:
            key = _cut(name), kind, self._runs.get(cell, 0)
            # Living actors are told without a cell, and so is what runs once more: where they were made.
            is_told = key[2] or (kind != ACTOR and key in self._nodes)
            known = None if is_told else self._newest.get(key[:2])
            node = self._node(name, kind, key[2]) if known is None else known
            counts[node] = counts.get(node, 0) + count
        for node in range(len(self.nodes)):
            self._set(node, LIVE, counts.get(node, 0))

    def maker(self, object_id: int) -> int:
        """Return the node whose task made an object; -1 if that is not remembered."""
        return self._makers.of(object_id)

    def measure(self, usage: dict[int, tuple[int, int]]) -> None:
        """Note what the processes use now: (thousandths of a CPU, bytes of memory) by pid."""
        for lane, row in enumerate(self.lanes):
            if row[10] in self._here and row[1] in usage and row[8:10] != list(usage[row[1]]):
                row[8:10] = usage[row[1]]
                self.changed["lanes"].add(lane)

    def pids_here(self) -> list[int]:
        """Return the pids of workers on the machines that can be looked into from here."""
        return [row[1] for row in self.lanes if row[2] != "GONE" and row[10] in self._here]

    # Tables

    def _span(self, row: list[Any], start_ns: int, end_ns: int) -> None:
        if start_ns:
            start_us = self._us(start_ns)
            row[FIRST] = start_us if row[FIRST] < 0 else min(row[FIRST], start_us)
        row[LAST] = max(row[LAST], self._us(end_ns))

    def _node(self, name: str, kind: str, cell: int) -> int:
        name = _cut(name)
        node = self._nodes.get((name, kind, cell))
        if node is None:
            if len(self.nodes) >= NODES_MAX and name != OTHERS:
                return self._node(OTHERS, "task", 0)
            node = self._nodes[name, kind, cell] = len(self.nodes)
            self.nodes.append([name, kind, cell, 0, 0, 0, 0, 0, 0, 0, -1, 0, 0])
            self._newest[name, kind] = node
        self.changed["nodes"].add(node)
        return node

    def _edge(self, source: int, target: int, kind: int, count: int) -> None:
        if source == UNKNOWN:
            return
        key = (source, target, kind)
        edge = self._edges.get(key)
        if edge is not None and not count:
            return
        if edge is None:
            if len(self.edges) >= EDGES_MAX:
                return
            edge = self._edges[key] = len(self.edges)
            self.edges.append([*key, 0])
        self.edges[edge][3] += count
        self.changed["edges"].add(edge)

    def _lane(self, worker: int, pid: int) -> int:
        lane = self._lanes.get(worker)
        if lane is None:
            lane = self._lanes[worker] = len(self.lanes)
            self.lanes.append([worker, pid, "IDLE", "", -1, 0, 0, 0, 0, 0, ""])
            self.changed["lanes"].add(lane)
        return lane

    def _set_lane(self, lane: int, values: list[Any], machine: str) -> None:
        row = self.lanes[lane]
        if row[:8] != values or row[10] != machine:
            row[:8], row[10] = values, machine
            self.changed["lanes"].add(lane)

    def _set(self, node: int, field: int, value: int) -> None:
        if self.nodes[node][field] != value:
            self.nodes[node][field] = value
            self.changed["nodes"].add(node)

    def _us(self, when_ns: int) -> int:
        return (when_ns - self.origin_ns) // 1000 if when_ns else 0


def _cell(model: Model, task_id: int, name: str, run: int) -> int:
    """Return the cell of a task; of one that runs once more, that in which it ran first.

    The session counts such a task in no cell any more. Where there are no cells nobody is asked:
    what the makers were told in a flood then stays packed.
    """
    if run or len(model.cells) == 1:
        return model._runs.get(run, 0)
    known = model.maker(task_id)
    is_same = known != UNKNOWN and model.nodes[known][NAME] == _cut(name)
    return int(model.nodes[known][CELL]) if is_same else 0


def _take_apart(totals: dict[str, int], cancelled: int) -> None:
    """Count the cancelled tasks by themselves: backends, as Ray, count them as failed."""
    totals["failed"] = max(0, totals.get("failed", 0) - cancelled)
    totals["cancelled"] = cancelled


def _count(
    row: list[Any], status: str, count: int, retries: int, wall_ns: int, max_ns: int
) -> None:
    row[_FIELDS[_STATUSES.index(status)]] += count
    row[RETRIES] += retries
    if status == changes.CANCELLED:
        return  # how long it takes is told by those that came to an end
    row[WALL] += wall_ns // 1000
    row[MOST] = max(row[MOST], max_ns // 1000)


def _cut(name: str) -> str:
    """Return a name as far as it is shown; a frame has room for so many bytes of it."""
    if len(name) <= NAME_BYTES // 4:  # the most that a character may take
        return name
    return name[:NAME_MAX].encode()[:NAME_BYTES].decode(errors="ignore")
