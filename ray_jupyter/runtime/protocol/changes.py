"""What has changed since somebody last asked, in a size that does not grow with the work.

Lives here: which ended tasks are told one by one, and the sums of all others. Pure: both
backends answer the question ``"changes"`` with it, the dashboard folds the answers.

Rules
    * Counts are exact: each ended task is in one answer, alone or in one group.
    * An answer has a bounded size. A burst of a hundred thousand no-ops is some hundred tasks,
      evenly spread, and a few groups; building it costs a fraction of what running them did.
"""

from __future__ import annotations

from array import array
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import attrgetter, itemgetter, sub
from typing import Any, NamedTuple

ARGUMENTS_MAX = 16
"""So many arguments of a task are told: an edge more tells nobody anything."""
FAILURES_MAX = 100
"""So many failed tasks are told one by one in each answer, whatever else there is."""

HELD_MAX = 8
"""So many tasks of each worker are told: the one that runs, those below it, some of the next."""

WAITING_MAX = 24
"""So many of the newest tasks that wait are told."""

LOOK_BYTES = 512
"""So much of a small value is told: whoever asks sees from it what it looks like."""

CHUNK = 256
"""So many tasks or more are summed at once; fewer since the last question are told one by one."""
STEP = 64
"""After so many ended tasks it is looked whether there are enough to sum."""
UNASKED_MAX = 300_000
"""After so many tasks without a question nobody is gathering for any more."""


FINISHED, FAILED, CANCELLED = "FINISHED", "FAILED", "CANCELLED"
"""How a task may have ended. Records, as Ray, call those failed that somebody wanted to end."""


class EndedTask(NamedTuple):
    """A task that ended; ``start_ns`` is 0 if it never ran, ``worker`` then too."""

    id: int
    parent: int
    name: str
    status: str
    pid: int
    submit_ns: int
    start_ns: int
    end_ns: int
    attempt: int
    num_returns: int
    arguments: tuple[int, ...]
    worker: int
    kind: str
    actor: int
    error_type: str
    error_text: str
    weight: int
    """It stands for so many tasks, itself and others that are only in groups."""
    cell: int
    """The id of the cell of a notebook that it belongs to (see ``core.cells``); 0 if to none."""


class Group(NamedTuple):
    """Ended tasks that are not told one by one: equal names, fates, workers and cells."""

    name: str
    kind: str
    status: str
    worker: int
    cell: int
    number: int
    wall_ns: int
    max_ns: int
    start_ns: int
    """When the first of them started; 0 if none of them ran."""
    end_ns: int
    """When the last of them ended."""
    retries: int
    ids: bytes
    """Of the tasks, 8 bytes each: whoever takes their results is drawn below them."""


Record = tuple[Any, ...]
"""See ``ClusterState.records``."""
_ID, _END, _ATTEMPT = itemgetter(0), itemgetter(7), itemgetter(8)
_CANCELLED_TYPE = "TASK_CANCELLED"
"""Ray's word, in records."""
_START, _KEY = itemgetter(6), itemgetter(2, 13, 3, 12, 16)


def ended(records: Sequence[Record], most: int) -> tuple[list[EndedTask], list[Group]]:
    """Return the tasks to be told one by one, and the sums of the others.

    Args:
        records: of tasks that ended, in order.
        most: so many tasks about, and as many failed ones as ``FAILURES_MAX``. Of every group
            there is at least one, so that what happens rarely is seen in a flood.
    """
    if len(records) <= most:
        return [_task(record, 1) for record in records], []
    tasks: list[EndedTask] = []
    groups: list[Group] = []
    for (name, kind, status, worker, cell), members in _by_fate(_grouped(records)):
        number = len(members)
        share = max(1, most * number // len(records))
        if status == FAILED:
            share = max(share, min(number, FAILURES_MAX))
        stride = -(-number // share)
        told = members[::stride]
        tasks += [_task(record, stride) for record in told[:-1]]
        tasks.append(_task(told[-1], number - stride * (len(told) - 1)))
        del members[::stride]
        if members:
            starts_ns, ends_ns = list(map(_START, members)), list(map(_END, members))
            if all(starts_ns):
                durations_ns = list(map(sub, ends_ns, starts_ns))
            else:
                ran = [r for r in members if r[6]]
                starts_ns = list(map(_START, ran))
                durations_ns = list(map(sub, map(_END, ran), starts_ns))
            groups.append(Group(
                name, kind, status, worker, cell, len(members), sum(durations_ns),
                max(durations_ns, default=0), min(starts_ns, default=0), max(ends_ns),
                sum(map(_ATTEMPT, members)), array("q", map(_ID, members)).tobytes(),
            ))  # fmt: skip
    tasks.sort(key=attrgetter("end_ns"))
    return tasks, groups


class Watch:
    """Gathers what ends for one who asks again and again; between two questions of a flood it sums.

    Records are summed soon after they were made: later they have to be fetched from memory,
    which takes twice the time that making them took.
    """

    __slots__ = ("_groups", "_ids", "_number", "_seen", "_tasks")

    def __init__(self, total: int = 0) -> None:
        self._seen = total
        self._begin()

    def _begin(self) -> None:
        self._tasks: list[EndedTask] = []
        self._groups: dict[tuple[Any, ...], Group] = {}
        self._ids: dict[tuple[Any, ...], list[bytes]] = {}
        self._number = 0

    def look(self, records: deque[Record], total: int) -> bool:
        """Sum what is new if it is enough; return whether there will be no question more.

        Call it every ``STEP`` tasks that end: once for each task took a third of the cost.

        Args:
            records: the last that ended.
            total: how many have ever ended.
        """
        if total - self._seen < CHUNK:
            return False
        self._sum(self._fresh(records, total))
        return self._number > UNASKED_MAX

    def take(
        self, records: deque[Record], total: int
    ) -> tuple[list[EndedTask], list[Group]]:  # fmt: skip
        """Return what ``ended`` would of everything since the last call."""
        fresh = self._fresh(records, total)
        if self._number and fresh:
            self._sum(fresh)
            fresh = []
        tasks = self._tasks + [_task(record, 1) for record in fresh]
        groups = [
            group._replace(ids=b"".join(self._ids[key])) for key, group in self._groups.items()
        ]
        self._begin()
        return tasks, groups

    def _fresh(self, records: deque[Record], total: int) -> list[Record]:
        fresh = newest(records, total - self._seen)
        self._seen = total
        return fresh

    def _sum(self, fresh: list[Record]) -> None:
        tasks, groups = ended(fresh, 1)
        self._number += len(fresh)
        self._tasks += tasks
        for group in groups:
            key = group[:5]
            before = self._groups.get(key)
            self._groups[key] = group if before is None else _joined(before, group)
            self._ids.setdefault(key, []).append(group.ids)


def newest(records: deque[Record], number: int) -> list[Record]:
    """Return the last ``number`` records, or as many as there are, in order."""
    found = list(islice(reversed(records), number))
    found.reverse()
    return found


def _joined(one: Group, other: Group) -> Group:
    starts_ns = [group.start_ns for group in (one, other) if group.start_ns]
    return Group(
        *one[:5], one.number + other.number, one.wall_ns + other.wall_ns,
        max(one.max_ns, other.max_ns), min(starts_ns, default=0), max(one.end_ns, other.end_ns),
        one.retries + other.retries, b"",
    )  # fmt: skip


def _grouped(records: Sequence[Record]) -> dict[tuple[Any, ...], list[Record]]:
    """Return the records by name, kind, status, worker and cell. This is the hot part."""
    groups: defaultdict[tuple[Any, ...], list[Record]] = defaultdict(list)
    for key, record in zip(map(_KEY, records), records, strict=True):
        groups[key].append(record)
    return groups


def _by_fate(
    groups: dict[tuple[Any, ...], list[Record]],
) -> Iterator[tuple[tuple[Any, ...], list[Record]]]:
    """Yield the groups; of those that failed, the cancelled ones as a group of their own."""
    for key, members in groups.items():
        name, kind, status, worker, cell = key
        cancelled = [r for r in members if _is_cancelled(r)] if status == FAILED else []
        if cancelled:
            yield (name, kind, CANCELLED, worker, cell), cancelled
            members = [r for r in members if not _is_cancelled(r)]
        if members:
            yield key, members


def _is_cancelled(record: Record) -> bool:
    return record[15] is not None and record[15][0] == _CANCELLED_TYPE


def _task(record: Record, weight: int) -> EndedTask:
    error_type, error_text = record[15] or ("", "")
    status = CANCELLED if error_type == _CANCELLED_TYPE else record[3]
    arguments = record[10][:ARGUMENTS_MAX]
    return EndedTask._make((
        *record[:3], status, *record[4:10], arguments, *record[12:15], error_type, error_text,
        weight, record[16],
    ))  # fmt: skip
