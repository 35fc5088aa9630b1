"""How tasks end: errors, retries, crashes, cancels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core.scheduler import SchedulerCore
from ray_jupyter.runtime.protocol.messages import CANCELLED, ERROR, FAILED, RETRYABLE_ERROR, STORED

Pick = Callable[[list[c.Command], type[Any]], list[Any]]
MIB = 1 << 20


def error_of(session: Any, object_id: int) -> str:
    return str(session.want(object_id)[object_id][1])


def test_an_error_reaches_all_that_need_it_however_long_the_chain(session: Any) -> None:
    template = session.define()
    session.join(1)
    session.submit(10, template=template)
    for task in range(11, 3000):
        session.core.handle(e.Submitted(0, [(task, template, b"", (task - 1,), (), 0)]), 2)
    session.finish(1, 10, b"boom", status=ERROR)
    assert session.want(2999) == {2999: (FAILED, b"boom")}
    assert not session.state.tasks


def test_the_first_failed_dependency_counts(session: Any) -> None:
    template = session.define()
    session.join(1)
    session.join(2)
    session.submit(10, 11, template=template)
    session.submit(12, template=template, deps=(10, 11))
    first, second = (next(iter(session.state.clients[w].inflight)) for w in (1, 2))
    session.finish(2, second, b"%d" % second, status=ERROR)
    session.finish(1, first, b"%d" % first, status=ERROR)
    assert session.want(12) == {12: (FAILED, b"10")}


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (2, 3)])
def test_errors_that_may_be_repeated_are(session: Any, retries: int, attempts: int) -> None:
    session.join(1)
    session.submit(10, template=session.define(retries=retries))
    for _ in range(attempts):
        assert 10 in session.state.tasks
        session.finish(1, 10, b"again", status=RETRYABLE_ERROR)
    said = (attempts,) if attempts > 1 else ()
    assert session.want(10) == {10: (FAILED, b"again", *said)}
    assert session.state.retries == retries


def test_a_result_nobody_waits_for_gives_its_memory_back(session: Any, pick: Pick) -> None:
    session.join(1)
    [granted] = pick(session(e.AllocationRequested(1, 1, MIB)), c.Grant)
    session.finish(1, 10, [((STORED, granted.offset, MIB), ())])
    assert not session.state.allocator.allocated


def test_a_stale_result_takes_no_memory_of_others(session: Any, pick: Pick) -> None:
    session.join(1)
    [granted] = pick(session(e.AllocationRequested(0, 1, MIB)), c.Grant)
    session.finish(1, 10, [((STORED, granted.offset, MIB), ())])
    assert session.state.grants == {granted.offset: 0}


def test_prefetched_tasks_cost_nothing_when_a_task_in_place_crashes(session: Any) -> None:
    """10 runs its child 20 on its stack; 11 is behind 10 in the inbox, not started."""
    template = session.define(2, retries=0)
    session.join(1)
    session.submit(9, template=template)
    session.finish(1, 9)
    session.submit(10, 11, template=template)
    session(e.Claimed(1, [(20, template, b"", (), (), 10)]))
    session.lose(1, running=20)
    assert list(session.state.tasks) == [11]
    assert session.state.tasks[11].attempt == 0


def test_a_task_claimed_by_an_actor_is_repeated(session: Any) -> None:
    session.join(1)
    session.submit(5, template=session.define(kind="actor"))
    session.finish(1, 5)
    session.submit(6, template=session.define(0, kind="method"), held=(5,))
    session(e.Held(0, []))
    session(e.Claimed(1, [(20, session.define(), b"", (), (), 6)]))
    session(e.Held(0, [20]))
    session.lose(1, running=20)
    assert list(session.state.tasks) == [20]
    assert error_of(session, 6) == "actor work died: worker was killed by SIGKILL"


class TestCancel:
    def test_waiting_for_arguments(self, session: Any) -> None:
        template = session.define()
        session.join(1)
        session.submit(10, template=template)
        session.submit(11, template=template, deps=(10,))
        session(e.CancelRequested(0, 11, False, False))
        session.finish(1, 10)
        assert error_of(session, 11) == "TaskCancelledError"

    def test_in_a_queue(self, session: Any) -> None:
        session.submit(10, template=session.define())
        session(e.CancelRequested(0, 10, False, False))
        assert error_of(session, 10) == "TaskCancelledError"
        assert session.sent(session.join(1)) == {}

    def test_running(self, session: Any, pick: Pick) -> None:
        session.join(1)
        session.submit(10, template=session.define())
        told = session(e.CancelRequested(0, 10, False, False))
        assert pick(told, c.InterruptTask) == [c.InterruptTask(1, 10)]
        session.finish(1, 10, b"", status=CANCELLED)
        assert error_of(session, 10) == "TaskCancelledError"

    def test_running_by_force(self, session: Any, pick: Pick) -> None:
        """The worker gets nothing any more, even if it was faster than the signal."""
        session.join(1)
        template = session.define()
        session.submit(10, template=template)
        told = session(e.CancelRequested(0, 10, True, False))
        assert pick(told, c.KillWorker) == [c.KillWorker(1)]
        session.finish(1, 10)
        assert session.sent(session.submit(11, template=template)) == {}

    def test_handed_back_before_the_interrupt_came(self, session: Any) -> None:
        template = session.define(2)
        session.join(1)
        session.submit(9, template=template)
        session.finish(1, 9)
        session.submit(10, 11, template=template)
        session(e.CancelRequested(0, 11, False, False))
        session(e.Blocked(1, [], [11]))
        assert error_of(session, 11) == "TaskCancelledError"

    def test_with_all_its_descendants(self, session: Any) -> None:
        template = session.define()
        session.submit(10, template=template)
        for task in range(11, 1500):
            session.core.handle(e.Submitted(0, [(task, template, b"", (), (), task - 1)]), 2)
        session(e.CancelRequested(0, 10, False, True))
        assert not session.state.tasks

    def test_what_has_ended(self, session: Any) -> None:
        session.join(1)
        session.submit(10, template=session.define())
        session.finish(1, 10)
        assert session(e.CancelRequested(0, 10, True, True)) == []


def test_a_child_on_its_way_is_cancelled_with_its_parent() -> None:
    """The worker claimed a child, and died by the forced cancel before we heard of it."""
    core = SchedulerCore({"CPU": 10_000}, store_limit_bytes=1 << 20, workers_target=1)
    definition = ("task", "f", b"", (), (("CPU", 10_000),), 1, 3, "", ())
    core.handle(e.ClientJoined(0, False, 100), 0)
    core.handle(e.ClientJoined(1, True, 101), 0)
    core.handle(e.Defined(0, 1, definition), 0)
    core.handle(e.Submitted(0, [(10, 1, b"", (), (), 0)]), 0)
    core.handle(e.CancelRequested(0, 10, True, True), 0)
    core.handle(e.Claimed(1, [((1 << 32) + 1, 1, b"", (), (), 10)]), 0)
    commands = core.handle(e.ClientLost(1, "killed", (1 << 32) + 1), 0)
    assert not core.state.tasks
    assert core.state.failed == 2
    assert not [command for command in commands if isinstance(command, c.Dispatch)]
