"""A session as a Chrome trace, for Perfetto and ``chrome://tracing``. Pure: JSON-ready dicts.

::

    driver 41   ▏submit 2 f
                 ╲        ╲
    worker 42     ▇ f      ╲
    worker 43               ▇ f

One lane per process; an actor whose calls overlap has more. A bar is the last attempt of a
task; tasks that ran in place lie in the bar of the one that waited for them. An arrow leads
from where a task was submitted, the bar of its parent or a mark in the driver's lane, to
where it ran; there is none if that was the same place.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Event = dict[str, Any]
_PROCESS = 1
"""All lanes are threads of one process: viewers take 0 for the idle process."""
_MARK_NS = 1000
_NEXT_LANE = 1 << 22
"""Added to a pid for a further lane of the same process: pids are smaller."""


class _Task(NamedTuple):
    """A record of ``Backend.query("trace")``."""

    id: int
    parent: int
    name: str
    status: str
    worker: int
    submit_ns: int
    start_ns: int
    end_ns: int
    attempt: int
    num_returns: int
    arguments: tuple[int, ...]
    submitter: int


def trace_events(trace: Mapping[str, Any]) -> list[Event]:
    """Return the trace events for the answer to ``Backend.query("trace")``."""
    tasks = [_Task(*record) for record in trace["records"]]
    ran = {task.id: task for task in tasks if task.start_ns}  # else cancelled, or doomed
    lanes = _lanes(ran.values())
    arrows: list[Event] = []
    submissions: defaultdict[tuple[int, int], list[_Task]] = defaultdict(list)
    for task in ran.values():
        parent = ran.get(task.parent)
        if parent is not None:
            # The scheduler hears of it later than it was made, perhaps after the parent's end.
            submit_ns = min(max(task.submit_ns, parent.start_ns), parent.end_ns, task.start_ns)
            is_elsewhere = lanes[task.id] != lanes[parent.id] or task.start_ns > parent.end_ns
            # Submitted by an earlier attempt of the parent, which is not drawn: no arrow.
            if is_elsewhere and submit_ns >= parent.start_ns:
                arrows += _arrow(task, lanes[parent.id], lanes[task.id], submit_ns)
        elif not task.parent and task.worker != task.submitter:
            submissions[task.submitter, task.submit_ns].append(task)
        # A parent that still runs has no bar yet, so that an arrow could not begin.
    marks: list[Event] = []
    for driver in dict.fromkeys(driver for driver, _ in submissions):
        for submit_ns, mark in _marks(driver, submissions):
            marks.append(mark)
            for task in submissions[driver, submit_ns]:
                arrows += _arrow(task, driver, lanes[task.id], submit_ns)
    bars = [_bar(task, lanes[task.id]) for task in ran.values()]
    return [*_names_of_lanes(trace["drivers"], lanes.values()), *bars, *marks, *arrows]


def _lanes(tasks: Iterable[_Task]) -> dict[int, int]:
    """Return the lane of each task: bars in a lane lie in one another, or side by side."""
    open_ends: defaultdict[int, list[int]] = defaultdict(list)
    lanes: dict[int, int] = {}
    for task in sorted(tasks, key=lambda t: (t.start_ns, -t.end_ns)):
        lane = task.worker
        while True:
            ends = open_ends[lane]
            while ends and ends[-1] <= task.start_ns:
                ends.pop()
            if not ends or task.end_ns <= ends[-1]:
                break
            lane += _NEXT_LANE
        ends.append(task.end_ns)
        lanes[task.id] = lane
    return lanes


def _names_of_lanes(drivers: Iterable[int], used: Iterable[int]) -> list[Event]:
    drivers = list(drivers)
    named = [_metadata("process_name", 0, {"name": "ray_jupyter"})]
    of_workers = sorted(set(used), key=lambda lane: (lane % _NEXT_LANE, lane))
    for at, lane in enumerate(dict.fromkeys([*drivers, *of_workers])):
        further, pid = divmod(lane, _NEXT_LANE)
        role = "driver" if pid in drivers else "worker"
        name = f"{role} {pid}" + (f" ({further + 1})" if further else "")
        named.append(_metadata("thread_name", lane, {"name": name}))
        named.append(_metadata("thread_sort_index", lane, {"sort_index": at}))
    return named


def _bar(task: _Task, lane: int) -> Event:
    return {
        "name": task.name, "cat": "task", "ph": "X", "pid": _PROCESS, "tid": lane,
        "ts": task.start_ns / 1000, "dur": (task.end_ns - task.start_ns) / 1000,
        "args": {
            "task_id": f"{task.id:x}", "parent_id": f"{task.parent:x}", "status": task.status,
            "attempt": task.attempt, "waited_us": (task.start_ns - task.submit_ns) / 1000,
        },
    }  # fmt: skip


def _arrow(task: _Task, from_lane: int, to_lane: int, submit_ns: int) -> list[Event]:
    # Attempts have the task's id and only the last one is drawn: the id names one arrow.
    common = {"name": "submit", "cat": "submit", "id": f"{task.id:x}", "pid": _PROCESS}
    return [
        common | {"ph": "s", "tid": from_lane, "ts": submit_ns / 1000},
        common | {"ph": "f", "bp": "e", "tid": to_lane, "ts": task.start_ns / 1000},
    ]


def _marks(
    driver: int, submissions: Mapping[tuple[int, int], list[_Task]]
) -> Iterator[tuple[int, Event]]:
    """Yield (when, mark) for each time at which a driver submitted something."""
    moments = sorted(submit_ns for submitter, submit_ns in submissions if submitter == driver)
    for submit_ns, later_ns in zip(moments, [*moments[1:], moments[-1] + _MARK_NS], strict=True):
        tasks = submissions[driver, submit_ns]
        names = Counter(task.name for task in tasks)
        yield submit_ns, {
            "name": "submit " + ", ".join(f"{n} {name}" for name, n in names.items()),
            "cat": "submit", "ph": "X", "pid": _PROCESS, "tid": driver, "ts": submit_ns / 1000,
            "dur": min(_MARK_NS, later_ns - submit_ns) / 1000, "args": {"tasks": len(tasks)},
        }  # fmt: skip


def _metadata(kind: str, lane: int, arguments: Event) -> Event:
    return {"name": kind, "ph": "M", "pid": _PROCESS, "tid": lane, "args": arguments}
