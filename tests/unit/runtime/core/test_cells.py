"""What a cell submitted is counted, with what descends from it, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core.cells import CELLS_MAX, report, unfinished
from ray_jupyter.runtime.protocol import messages as m


@pytest.fixture
def two_workers(session: Any) -> Any:
    session.join(1)
    session.join(2)
    return session


def functions(session: Any, cell: int) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = report(session.state, cell)["functions"]
    return found


def test_a_cell_that_submits_nothing_is_not_known(session: Any) -> None:
    session(e.CellBegan(0, 5))
    assert report(session.state, 5) == {}


def test_tasks_are_counted_by_name_and_state(two_workers: Any) -> None:
    session = two_workers
    work = session.define(retries=0)
    session(e.CellBegan(0, 5))
    session.submit(10, 11, 12, 13, template=work)
    assert functions(session, 5) == [("work", 4, 2, 0, 0)]
    tasks = session.state.tasks
    session.finish(tasks[10].worker, 10, took_ns=7)
    session.finish(tasks[11].worker, 11, b"error", status=m.ERROR, took_ns=30)
    [(_, submitted, _, finished, failed)] = functions(session, 5)
    assert (submitted, finished, failed) == (4, 1, 1)
    found = report(session.state, 5)
    assert (found["unfinished"], found["wall_ns"], found["cpu_ns"]) == (2, 37, 37)
    assert found["longest_ns"] == 30
    assert found["error"] == (11, "work", (m.FAILED, b"error"))
    assert (found["pids"], found["cpus"]) == ([101, 102], 2)


def test_cancelled_tasks_are_no_errors(two_workers: Any) -> None:
    session = two_workers
    session(e.CellBegan(0, 5))
    session.submit(10, 11, 12, template=session.define())
    session(e.CancelRequested(0, 12, False, False))
    found = report(session.state, 5)
    assert (found["cancelled"], found["unfinished"], found["error"]) == (1, 2, None)


def test_tasks_without_events_end_too(two_workers: Any) -> None:
    session = two_workers
    session(e.CellBegan(0, 5))
    session.submit(10, template=session.define(extras=((m.TASK_EVENTS, False),)))
    assert report(session.state, 5)["unfinished"] == 1
    session.finish(session.state.tasks[10].worker, 10)
    assert report(session.state, 5)["unfinished"] == 0


def test_what_pickling_took_is_counted(two_workers: Any) -> None:
    session = two_workers
    session(e.CellBegan(0, 5))
    session(e.Moved(0, 0, 7))  # the driver, for the cell that it runs
    session.submit(10, template=session.define())
    session(e.Moved(session.state.tasks[10].worker, 10, 30))
    session(e.Moved(1, 99, 1_000))  # a task that has been forgotten
    found = report(session.state, 5)
    assert (found["packed_ns"], found["moved_ns"]) == (7, 30)


def test_the_next_cell_counts_anew(two_workers: Any) -> None:
    session = two_workers
    work = session.define()
    session.submit(9, template=work)
    session(e.CellBegan(0, 10))
    session.submit(11, template=work)
    session(e.CellBegan(0, 20))
    session.submit(21, 22, template=work)
    assert functions(session, 10)[0][1] == 1
    assert functions(session, 20)[0][1] == 2
    assert [task for task, _ in unfinished(session.state, 20)] == [21, 22]


def test_children_belong_to_the_cell_of_their_parent(two_workers: Any) -> None:
    session = two_workers
    work = session.define()
    session(e.CellBegan(0, 10))
    session.submit(11, template=work)
    session(e.CellBegan(0, 20))
    session.submit(1 << 32, template=work, parent=11, client=1)
    assert functions(session, 10)[0][1] == 2
    assert report(session.state, 20) == {}
    assert unfinished(session.state, 10) == [(11, False)]  # the child ends with it


def test_retries_are_counted_when_the_task_has_ended(two_workers: Any) -> None:
    session = two_workers
    session(e.CellBegan(0, 10))
    session.submit(11, template=session.define())
    session.lose(session.state.tasks[11].worker, running=11)
    session.finish(session.state.tasks[11].worker, 11)
    assert report(session.state, 10)["retries"] == 1
    assert report(session.state, 10)["unfinished"] == 0


def test_another_driver_has_cells_of_its_own(two_workers: Any) -> None:
    session = two_workers
    session(e.ClientJoined(7, False, 70))
    session(e.CellBegan(0, 10))
    session(e.CellBegan(7, (7 << 32) + 1))
    work = session.define(client=7)
    session.submit((7 << 32) + 2, template=work, client=7)
    assert report(session.state, 10) == {}
    assert functions(session, (7 << 32) + 1)[0][1] == 1


def test_old_cells_are_forgotten(two_workers: Any) -> None:
    session = two_workers
    work = session.define(cpus=0)
    for cell in range(200, 200 + 2 * CELLS_MAX + 2, 2):
        session(e.CellBegan(0, cell))
        session.submit(cell + 1, template=work)
    assert len(session.state.cells) == CELLS_MAX
    assert report(session.state, 200) == {}
