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
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

ARGUMENTS_MAX = 16
"""So many arguments of a task are told: an edge more tells nobody anything."""
FAILURES_MAX = 100
"""So many failed tasks are told one by one in each answer, whatever else there is."""

HELD_MAX = 8
"""So many tasks of each worker are told: the one that runs, those below it, some of the next."""

WAITING_MAX = 24
"""So many of the newest tasks that wait are told."""


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


class Group(NamedTuple):
    """Ended tasks that are not told one by one: equal names, fates, workers and epochs."""

    name: str
    kind: str
    status: str
    worker: int
    epoch: int
    """Of how many of the asked ``epochs_ns`` are not after their submission."""
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
_ID, _SUBMITTED, _END, _ATTEMPT = itemgetter(0), itemgetter(5), itemgetter(7), itemgetter(8)
_KEY = itemgetter(2, 13, 3, 12)


def ended(
    records: Sequence[Record], most: int, epochs_ns: Sequence[int]
) -> tuple[list[EndedTask], list[Group]]:
    """Return the tasks to be told one by one, and the sums of the others.

    Args:
        records: of tasks that ended, in order.
        most: so many tasks about, and as many failed ones as ``FAILURES_MAX``. Of every group
            there is at least one, so that what happens rarely is seen in a flood.
        epochs_ns: ascending; tasks submitted before and after one of them are not summed.
    """
    if len(records) <= most:
        return [_task(record, 1) for record in records], []
    tasks: list[EndedTask] = []
    groups: list[Group] = []
    for (name, kind, status, worker, epoch), members in _grouped(records, epochs_ns).items():
        number = len(members)
        share = max(1, most * number // len(records))
        if status == "FAILED":
            share = max(share, min(number, FAILURES_MAX))
        stride = -(-number // share)
        told = members[::stride]
        tasks += [_task(record, stride) for record in told[:-1]]
        tasks.append(_task(told[-1], number - stride * (len(told) - 1)))
        del members[::stride]
        if members:
            spans_ns = [(r[7] - r[6], r[6]) for r in members if r[6]]
            durations_ns = [duration_ns for duration_ns, _ in spans_ns]
            groups.append(Group(
                name, kind, status, worker, epoch, len(members), sum(durations_ns),
                max(durations_ns, default=0), min((start for _, start in spans_ns), default=0),
                max(map(_END, members)), sum(map(_ATTEMPT, members)),
                array("q", map(_ID, members)).tobytes(),
            ))  # fmt: skip
    tasks.sort(key=attrgetter("end_ns"))
    return tasks, groups


def _grouped(
    records: Sequence[Record], epochs_ns: Sequence[int]
) -> dict[tuple[Any, ...], list[Record]]:
    """Return the records by name, kind, status, worker and epoch. This is the hot part."""
    first = epoch_of(min(map(_SUBMITTED, records)), epochs_ns)
    last = epoch_of(max(map(_SUBMITTED, records)), epochs_ns)
    groups: defaultdict[tuple[Any, ...], list[Record]] = defaultdict(list)
    if first == last:
        for key, record in zip(map(_KEY, records), records, strict=True):
            groups[key].append(record)
        return {(*key, first): members for key, members in groups.items()}
    for record in records:
        key = (*_KEY(record), epoch_of(record[5], epochs_ns))
        groups[key].append(record)
    return groups


def epoch_of(submit_ns: int, epochs_ns: Sequence[int]) -> int:
    """Return how many of ``epochs_ns`` are not after ``submit_ns``."""
    return bisect_right(epochs_ns, submit_ns)


def _task(record: Record, weight: int) -> EndedTask:
    error_type, error_text = record[15] or ("", "")
    arguments = record[10][:ARGUMENTS_MAX]
    return EndedTask._make(
        (*record[:10], arguments, *record[12:15], error_type, error_text, weight)
    )
